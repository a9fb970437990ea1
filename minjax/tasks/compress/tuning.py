"""Training a network again, between rounds of pruning or with quantized weights, and saving it in between."""

from __future__ import annotations

import copy
import dataclasses
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from minjax import optim, records, tree
from minjax.errors import UserError
from minjax.tasks.assembly import build_optimizer
from minjax.tasks.compress.trained import Trained
from minjax.tasks.console import Progress
from minjax.tasks.signals import Stop
from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.loop import Diverged, Loop
from minjax.train.state import TrainState, init


class Stopped(Exception):  # noqa: N818 - what happened, not an error
    """Told to stop between two dispatches; the next run repeats what was not saved."""


@dataclasses.dataclass
class Tuner:
    """Trains the network of a run again, any number of times, with one compiled program.

    Attributes:
        trained: the run.
        epochs: how long to train.
        learning_rate: constant learning rate; None: the run's own schedule over `epochs`.
        hold: pytree of bool: the leaves whose masks are kept in the optimizer's state; None: nothing is pruned.
        reparametrize: params -> params that the model uses (quantization-aware training).
    """

    trained: Trained
    epochs: int
    learning_rate: float | None
    hold: Any = None
    reparametrize: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        parts, config = self.trained.parts, copy.deepcopy(self.trained.config)
        config["epochs"] = self.epochs
        if self.learning_rate is not None:
            config["optimizer"] |= {
                "learning_rate": self.learning_rate,
                "schedule": "constant",
                "warmup_epochs": 0.0,
            }
        optimizer, _ = build_optimizer(config, parts.engine.steps_per_epoch)
        if self.hold is not None:
            optimizer = optax.chain(optimizer, optim.keep_zeros(self._all_kept(), hold=self.hold))
        self.engine = Engine(
            parts.model,
            optimizer,
            parts.engine.train,
            parts.engine.inputs,
            batch_size=config["batch_size"],
            drop_last=config["drop_last"],
            reparametrize=self.reparametrize,
        )
        shape = parts.dataset.image_shape
        self._initial = jax.jit(lambda seed: init(parts.model, optimizer, shape, seed))
        self._restart = jax.jit(optimizer.init)

    def _all_kept(self) -> Any:
        return jax.tree.map(lambda x: np.ones(np.shape(x), bool), self.trained.params)

    def initial(self, seed: int) -> TrainState:
        """A newly initialised state, on the host; with the run's seed it is what the run started from."""
        return jax.device_get(self._initial(seed))

    def from_params(self, params: Any, model_state: Any, seed: int) -> TrainState:
        """A state of these weights with a new optimizer; `seed` determines the order of images and the like."""
        state = self.initial(seed)
        return dataclasses.replace(
            state, params=params, model_state=model_state, opt_state=jax.device_get(self._restart(params))
        )

    def masked(self, state: TrainState, masks: Any) -> TrainState:
        """The state with pruned weights set to zero, where its optimizer will keep them."""
        params = jax.tree.map(lambda x, mask: np.where(mask, x, np.zeros((), np.asarray(x).dtype)), state.params, masks)
        return dataclasses.replace(state, params=params, opt_state=optim.with_masks(state.opt_state, masks))

    def train(
        self, state: TrainState, label: str, stop: Stop, *, first: int = 1, last: int | None = None
    ) -> tuple[TrainState, str]:
        """Train epochs `first` to `last` (by default all of them).

        Returns:
            The state on the host, and "completed" or "diverged".

        Raises:
            Stopped: told to stop.
        """
        engine, last = self.engine, self.epochs if last is None else last
        steps = engine.steps_per_epoch
        progress = Progress((last - first + 1) * steps)
        loop = Loop(engine, engine.place(state), engine.place(jax.tree.map(np.asarray, Totals.zero())), epoch=first)

        def tick(count: int, metrics: dict[str, float]) -> None:
            accuracy = f"accuracy {100 * metrics['accuracy']:.2f} %"
            progress.advance(count, f"{label}: epoch {loop.epoch}/{last}", accuracy)

        try:
            while loop.epoch <= last:
                if not loop.train_epoch(stop, tick):
                    raise Stopped
                loop.next_epoch()
        except Diverged:
            return engine.fetch(loop.state), "diverged"
        finally:
            progress.close()
        return engine.fetch(loop.state), "completed"


def save(path: Path, values: Any) -> None:
    """Write a tree of host arrays as an npz file, atomically."""
    buffer = io.BytesIO()
    arrays = {name: np.asarray(x) for name, x in tree.leaves(values).items()}
    np.savez(buffer, **{str(i): array for i, array in enumerate(arrays.values())})  # type: ignore[arg-type]
    records.write_bytes(path, buffer.getvalue())


def read(path: Path, like: Any) -> Any:
    """Read what `save` wrote, in the structure of `like`.

    Raises:
        UserError: the file is damaged or belongs to another network.
    """
    leaves, structure = jax.tree.flatten(like)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = [file[str(i)] for i in range(len(leaves))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {error}; remove its folder to train again") from error
    if any(a.shape != np.shape(x) for a, x in zip(arrays, leaves, strict=True)):
        raise UserError(f"{path} belongs to another network; remove its folder to train again")
    return jax.tree.unflatten(structure, arrays)
