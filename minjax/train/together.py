"""Runs that differ in nothing but the seed, trained side by side by one program: their states are stacked.

A run takes the steps that it would take alone: the same `run_steps` and `run_batches`, mapped over the runs. What they
share lies on the devices once, each run's own data beside the others'. With several devices each of them has an equal
share of the runs. `Together` has the methods of `train.engine.Engine` by which one training serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minjax.data import Split
from minjax.train.compiled import Compiled
from minjax.train.engine import choose_devices, steps_per_epoch
from minjax.train.epoch import Input, Totals, check_batch, run_steps
from minjax.train.evaluate import run_batches, summarize
from minjax.train.pace import Pace
from minjax.train.population import AXIS, over_members
from minjax.train.state import TrainState
from minjax.train.step import train_step
from minjax.train.vectors import holding


class Placed(NamedTuple):
    """A split of each run, on the devices.

    Attributes:
        images, labels: of the split that all runs share, or with a leading axis of runs.
        shared: which of both.
        truth: int32 [N] on the host, the labels of each run.
    """

    images: jax.Array
    labels: jax.Array
    shared: bool
    truth: list[np.ndarray]


class Together:
    """Runs the steps and evaluations of several runs of one model.

    Attributes:
        members: how many runs there are.
        population: how many the program is for; the last run fills the places that are left.
        steps_per_epoch: gradient steps in an epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: optax.GradientTransformation,
        trains: Sequence[Split],
        inputs: Sequence[Input],
        *,
        batch_size: int,
        population: int,
        drop_last: bool = True,
        devices: int | None = None,
        evaluation_batch: int = 500,
        as_vectors: bool | None = None,
    ):
        """Put the training splits on the devices.

        Args:
            model: called as `model.apply(variables, images, train=bool)`.
            optimizer: the transformation whose state the training states hold.
            trains: the training split of each run, on the host; all have as many images.
            inputs: how each run's images are augmented and normalised; they differ in mean and deviation at most.
            batch_size: images per step of a run.
            population: how many runs the program is for. Its results depend on that number in their last bits, so a
                population of which some have ended goes on in the same.
            drop_last: drop the incomplete last batch of an epoch.
            devices: how many to use; None: all.
            evaluation_batch: images per batch in `evaluate_each`.
            as_vectors: hold states as vectors inside the loop over steps (see `train.vectors`); None: on accelerators.

        Raises:
            UserError: more devices than there are, a batch larger than the split.
        """
        self.devices = choose_devices(devices)
        size = len(trains[0])
        check_batch(batch_size, size, 1)
        self.members, self.population = len(trains), max(population, len(trains))
        self.batch_size, self.full_steps = batch_size, size // batch_size
        self.tail = 0 if drop_last else size % batch_size
        self.steps_per_epoch = steps_per_epoch(size, batch_size, drop_last)
        self.inputs = inputs[0]
        self._apply, self._evaluation_batch = model.apply, evaluation_batch
        self._vectors = holding(optimizer, self.devices[0].platform != "cpu" if as_vectors is None else as_vectors)
        self._step = partial(train_step, apply=model.apply, optimizer=optimizer)
        self._mesh = Mesh(np.array(self.devices), (AXIS,))
        self._programs: dict[Any, Compiled] = {}
        statistics = [(np.asarray(one.mean), np.asarray(one.std)) for one in inputs]
        self._mean, self._std = self.place_each(statistics)
        self._train = self.place_splits(trains)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return sum(program.compile_seconds for program in self._programs.values())

    # -- moving arrays

    def place_each(self, trees: Sequence[Any]) -> Any:
        """Stack the host arrays of the runs along a leading axis, and copy them to the devices."""
        slots = -(-self.population // len(self.devices)) * len(self.devices)
        filled = [*trees, *[trees[-1]] * (slots - len(trees))]
        return jax.device_put(jax.tree.map(lambda *x: np.stack(x), *filled), self._sharding(AXIS))

    def fetch_each(self, tree: Any) -> list[Any]:
        """The tree of each run on the host, as numpy arrays."""
        host = jax.device_get(tree)
        return [jax.tree.map(lambda x: x[index], host) for index in range(self.members)]  # noqa: B023

    def place_splits(self, splits: Sequence[Split]) -> Placed:
        """A split of each run on the devices; once, where it is the same for all."""
        first, truth = splits[0], [np.asarray(split.labels) for split in splits]
        shared = all(_equal(first, split) for split in splits[1:])
        if shared:
            images, labels = jax.device_put((first.images, first.labels), self._sharding())
        else:
            images, labels = self.place_each([(split.images, split.labels) for split in splits])
        return Placed(images, labels, shared, truth)

    def _sharding(self, *axes: str) -> NamedSharding:
        return NamedSharding(self._mesh, PartitionSpec(*axes))

    # -- training

    def run(self, state: TrainState, totals: Totals, epoch: int, first: int, count: int) -> tuple[TrainState, Totals]:
        """Take steps `first` to `first + count - 1` (from 0) of `epoch` (from 1); `state` and `totals` are donated."""
        carry, full = (state, totals), min(count, self.full_steps - first)
        if full > 0:
            carry = self._run("full", self.batch_size, 0, carry, epoch, first, full)
        if first + count > self.full_steps:
            carry = self._run("tail", self.tail, self.full_steps * self.batch_size, carry, epoch, 0, 1)
        return carry

    def _run(self, name: str, batch_size: int, skip: int, carry: tuple[TrainState, Totals], *window: int) -> Any:
        def one(carry, mean, std, *rest):
            return run_steps(
                *carry,
                *rest,
                step=self._step,
                inputs=self.inputs.replace(mean=mean, std=std),  # type: ignore[attr-defined]
                batch_size=batch_size,
                skip=skip,
                vectors=self._vectors,
            )

        placed = self._train
        program = self._program(name, one, 3, placed.shared, len(window))
        return program(carry, self._mean, self._std, placed.images, placed.labels, *map(np.int32, window))

    def _program(self, key: Any, one: Callable[..., Any], own: int, shared: bool, numbers: int) -> Compiled:
        """The program of a function of one run: `own` arguments of the run's, images and labels, `numbers` of all."""
        if key not in self._programs:
            own, same = (own, 2 + numbers) if shared else (own + 2, numbers)
            mapped = jax.vmap(one, in_axes=(*[0] * own, *[None] * same))
            self._programs[key] = over_members(mapped, self._mesh, own, same)
        return self._programs[key]

    # -- evaluation

    def evaluate_each(
        self, state: TrainState, placed: Placed, *, pace: Pace, stop: Callable[[], bool]
    ) -> list[dict[str, Any]] | None:
        """Evaluate each run's network on its split.

        Args:
            state: of the runs.
            placed: from `place_splits`.
            pace: decides how many batches a dispatch takes.
            stop: asked between dispatches; True ends the evaluation.

        Returns:
            For each run what `Engine.evaluate` returns; None if stopped.
        """
        size = len(placed.truth[0])
        batch = min(self._evaluation_batch, size)
        zeros = (np.zeros(size, np.int32), np.zeros((), jnp.result_type(float)), np.zeros(size, np.float32))
        sums = self.place_each([zeros] * self.members)

        def one(sums, variables, mean, std, *rest):
            predicted, loss, confidence = sums
            inputs = self.inputs.replace(mean=mean, std=std)  # type: ignore[attr-defined]
            how: dict[str, Any] = {"apply": self._apply, "inputs": inputs, "batch_size": batch}
            return run_batches(variables, predicted, loss, *rest, **how, confidence=confidence)

        program = self._program(("evaluate", placed.images.shape), one, 4, placed.shared, 2)
        variables = {"params": state.params, **state.model_state}
        done, batches = 0, -(-size // batch)
        while done < batches:
            if stop():
                return None
            count = pace.steps(batches - done)
            window = (np.int32(done), np.int32(count))
            sums, seconds = program.timed(sums, variables, self._mean, self._std, placed.images, placed.labels, *window)
            pace.note(count, seconds)
            done += count
        found = zip(self.fetch_each(sums), placed.truth, strict=True)
        return [summarize(predicted, loss, truth, confidence) for (predicted, loss, confidence), truth in found]


def _equal(first: Split, other: Split) -> bool:
    return np.array_equal(first.labels, other.labels) and np.array_equal(first.images, other.images)
