"""The compiled programs of a run, and where its arrays are placed: on one device, `jit` over a mesh, or `pmap`.

`jit` shards each batch over the mesh and replicates the rest: a global batch, so the result is that of one device.
`pmap` names the axis, averages gradients and synchronises batch norm explicitly. Nothing outside this file depends on
which it is. With several processes (`minjax.processes`) the mesh of `jit` spans the devices of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minjax.data import Split
from minjax.errors import UserError, unknown
from minjax.train.compiled import Compiled
from minjax.train.epoch import Input, Totals, check_batch, run_steps
from minjax.train.evaluate import run_batches, summarize
from minjax.train.pace import Pace
from minjax.train.state import TrainState
from minjax.train.step import train_step
from minjax.train.vectors import holding

AXIS = "data"
PARALLEL = ("auto", "jit", "pmap")


def axis_name(parallel: str) -> str | None:
    """The axis that a model synchronises over in this mode; None: none.

    Raises:
        UserError: the mode is unknown.
    """
    if parallel not in PARALLEL:
        raise unknown("parallel mode", parallel, PARALLEL)
    return AXIS if parallel == "pmap" else None


def choose_devices(count: int | None) -> list[jax.Device]:
    """The first `count` devices of each process, for all processes; None: all devices.

    Raises:
        UserError: a process has fewer devices.
    """
    here = jax.local_devices()
    if count is not None and not 1 <= count <= len(here):
        there = f"there {'is' if len(here) == 1 else 'are'} {len(here)} ({here[0].platform})"
        each = " in this process" if jax.process_count() > 1 else ""
        raise UserError(f"devices is {count}; {there}{each}, so it must be 1 to {len(here)}, or None for all")
    every: dict[int, list[jax.Device]] = {}
    for device in jax.devices():
        every.setdefault(device.process_index, []).append(device)
    return [device for _, own in sorted(every.items()) for device in own[:count]]


def steps_per_epoch(size: int, batch_size: int, drop_last: bool) -> int:
    """Gradient steps in an epoch over `size` images; at least 1, so that even a bad batch size has a schedule."""
    return max(1, size // batch_size if drop_last else -(-size // batch_size))


class Engine:
    """Runs the steps and evaluations of one model on one training split.

    Attributes:
        members, population: runs that are trained, for a training that takes one or several (`train.together`): 1.
        steps_per_epoch: gradient steps in an epoch.
    """

    members = population = 1

    def __init__(
        self,
        model: nn.Module,
        optimizer: optax.GradientTransformation,
        train: Split,
        inputs: Input,
        *,
        batch_size: int,
        drop_last: bool = True,
        parallel: str = "auto",
        devices: int | None = None,
        evaluation_batch: int = 500,
        reparametrize: Callable[[Any], Any] | None = None,
        as_vectors: bool | None = None,
    ):
        """Put the training split on the devices.

        Args:
            model: called as `model.apply(variables, images, train=bool)`.
            optimizer: the transformation whose state the training state holds.
            train: the training split on the host, or the `train` of another engine on the same devices, to share it.
            inputs: how images are augmented and normalised.
            batch_size: images in a global batch.
            drop_last: drop the incomplete last batch of an epoch.
            parallel: one of `PARALLEL`.
            devices: how many of each process's devices to use; None: all.
            evaluation_batch: images per batch in `evaluate`, rounded up to a multiple of the devices.
            reparametrize: params -> params that the model uses in training steps (see `train_step`).
            as_vectors: hold the state as vectors inside the loop over steps (see `train.vectors`); None: on
                accelerators.

        Raises:
            UserError: unknown mode, more devices than there are, a batch larger than the split or not a multiple of
                the devices, `pmap` in several processes.
        """
        self.devices = choose_devices(devices)
        self.pmapped = axis_name(parallel) is not None
        count = len(self.devices)
        size = len(train.labels)
        check_batch(batch_size, size, count)
        if self.pmapped and jax.process_count() > 1:
            raise UserError("parallel=pmap is for one process; parallel=jit spans several")
        if not drop_last and count > 1:
            raise UserError(f"drop_last=False is for one device only; there are {count}")
        self.batch_size = batch_size
        self.tail = 0 if drop_last else size % batch_size
        self.full_steps = size // batch_size
        self.steps_per_epoch = steps_per_epoch(size, batch_size, drop_last)
        self.inputs = inputs
        self._programs: dict[Any, Compiled] = {}
        self._apply = model.apply
        self._vectors = holding(optimizer, self.devices[0].platform != "cpu" if as_vectors is None else as_vectors)
        self._step = partial(
            train_step,
            apply=model.apply,
            optimizer=optimizer,
            reparametrize=reparametrize,
            axis_name=axis_name(parallel),
        )
        self._mesh = Mesh(np.array(self.devices), (AXIS,))
        self._replicated = NamedSharding(self._mesh, PartitionSpec())
        self._evaluation_batch = -(-evaluation_batch // count) * count
        self._images, self._labels = self.place((train.images, train.labels))

    @property
    def train(self) -> Split:
        """The training split on the devices; not with `pmap`, which keeps a copy for each of them."""
        return Split(self._images, self._labels)

    @property
    def compilations(self) -> int:
        """How many programs have been compiled so far."""
        return sum(program.compilations for program in self._programs.values())

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return sum(program.compile_seconds for program in self._programs.values())

    # -- moving arrays

    def place(self, tree: Any) -> Any:
        """Copy a tree of host arrays to every device (with `pmap` along a new leading axis)."""
        if not self.pmapped:
            return jax.tree.map(self._replicate, tree)
        sharding = NamedSharding(self._mesh, PartitionSpec(AXIS))
        count = len(self.devices)
        return jax.tree.map(lambda x: jax.device_put(np.broadcast_to(x, (count, *np.shape(x))), sharding), tree)

    def _replicate(self, x: Any) -> jax.Array:
        if jax.process_count() == 1:
            return jax.device_put(x, self._replicated)
        host = np.asarray(x)  # device_put would first compare it between the processes
        return jax.make_array_from_callback(host.shape, self._replicated, lambda index: host[index])

    def fetch(self, tree: Any) -> Any:
        """Copy a tree from the devices to the host, once, as numpy arrays."""
        return jax.device_get(jax.tree.map(lambda x: x[0], tree) if self.pmapped else tree)

    def place_each(self, trees: Sequence[Any]) -> Any:
        """Copy the host arrays of the one run to the devices, where there could be those of several."""
        return self.place(*trees)

    def fetch_each(self, tree: Any) -> list[Any]:
        """What `fetch` gives, in a list of one."""
        return [self.fetch(tree)]

    def _constrain(self, batch: jax.Array) -> jax.Array:
        if self.pmapped or len(self.devices) == 1:
            return batch
        return jax.lax.with_sharding_constraint(batch, NamedSharding(self._mesh, PartitionSpec(AXIS)))

    # -- training

    def run(self, state: TrainState, totals: Totals, epoch: int, first: int, count: int) -> tuple[TrainState, Totals]:
        """Take steps `first` to `first + count - 1` (from 0) of `epoch` (from 1); `state` and `totals` are donated."""
        full = min(count, self.full_steps - first)
        if full > 0:
            state, totals = self._run("full", self.batch_size, 0, state, totals, epoch, first, full)
        if first + count > self.full_steps:
            skip = self.full_steps * self.batch_size
            state, totals = self._run("tail", self.tail, skip, state, totals, epoch, 0, 1)
        return state, totals

    def _run(self, name, batch_size, skip, state, totals, epoch, first, count):
        if name not in self._programs:
            fn = partial(
                run_steps,
                step=self._step,
                inputs=self.inputs,
                batch_size=batch_size,
                skip=skip,
                constrain=None if self.pmapped or len(self.devices) == 1 else self._constrain,
                vectors=self._vectors,
            )
            if self.pmapped:
                fn = partial(fn, axis_name=AXIS, devices=len(self.devices))
                axes = (0, 0, 0, 0, None, None, None)
                mapped = jax.pmap(fn, axis_name=AXIS, in_axes=axes, devices=self.devices, donate_argnums=(0, 1))
            else:
                mapped = jax.jit(fn, out_shardings=self._replicated, donate_argnums=(0, 1))
            self._programs[name] = Compiled(mapped)
        scalars = (np.int32(epoch), np.int32(first), np.int32(count))
        return self._programs[name](state, totals, self._images, self._labels, *scalars)

    # -- evaluation

    def evaluate(
        self, state: TrainState, split: Split, *, pace: Pace | None = None, stop: Callable[[], bool] = lambda: False
    ) -> dict[str, Any] | None:
        """Evaluate the network on a split that `place_split` has put on the devices.

        Args:
            state: the network's parameters and model state.
            split: every image counts once.
            pace: decides how many batches a dispatch takes; None: all.
            stop: asked between dispatches; True ends the evaluation.

        Returns:
            `loss` (mean cross-entropy), `accuracy` (a fraction), `predicted` (int32 [N]) and `confidence` (float32 [N],
            the probability of each predicted class); None if stopped.
        """
        size = len(split.labels)
        # With `pmap` one device evaluates; a split smaller than the devices is evaluated whole on each of them.
        devices = 1 if self.pmapped else len(self.devices)
        batch = min(self._evaluation_batch, max(size // devices * devices, 1))
        variables = {"params": state.params, **state.model_state}
        sums = (np.zeros(size, np.int32), np.zeros((), jnp.result_type(float)), np.zeros(size, np.float32))
        if self.pmapped:
            variables, sums = jax.device_put((self.fetch(variables), sums), self.devices[0])
        else:
            sums = self.place(sums)
        done, batches = 0, -(-size // batch)
        while done < batches:
            if stop():
                return None
            count = batches if pace is None else pace.steps(batches - done)
            sums, seconds = self._evaluation(split, batch).timed(
                variables, sums, split.images, split.labels, np.int32(done), np.int32(count)
            )
            if pace is not None:
                pace.note(count, seconds)
            done += count
        predicted, loss, confidence = sums
        return summarize(predicted, loss, split.labels, confidence)

    def evaluate_each(self, state: TrainState, placed: Sequence[Split], **how: Any) -> list[dict[str, Any]] | None:
        """What `evaluate` gives, in a list of one; None if stopped."""
        found = self.evaluate(state, *placed, **how)
        return None if found is None else [found]

    def _evaluation(self, split: Split, batch: int) -> Compiled:
        key = ("evaluate", split.images.shape)
        if key not in self._programs:
            constrain = self._constrain if batch % len(self.devices) == 0 else (lambda x: x)
            how: dict[str, Any] = {
                "apply": self._apply,
                "inputs": self.inputs,
                "batch_size": batch,
                "constrain": constrain,
            }

            def run(variables: Any, sums: tuple[jax.Array, ...], *batches: jax.Array) -> tuple[jax.Array, ...]:
                predicted, loss, confidence = sums
                return run_batches(variables, predicted, loss, *batches, **how, confidence=confidence)

            self._programs[key] = Compiled(jax.jit(run, out_shardings=None if self.pmapped else self._replicated))
        return self._programs[key]

    def place_split(self, split: Split) -> Split:
        """A copy of a split on the devices, for `evaluate`."""
        put: Callable[[Any], Any] = self._replicate
        if self.pmapped:
            put = partial(jax.device_put, device=self.devices[0])
        return Split(images=put(split.images), labels=put(split.labels))

    def place_splits(self, splits: Sequence[Split]) -> list[Split]:
        """Copies on the devices, for `evaluate_each`."""
        return [self.place_split(split) for split in splits]
