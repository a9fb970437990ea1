"""The training loop of a run: where it stands, and when it has diverged."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.metadata import Position
from minjax.train.pace import Pace
from minjax.train.state import TrainState
from minjax.train.together import Together


class Diverged(Exception):  # noqa: N818 - an outcome, not an error
    """The loss of a step was NaN or infinite.

    Attributes:
        steps: the first such step of each run that diverged, by its index.
    """

    def __init__(self, steps: dict[int, int]):
        super().__init__(f"the loss is not finite at step {min(steps.values())}")
        self.steps = steps


@dataclasses.dataclass
class Loop:
    """A run on its way, or several that one program trains, with a leading axis of runs in `state` and `totals`.

    Saving `state`, `totals` and `position` is enough to resume without a bit of difference.

    Attributes:
        engine: the compiled programs.
        state: the training state, on the devices.
        totals: the sums over the epoch so far, on the devices.
        epoch: the epoch being trained, from 1.
        done: steps taken in this epoch.
        pace: decides how many steps a dispatch takes.
        train_seconds: seconds spent in this epoch's dispatches, without compilation; of several runs, each one's share.
        live: indices of the runs that have not diverged.
    """

    engine: Engine | Together
    state: TrainState
    totals: Totals
    epoch: int = 1
    done: int = 0
    pace: Pace = dataclasses.field(default_factory=Pace)
    train_seconds: float = 0.0
    live: list[int] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.live = self.live or list(range(self.engine.members))

    @property
    def position(self) -> Position:
        """Where the run stands, for a checkpoint."""
        return Position(self.epoch, self.done, self.train_seconds)

    def train_epoch(self, stop: Callable[[], bool], tick: Callable[[int, dict[str, float]], None]) -> bool:
        """Take the steps that are left in the epoch.

        Args:
            stop: asked between dispatches; True leaves the loop where it stands.
            tick: called after each dispatch with the number of steps taken and the running `loss` and `accuracy`, over
                all runs that have not diverged.

        Returns:
            Whether the epoch is complete.

        Raises:
            Diverged: the loss of a step was not finite. Other runs can go on: they have taken the same steps.
        """
        size = self.engine.steps_per_epoch
        while self.done < size and not stop():
            count = self.pace.steps(size - self.done)
            compiled_before = self.engine.compile_seconds
            started = time.perf_counter()
            self.state, self.totals = self.engine.run(self.state, self.totals, self.epoch, self.done, count)
            totals = self.engine.fetch_each(self.totals)  # waits for the dispatch
            seconds = time.perf_counter() - started - (self.engine.compile_seconds - compiled_before)
            self.pace.note(count, seconds)
            self.train_seconds += seconds / self.engine.population
            self.done += count
            bad = {index: step for index in self.live if (step := int(totals[index].bad_step)) >= 0}
            self.live = [index for index in self.live if index not in bad]
            if self.live:
                tick(count, running([totals[index] for index in self.live]))
            if bad:
                raise Diverged(bad)
        return self.done == size

    def metrics(self) -> list[dict[str, float]]:
        """`loss` and `accuracy` of each run: means over the images seen in this epoch so far."""
        return [running([totals]) for totals in self.engine.fetch_each(self.totals)]

    def next_epoch(self) -> None:
        """Go on to the next epoch."""
        self.epoch += 1
        self.done = 0
        self.train_seconds = 0.0
        self.totals = self.engine.place_each([Totals.zero()] * self.engine.members)


def running(totals: Sequence[Any]) -> dict[str, float]:
    """`loss` and `accuracy` over all of these totals, which are on the host."""
    images = max(sum(int(one.images) for one in totals), 1)
    return {
        "loss": sum(float(one.loss) for one in totals) / images,
        "accuracy": sum(int(one.correct) for one in totals) / images,
    }
