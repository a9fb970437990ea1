"""Populations: networks of one shape, trained by one program, that differ in seed, in learning rate or weight decay,
or in which part of them is live.

The training split is on the devices once; each member has its own division of it into images to train on and images
to be evaluated on (`Partition`). Order, augmentation, step and evaluation are those of a single run (`run_steps`,
`run_batches`), so each member is what the same run on its own would give. A population runs in one of two ways, each a
single program:

- *together*: `vmap` over the members, which fills an accelerator with small networks;
- *one by one*: a loop over the members inside the program. On two CPU cores it is as fast for fully connected networks
  and many times faster for convolutions, which `vmap` turns into grouped convolutions; and a member's numbers do not
  depend on the other members, to the last bit.

With several devices each of them has an equal share of the members.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
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
from minjax.train.member import Carry, History, Initial, Partition, advance, fresh
from minjax.train.pace import Pace
from minjax.train.unfinished import Kept, Unfinished

AXIS = "members"


@dataclasses.dataclass(frozen=True)
class TrainedMembers:
    """Members that have finished all epochs.

    Attributes:
        first: index of the first of them in the population.
        count: how many there are.
        history: their metrics, on the host, with a leading axis of members.
        seconds: spent training since the previous ones finished.
        carry: the whole population on the devices, members in the slots that `Population.slots` gives.
        traits: what else tells the members apart, in the same slots.
    """

    first: int
    count: int
    history: History
    seconds: float
    carry: Carry
    traits: Any


class Population:
    """Trains populations of at most `capacity` members, any number of them, with one compiled program.

    Attributes:
        mesh: the devices, along the members' axis.
        capacity: members at a time, a multiple of the devices.
        local: members per device.
        steps: gradient steps that each member takes, over all epochs.
        sizes: images that a member sees in an epoch ("train") and after it ("validation").
        images, labels: the training split on the devices.
        program: the compiled program that every dispatch runs.
    """

    def __init__(
        self,
        apply: Callable[..., Any],
        optimizer: Callable[[Any], optax.GradientTransformation],
        initial: Initial,
        train: Split,
        inputs: Input,
        *,
        images: tuple[int, int],
        epochs: int,
        batch_size: int,
        capacity: int,
        together: bool,
        devices: int | None = None,
        evaluation_batch: int = 500,
        as_vectors: bool | None = None,
    ):
        """Put the training split on the devices.

        Args:
            apply: `model.apply`.
            optimizer: a member's traits, which are traced -> the optimizer that trains it.
            initial: (seed int32, traits) -> a member's new state; traits are a pytree of what tells members apart
                besides the seed.
            train: the training split, on the host, which each member divides for itself.
            inputs: how images are augmented; mean and deviation are those of a member's own images.
            images: how many of them each member trains on, the incomplete last batch of an epoch dropped, and how many
                it is evaluated on after every epoch.
            epochs: how many each member trains for.
            batch_size: images per step of a member.
            capacity: members at a time; rounded up to a multiple of the devices.
            together: whether to `vmap` over the members or run them one by one.
            devices: how many devices to use; None: all.
            evaluation_batch: images per batch of the evaluation.
            as_vectors: hold states as vectors inside the loop over steps (see `train.vectors`); None: on accelerators.

        Raises:
            UserError: more devices than there are.
        """
        chosen = choose_devices(devices)
        self.mesh = Mesh(np.array(chosen), (AXIS,))
        self.local = -(-capacity // len(chosen))
        self.capacity = self.local * len(chosen)
        self.together = together
        self.epochs, self.batch_size = epochs, batch_size
        self.steps = epochs * (images[0] // batch_size)
        self.sizes = {"train": self.steps // epochs * batch_size, "validation": images[1]}
        everywhere = NamedSharding(self.mesh, PartitionSpec())
        self.images, self.labels = jax.device_put((train.images, train.labels), everywhere)
        self._initial = initial
        member = partial(
            advance,
            initial=initial,
            optimizer=optimizer,
            apply=apply,
            inputs=inputs,
            batch_size=batch_size,
            evaluation_batch=min(evaluation_batch, images[1]),
            as_vectors=chosen[0].platform != "cpu" if as_vectors is None else as_vectors,
        )
        self.program = over_members(partial(_together if together else _one_by_one, member), self.mesh, 4, 6)
        self.pace = Pace()

    def train(
        self,
        seeds: np.ndarray,
        traits: Any,
        parts: Partition,
        *,
        stop: Callable[[], bool],
        tick: Callable[[float], None] | None = None,
        unfinished: Unfinished | None = None,
    ) -> Iterator[TrainedMembers]:
        """Train members to the end; after each dispatch, yield those that have finished.

        Args:
            seeds: int [M], M at most the capacity.
            traits: pytree with a leading axis M, an entry for each member, as `initial` takes it.
            parts: how each of them divides the training split.
            stop: asked between dispatches; True ends the training.
            tick: called after each dispatch with the fraction of the population's steps taken in it.
            unfinished: saves members in training, and has those that it saved before go on; None: all start afresh.

        Yields:
            The members that have finished; the next dispatch reuses the memory of their arrays on the devices.
        """
        count = len(seeds)
        seeds, traits, parts = self.spread((np.asarray(seeds, np.int32), traits, parts))
        like = self._like(seeds, traits)
        carry = self._spread_some(like, [])
        devices = self.capacity // self.local
        rounds = self.local if self.together else -(-count // devices)
        done, step, reported, spent = 0, 0, 0, 0.0  # members of a device that have finished; steps taken by the next

        def keep() -> None:
            if unfinished is not None:
                unfinished.save(at[0], Kept(step, spent, _of(carry, self.slots(*at))))

        while done < rounds:
            few = rounds if self.together else 1
            at = reported, self._through(done + 1, count) - reported  # the first of those in training, and how many
            if step == 0 and unfinished is not None and (kept := unfinished.load(*at, like, self.steps)):
                carry, step, spent = self._spread_some(like, self.slots(*at), kept.carry), kept.step, kept.seconds
                if tick is not None:
                    tick(few * step / (rounds * self.steps))
            if step < self.steps:
                if stop():
                    if step > 0:
                        keep()
                    return
                few, first, taken = self._next(rounds - done, step)
                window = map(np.int32, (done, done + few, first, first + taken))
                carry, seconds = self.program.timed(carry, seeds, traits, parts, self.images, self.labels, *window)
                self.pace.note(few * taken, seconds)
                spent += seconds
                if tick is not None:
                    tick(few * taken / (rounds * self.steps))
                step = first + taken
                if unfinished is not None and unfinished.is_due(spent, ended=step == self.steps):
                    keep()
            if step == self.steps:
                done, step = done + few, 0
                finished = self._through(done, count) - reported
                history = _of(carry.history, self.slots(reported, finished))
                yield TrainedMembers(reported, finished, history, spent, carry, traits)
                reported, spent = reported + finished, 0.0

    def _through(self, done: int, count: int) -> int:
        """How many members have finished, of `count`, when `done` of each device have."""
        return count if self.together else min(done * self.capacity // self.local, count)

    def _next(self, left: int, step: int) -> tuple[int, int, int]:
        """What the next dispatch does on each device: how many members, their first step, how many steps."""
        if self.together:
            return left, step, -(-self.pace.steps((self.steps - step) * left) // left)
        work = self.pace.steps(left * self.steps - step)
        if step == 0 and work >= self.steps:
            return work // self.steps, 0, self.steps
        return 1, step, min(work, self.steps - step)

    def slots(self, first: int, count: int) -> np.ndarray:
        """Indices of members in the arrays. One by one, devices take turns, so that all of them finish together."""
        members = np.arange(first, first + count)
        devices = self.capacity // self.local
        return members if self.together else members % devices * self.local + members // devices

    def spread(self, tree: Any) -> Any:
        """Arrays of members [M, ...] on the devices, each in its slot; the last member fills the slots that are left.

        Raises:
            ValueError: no members, or more than the capacity.
        """
        return self.spread_like(jax.tree.map(self._in_slots, tree))

    def spread_like(self, tree: Any) -> Any:
        """Arrays with the same number of entries for each device along their first axis, on the devices."""
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec(AXIS)))

    def _in_slots(self, x: np.ndarray) -> np.ndarray:
        if not 1 <= len(x) <= self.capacity:
            raise ValueError(f"{len(x)} members; the population takes 1 to {self.capacity}")
        result = np.repeat(x[-1:], self.capacity, axis=0)
        result[self.slots(0, len(x))] = x
        return result

    def _like(self, seeds: Any, traits: Any) -> Carry:
        """Shapes and types of what a dispatch passes on about one member."""
        member = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), (seeds, traits))
        return jax.eval_shape(partial(fresh, self._initial, self.epochs, self.sizes["validation"]), *member)

    def _spread_some(self, like: Carry, slots: Sequence[int] | np.ndarray, some: Carry | None = None) -> Carry:
        """A population on the devices with `some` members [n, ...] in n slots, and zeros in the others.

        A member's first step makes its state, so zeros do for those that have not begun.
        """
        whole = jax.tree.map(lambda x: np.zeros((self.capacity, *x.shape), x.dtype), like)
        if some is not None:
            for array, own in zip(jax.tree.leaves(whole), jax.tree.leaves(some), strict=True):
                array[slots] = own
        return self.spread_like(whole)


def _of(tree: Any, slots: np.ndarray) -> Any:
    """The entries of some slots, on the host."""
    return jax.tree.map(lambda x: x[slots], jax.device_get(tree))


def over_members(function: Callable[..., Any], mesh: Mesh, members: int, same: int) -> Compiled:
    """A program that runs on every device of a mesh, each with its own members.

    Args:
        function: takes arguments with a leading axis of members, the first of which is donated, then arguments that
            all devices share; what it returns has the leading axis too.
        mesh: the devices, along `AXIS`.
        members: how many arguments have the leading axis.
        same: how many arguments the devices share.
    """
    own = PartitionSpec(AXIS)
    specs = (*[own] * members, *[PartitionSpec()] * same)
    mapped = jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=own, check_vma=False)
    return Compiled(jax.jit(mapped, donate_argnums=0))


def _together(member: Callable, carry: Carry, seeds, traits, parts, *rest) -> Carry:
    *split, _, _, first, last = rest
    return jax.vmap(lambda *own: member(*own, *split, first, last))(carry, seeds, traits, parts)


def _one_by_one(member: Callable, carry: Carry, seeds, traits, parts, *rest) -> Carry:
    """Advance this device's members `low` to `high - 1`, one after the other."""
    *split, low, high, first, last = rest

    def one(i: jax.Array, carry: Carry) -> Carry:
        at = lambda tree: jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, i, keepdims=False), tree)  # noqa: E731
        new = member(at(carry), at(seeds), at(traits), at(parts), *split, first, last)
        return jax.tree.map(lambda x, y: lax.dynamic_update_index_in_dim(x, y, i, 0), carry, new)

    return lax.fori_loop(low, high, one, carry)
