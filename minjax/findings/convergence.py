"""Convergence of learning curves: when accuracy settles, and the slow, fast and final phases of the training loss.

Paper 2 names phases; of the paper only the abstract was at hand, so the definitions are minjax's own:

- *settled*: the first epoch from which on validation accuracy stays within `limits.tolerance` of its final value;
- the phases are told apart by the slope of the training loss against its mean slope, that of the straight line from
  the first epoch to the last: *fast* while the loss falls faster than that line, *slow* before (a plateau at the
  start), *final* after. Where the slope crosses the mean slope the curve is farthest from the line, above it at the
  end of slow and below it at the end of fast; this is used instead of differences of neighbours, which are mostly
  noise (the same geometry as Satopaa et al. 2011, "Kneedle").

A curve that is nowhere farther than `BEND` of its whole fall from the line has no phases.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from minjax.findings.intervals import bootstrap_mean
from minjax.findings.samples import LIMITS, Limits, Sample
from minjax.records.finding import Convergence

BEND = 0.1
LEAST_EPOCHS = 5

DEFINITION = (
    "The training loss falls faster than on average in its fast phase, more slowly before it (slow) and after it "
    "(final). Accuracy has settled once it stays within the tolerance of its last value."
)


@dataclasses.dataclass(frozen=True)
class LearningPhases:
    """The phases of one learning curve; epochs count from 1.

    Attributes:
        settled: the epoch from which on accuracy stays near its final value.
        slow_end: the last epoch of the slow phase; 1: there is none.
        fast_end: the last epoch of the fast phase; None: the curve has no bend, so it has no phases.
        steepness: mean slope of the fast phase over that of the final one (a final phase that does not fall counts as
            falling by a hundredth of the whole); None where either has no length.
        epochs: how many there are.
    """

    settled: int
    slow_end: int
    fast_end: int | None
    steepness: float | None
    epochs: int


def settled(accuracy: Sequence[float | None], tolerance: float = LIMITS.tolerance) -> int:
    """The epoch, from 1, from which on all accuracies are within `tolerance` of the last."""
    values = np.asarray(accuracy, float)
    away = np.flatnonzero(np.abs(values - values[-1]) > tolerance + 1e-12)
    return int(away[-1]) + 2 if away.size else 1


def learning_phases(
    loss: Sequence[float | None], accuracy: Sequence[float | None], limits: Limits = LIMITS
) -> LearningPhases:
    """The phases of one run.

    Args:
        loss: training loss after each epoch.
        accuracy: accuracy after each epoch, on the images that networks are chosen by.
        limits: `tolerance` is used.

    Raises:
        ValueError: no epochs, or more of one than of the other.
    """
    if not len(loss) or len(loss) != len(accuracy):
        raise ValueError(f"{len(loss)} losses and {len(accuracy)} accuracies")
    values = np.asarray(loss, float)
    slow, fast = _bends(values)
    return LearningPhases(
        settled=settled(accuracy, limits.tolerance),
        slow_end=slow + 1,
        fast_end=None if fast is None else fast + 1,
        steepness=None if fast is None else _steepness(values, slow, fast),
        epochs=len(values),
    )


def _bends(values: np.ndarray) -> tuple[int, int | None]:
    """Indices of the epochs in which slow and fast end."""
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


def learning_curves(sample: Sample, limits: Limits = LIMITS) -> list[LearningPhases]:
    """The phases of each member of a point that completed and has a history."""
    return [
        learning_phases(member.history.train_loss, member.history.accuracy, limits)
        for member in sample.members
        if member.status == "completed" and member.history is not None
    ]


def convergence(found: Sequence[Sample], limits: Limits = LIMITS) -> list[Convergence]:
    """The convergence of every sample that has learning curves, over its seeds.

    `settled` is a mean with its interval; `slow_end` and `fast_end` are medians over the seeds that have phases.
    """
    curves = [(sample, learning_curves(sample, limits)) for sample in found]
    return [_convergence(sample, own) for sample, own in curves if own]


def _convergence(sample: Sample, curves: Sequence[LearningPhases]) -> Convergence:
    phased = [one for one in curves if one.fast_end is not None]
    epochs = np.array([one.settled for one in curves], float)
    return Convergence(
        point=sample.point,
        name=sample.name,
        num_params=sample.num_params,
        settled=float(epochs.mean()),
        interval=bootstrap_mean(epochs).interval if len(epochs) > 1 else None,
        slow_end=float(np.median([one.slow_end for one in phased])) if phased else None,
        fast_end=float(np.median([one.fast_end for one in phased if one.fast_end])) if phased else None,
        phased=len(phased),
        epochs=curves[0].epochs,
        seeds=len(curves),
    )
