"""The training loop of a run: where it stands, and when it has diverged."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.metadata import Position
from minjax.train.pace import Pace
from minjax.train.state import TrainState


class Diverged(Exception):  # noqa: N818 - an outcome, not an error
    """The loss of a step was NaN or infinite."""

    def __init__(self, step: int):
        super().__init__(f"the loss is not finite at step {step}")
        self.step = step


@dataclasses.dataclass
class Loop:
    """A run on its way. Saving `state`, `totals` and `position` is enough to resume without a bit of difference.

    Attributes:
        engine: the compiled programs.
        state: the training state, on the devices.
        totals: the sums over the epoch so far, on the devices.
        epoch: the epoch being trained, from 1.
        done: steps taken in this epoch.
        pace: decides how many steps a dispatch takes.
        train_seconds: seconds spent in this epoch's dispatches, without compilation.
    """

    engine: Engine
    state: TrainState
    totals: Totals
    epoch: int = 1
    done: int = 0
    pace: Pace = dataclasses.field(default_factory=Pace)
    train_seconds: float = 0.0

    @property
    def position(self) -> Position:
        """Where the run stands, for a checkpoint."""
        return Position(self.epoch, self.done, self.train_seconds)

    def train_epoch(self, stop: Callable[[], bool], tick: Callable[[int, dict[str, float]], None]) -> bool:
        """Take the steps that are left in the epoch.

        Args:
            stop: asked between dispatches; True leaves the loop where it stands.
            tick: called after each dispatch with the number of steps taken and the running `loss` and `accuracy`.

        Returns:
            Whether the epoch is complete.

        Raises:
            Diverged: the loss of a step was not finite.
        """
        size = self.engine.steps_per_epoch
        while self.done < size and not stop():
            count = self.pace.steps(size - self.done)
            compiled_before = self.engine.compile_seconds
            started = time.perf_counter()
            self.state, self.totals = self.engine.run(self.state, self.totals, self.epoch, self.done, count)
            totals = self.engine.fetch(self.totals)  # waits for the dispatch
            seconds = time.perf_counter() - started - (self.engine.compile_seconds - compiled_before)
            self.pace.note(count, seconds)
            self.train_seconds += seconds
            self.done += count
            if totals.bad_step >= 0:
                raise Diverged(int(totals.bad_step))
            tick(count, running(totals))
        return self.done == size

    def metrics(self) -> dict[str, float]:
        """`loss` and `accuracy`: means over the images seen in this epoch so far."""
        return running(self.engine.fetch(self.totals))

    def next_epoch(self) -> None:
        """Go on to the next epoch."""
        self.epoch += 1
        self.done = 0
        self.train_seconds = 0.0
        self.totals = self.engine.place(Totals.zero())


def running(totals: Any) -> dict[str, float]:
    """`loss` and `accuracy` from totals on the host."""
    images = max(int(totals.images), 1)
    return {"loss": float(totals.loss) / images, "accuracy": int(totals.correct) / images}
