"""Convergence of a learning curve: when accuracy settles, and the slow, fast and final phases of the training loss.

The definitions are minjax's own (paper 2 names phases and defines none):

- *settled*: the first epoch from which on test accuracy stays within `limits.tolerance` of its final value;
- the phases are told by the slope of the training loss against its mean slope, that of the straight line from the
  first epoch to the last: *fast* while the loss falls faster than that line, *slow* before (a plateau at the start),
  *final* after. Where the slope crosses the mean slope the curve is farthest from the line, above it at the end of
  slow and below it at the end of fast; this is used instead of differences of neighbours, which are mostly noise
  (the same geometry as Satopaa et al. 2011, "Kneedle").

A curve that is nowhere farther than `BEND` of its whole fall from the line has no phases.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minjax.findings.intervals import bootstrap_mean
from minjax.findings.samples import LIMITS, Limits, Member, Sample, samples

BEND = 0.1
LEAST_EPOCHS = 5


@dataclasses.dataclass(frozen=True)
class Convergence:
    """One learning curve; epochs count from 1.

    Attributes:
        settled: the epoch from which on test accuracy stays near its final value.
        slow_end: the last epoch of the slow phase; 1: there is none.
        fast_end: the last epoch of the fast phase; None: the curve has no bend, so it has no phases.
        steepness: mean slope of the fast phase over that of the final one (a final one that does not fall counts as
            falling by a hundredth of the whole); None where either has no length.
        epochs: how many there are.
    """

    settled: int
    slow_end: int
    fast_end: int | None
    steepness: float | None
    epochs: int


def settled(accuracy: Sequence[float], tolerance: float = LIMITS.tolerance) -> int:
    """The epoch, from 1, from which on all accuracies are within `tolerance` of the last."""
    values = np.asarray(accuracy, float)
    away = np.flatnonzero(np.abs(values - values[-1]) > tolerance + 1e-12)
    return int(away[-1]) + 2 if away.size else 1


def convergence(loss: Sequence[float], accuracy: Sequence[float], limits: Limits = LIMITS) -> Convergence:
    """The convergence of one run.

    Args:
        loss: training loss, one an epoch.
        accuracy: test accuracy, one an epoch.
        limits: `tolerance` is used.

    Raises:
        ValueError: no epochs, or not as many of both.
    """
    if not len(loss) or len(loss) != len(accuracy):
        raise ValueError(f"{len(loss)} losses and {len(accuracy)} accuracies")
    values = np.asarray(loss, float)
    epochs = len(values)
    slow, fast = _bends(values)
    return Convergence(
        settled=settled(accuracy, limits.tolerance),
        slow_end=slow + 1,
        fast_end=None if fast is None else fast + 1,
        steepness=None if fast is None else _steepness(values, slow, fast),
        epochs=epochs,
    )


def _bends(values: np.ndarray) -> tuple[int, int | None]:
    """The places where slow and fast end."""
    fall = values[0] - values[-1]
    if len(values) < LEAST_EPOCHS or fall <= 0 or not np.isfinite(values).all():
        return 0, None
    above = (values - values[-1]) / fall - np.linspace(1, 0, len(values))
    fast = int(np.argmin(above))
    slow = int(np.argmax(above[: fast + 1]))
    if above[slow] <= BEND:
        slow = 0
    if above[fast] >= -BEND:  # it never falls below the line: no final phase, and fast only if there was a slow one
        return (int(np.argmax(above)), len(values) - 1) if above.max() > BEND else (0, None)
    return slow, fast


def _steepness(values: np.ndarray, slow: int, fast: int) -> float | None:
    last = len(values) - 1
    if fast in (slow, last):
        return None
    final = max(values[fast] - values[last], 0.01 * (values[0] - values[last])) / (last - fast)
    return float((values[slow] - values[fast]) / (fast - slow) / final)


def curves(sample: Sample, limits: Limits = LIMITS) -> list[Convergence]:
    """The convergence of each member of a point that completed and has a history."""
    return [
        convergence(member["history"]["train_loss"], member["history"]["test_accuracy"], limits)
        for member in sample.members
        if member["status"] == "completed" and member.get("history")
    ]


def convergences(members: Iterable[Member], limits: Limits = LIMITS) -> list[dict[str, Any]]:
    """The convergence of every point over its seeds, as records: means, and an interval of `settled` over seeds.

    `slow_end` and `fast_end` are medians over the seeds that have phases; `phased` counts them.
    """
    return [record for sample in samples(members) if (record := _record(sample, limits)) is not None]


def _record(sample: Sample, limits: Limits) -> dict[str, Any] | None:
    found = curves(sample, limits)
    if not found:
        return None
    phased = [one for one in found if one.fast_end is not None]
    epochs = np.array([one.settled for one in found], float)
    return {
        "point": sample.point,
        "name": sample.name,
        "num_params": sample.num_params,
        "settled": float(epochs.mean()),
        "interval": bootstrap_mean(epochs).interval if len(epochs) > 1 else None,
        "slow_end": float(np.median([one.slow_end for one in phased])) if phased else None,
        "fast_end": float(np.median([one.fast_end for one in phased if one.fast_end])) if phased else None,
        "phased": len(phased),
        "epochs": found[0].epochs,
        "seeds": len(found),
    }
