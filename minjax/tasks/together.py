"""Runs that differ in the seed alone, trained by one program: which of them go on together, and from which step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minjax.processes import joining
from minjax.records.run import read_epochs, read_summary
from minjax.tasks import workdir
from minjax.tasks.member import Order
from minjax.tasks.signals import Stop
from minjax.tasks.training import Tick, Training
from minjax.tasks.writer import CHECKPOINTS
from minjax.train.checkpoint import saved


def run(orders: Sequence[Order], population: int, stop: Stop, tick: Tick = lambda share: None) -> None:
    """Train runs that differ in the seed alone, or go on with them; those that stand at one step share a program.

    Args:
        orders: the runs; those that are over are left alone.
        population: how many runs the program is for at least. One that some have left goes on as what it was, because
            the last bits of a run depend on that number.
        stop: of the other task, which goes on after this.
        tick: called with the share that was just done of training all of them.

    Raises:
        UserError: a run's directory holds another run or a damaged record, or the runs cannot be trained together.
    """
    for order in orders:
        workdir.check(order.directory, order.config)
    left = [order for order in orders if not _over(order)]
    for step, some in standing([saved(order.directory / CHECKPOINTS) for order in left]):
        those = [left[index] for index in some]
        size = max(population, len(those), *map(_population, those))
        own_tick = partial(_ticked, tick, len(those) / len(orders))
        from_step = step if len(those) > 1 else None
        Training(those, stop, joining.current(), own_tick, population=size, step=from_step).run()
        stop.save_first()
        if stop():
            return


def standing(checkpoints: Sequence[Sequence[int]]) -> list[tuple[int, list[int]]]:
    """Which runs go on together, and from which step.

    A run goes on from its newest checkpoint or from the one before that, as far as it takes to be where others are: a
    kill comes when some runs have saved a step and others have not. Those that stand elsewhere go on by themselves.

    Args:
        checkpoints: the steps that each run has saved, in ascending order.

    Returns:
        Steps, 0 for the beginning, each with the indices of the runs that go on from there; every run once.
    """
    recent = [[0, *steps][-2:] for steps in checkpoints]
    left, found = list(range(len(recent))), []
    while left:
        having = {step: [index for index in left if step in recent[index]] for index in left for step in recent[index]}
        step = max(having, key=lambda step: (len(having[step]), step))
        found.append((step, having[step]))
        left = [index for index in left if index not in having[step]]
    return found


def _ticked(tick: Tick, part: float, share: float) -> None:
    tick(part * share)


def _over(order: Order) -> bool:
    summary = read_summary(order.directory)
    return summary is not None and summary.status != "interrupted"


def _population(order: Order) -> int:
    """How many runs the program was for that trained the newest recorded epoch of a run."""
    epochs = read_epochs(order.directory)
    return epochs[-1].population if epochs else 1
