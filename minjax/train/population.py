"""Populations: networks of one shape that differ in seed (and in what is live of a padded one) trained by one program.

Order, augmentation, step and evaluation are those of a single run (`run_steps`, `run_batches`), so that a member is
what the same run trained alone would be. Two ways, one program each:

- *together*: `vmap` over the members, which fills an accelerator with small networks;
- *one by one*: a loop over the members inside the program. On two CPU cores it is as fast for fully connected networks
  and many times faster for convolutions, whose weights `vmap` turns into grouped convolutions; and a member's numbers
  do not depend on its company, to the last bit.

With several devices each of them has an equal share of the members.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minjax.data import Split
from minjax.train.compiled import Compiled
from minjax.train.engine import choose_devices
from minjax.train.epoch import Input
from minjax.train.member import Carry, History, Initial, advance, fresh
from minjax.train.pace import Pace
from minjax.train.step import train_step

AXIS = "members"


@dataclasses.dataclass(frozen=True)
class Trained:
    """Members that are through all epochs.

    Attributes:
        first: which of the population's members is the first of them.
        count: how many.
        history: of each, on the host, with a leading axis.
        seconds: spent since the last of these.
        carry: the whole population on the devices, with its leading axis in the order of `Population.places`.
        extras: likewise.
    """

    first: int
    count: int
    history: History
    seconds: float
    carry: Carry
    extras: Any


class Population:
    """Compiled once, it trains any number of populations of at most `capacity` members.

    Attributes:
        mesh: of all devices, along the members.
        capacity: members at a time, a multiple of the devices.
        local: members of a device.
        steps: of a member, over all epochs.
        sizes: images that a member sees in an epoch ("train") and after it ("test").
        program: of its dispatches.
    """

    def __init__(
        self,
        apply: Callable[..., Any],
        optimizer: optax.GradientTransformation,
        initial: Initial,
        train: Split,
        test: Split,
        inputs: Input,
        *,
        epochs: int,
        batch_size: int,
        capacity: int,
        together: bool,
        devices: int | None = None,
        evaluation_batch: int = 500,
    ):
        """Put the splits on the devices.

        Args:
            apply: `model.apply`.
            optimizer: of every member.
            initial: (seed int32, extra) -> a member's new state; `extra` is a pytree of what else tells members apart.
            train: on the host; the incomplete last batch of an epoch is dropped.
            test: on the host, evaluated whole after every epoch.
            inputs: augmentation and normalisation.
            epochs: of every member.
            batch_size: of each member.
            capacity: members at a time; rounded up to a multiple of the devices.
            together: `vmap` over the members, or one by one.
            devices: so many of them; None: all.
            evaluation_batch: images of a batch of the evaluation.

        Raises:
            UserError: more devices than there are.
        """
        chosen = choose_devices(devices)
        self.mesh = Mesh(np.array(chosen), (AXIS,))
        self.local = -(-capacity // len(chosen))
        self.capacity = self.local * len(chosen)
        self.together = together
        self.epochs, self.batch_size = epochs, batch_size
        self.steps = epochs * (len(train.labels) // batch_size)
        self.sizes = {"train": self.steps // epochs * batch_size, "test": len(test.labels)}
        splits = (train.images, train.labels, test.images, test.labels)
        self._splits = jax.device_put(splits, NamedSharding(self.mesh, PartitionSpec()))
        self._initial = initial
        member = partial(
            advance,
            initial=initial,
            step=partial(train_step, apply=apply, optimizer=optimizer),
            apply=apply,
            inputs=inputs,
            batch_size=batch_size,
            evaluation_batch=min(evaluation_batch, len(test.labels)),
        )
        self.program = over_members(partial(_together if together else _one_by_one, member), self.mesh, 3, 8)
        self.pace = Pace()

    def train(
        self, seeds: np.ndarray, extras: Any, *, stop: Callable[[], bool], tick: Callable[[float], None] | None = None
    ) -> Iterator[Trained]:
        """Train members to the end, and give those that are through after each dispatch.

        Args:
            seeds: int [M], M at most the capacity.
            extras: pytree with a leading axis M, as `initial` takes it.
            stop: asked between dispatches; True ends it, and members that are not through are lost.
            tick: called after each dispatch with the share of the population's steps taken in it.

        Yields:
            The members that are through; their arrays on the devices are used up by the next dispatch.
        """
        count = len(seeds)
        seeds, extras = self.spread((np.asarray(seeds, np.int32), extras))
        carry = self.spread_like(self._nothing(seeds, extras))
        devices = self.capacity // self.local
        rounds = self.local if self.together else -(-count // devices)
        done, step, reported, spent = 0, 0, 0, 0.0  # members of a device that are through; steps of the next
        while done < rounds:
            if stop():
                return
            few, first, taken = self._next(rounds - done, step)
            place = map(np.int32, (done, done + few, first, first + taken))
            carry, seconds = self.program.timed(carry, seeds, extras, *self._splits, *place)
            self.pace.note(few * taken, seconds)
            spent += seconds
            if tick is not None:
                tick(few * taken / (rounds * self.steps))
            step = first + taken
            if step == self.steps:
                done, step = done + few, 0
                through = count if self.together else min(done * devices, count)
                places = self.places(reported, through - reported)
                history = jax.tree.map(lambda x: x[places], jax.device_get(carry.history))  # noqa: B023
                yield Trained(reported, through - reported, history, spent, carry, extras)
                reported, spent = through, 0.0

    def _next(self, left: int, step: int) -> tuple[int, int, int]:
        """Members of a device, first step and steps of the next dispatch."""
        if self.together:
            return left, step, -(-self.pace.steps((self.steps - step) * left) // left)
        work = self.pace.steps(left * self.steps - step)
        if step == 0 and work >= self.steps:
            return work // self.steps, 0, self.steps
        return 1, step, min(work, self.steps - step)

    def places(self, first: int, count: int) -> np.ndarray:
        """Where members stand in the arrays: one by one, devices take turns, so that they are through together."""
        members = np.arange(first, first + count)
        devices = self.capacity // self.local
        return members if self.together else members % devices * self.local + members // devices

    def spread(self, tree: Any) -> Any:
        """Arrays of members [M, ...] on the devices, in the order of `places`; the last one fills what is left.

        Raises:
            ValueError: no members, or more than the capacity.
        """
        return self.spread_like(jax.tree.map(self._placed, tree))

    def spread_like(self, tree: Any) -> Any:
        """Arrays that have as many entries for each device along their first axis, on the devices."""
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec(AXIS)))

    def _placed(self, x: np.ndarray) -> np.ndarray:
        if not 1 <= len(x) <= self.capacity:
            raise ValueError(f"{len(x)} members; the population takes 1 to {self.capacity}")
        result = np.repeat(x[-1:], self.capacity, axis=0)
        result[self.places(0, len(x))] = x
        return result

    def _nothing(self, seeds: Any, extras: Any) -> Carry:
        """Zeros: the first step of a member makes its state."""
        member = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), (seeds, extras))
        like = jax.eval_shape(partial(fresh, self._initial, self.epochs), *member)
        return jax.tree.map(lambda x: np.zeros((self.capacity, *x.shape), x.dtype), like)


def over_members(function: Callable[..., Any], mesh: Mesh, members: int, same: int) -> Compiled:
    """A program that runs on every device of a mesh, each with its own members.

    Args:
        function: of `members` arguments with a leading axis of members, the first of which it uses up, and `same`
            arguments that all devices share; what it returns has the leading axis as well.
        mesh: of the devices, along `AXIS`.
        members: see above.
        same: see above.
    """
    own = PartitionSpec(AXIS)
    specs = (*[own] * members, *[PartitionSpec()] * same)
    mapped = jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=own, check_vma=False)
    return Compiled(jax.jit(mapped, donate_argnums=0))


def _together(member: Callable, carry: Carry, seeds, extras, *rest) -> Carry:
    *splits, _, _, first, last = rest
    return jax.vmap(lambda c, s, e: member(c, s, e, *splits, first, last))(carry, seeds, extras)


def _one_by_one(member: Callable, carry: Carry, seeds, extras, *rest) -> Carry:
    """Members `low` to `high - 1` of this device, one after the other."""
    *splits, low, high, first, last = rest

    def one(i: jax.Array, carry: Carry) -> Carry:
        at = lambda tree: jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, i, keepdims=False), tree)  # noqa: E731
        new = member(at(carry), at(seeds), at(extras), *splits, first, last)
        return jax.tree.map(lambda x, y: lax.dynamic_update_index_in_dim(x, y, i, 0), carry, new)

    return lax.fori_loop(low, high, one, carry)
