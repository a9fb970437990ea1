"""The phases of an accuracy curve: plateau, decline, collapse, and the knee between; pure functions of numbers.

Paper 2 names the phases; of the paper only the abstract was at hand, so the definitions are minjax's own. *Plateau*:
the accuracy is at least that of the start less `tolerance`. *Collapse*: from where on the accuracy stays within
`margin` of chance. *Decline*: between the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

TOLERANCE = 0.01  # what counts as the same accuracy, a fraction
MARGIN = 0.05  # above chance that still counts as having learned nothing
_ROUNDING = 1e-9  # of accuracy: 0.56 is not below 0.57 - 0.01, whatever their last digits


@dataclasses.dataclass(frozen=True)
class Phases:
    """Where the phases of a curve begin and end, as values of its axis; None: not on this curve.

    Attributes:
        plateau_end: the last value on the plateau; over sparsity it is the redundancy.
        knee: the value at which the curve is farthest above the line from its start to its end (Satopaa et al. 2011,
            "Kneedle"); None where it falls by no more than the tolerance, or falls fastest at its start.
        collapse_start: the first value of the collapse.
    """

    plateau_end: float | None
    knee: float | None
    collapse_start: float | None


def phases(
    axis: Sequence[float],
    accuracies: Sequence[float],
    chance: float,
    *,
    tolerance: float = TOLERANCE,
    margin: float = MARGIN,
) -> Phases:
    """Find the phases of one curve.

    Args:
        axis: amounts ascending or bits descending, so that the network is damaged more and more.
        accuracies: one for each value of the axis, fractions; the first is that of the least damaged network.
        chance: the accuracy of guessing, 1 / classes.
        tolerance: how much accuracy the plateau may lose.
        margin: how far above chance still counts as collapsed.

    Raises:
        ValueError: an empty axis, or not as many accuracies.
    """
    if not len(axis) or len(axis) != len(accuracies):
        raise ValueError(f"{len(axis)} amounts or bits and {len(accuracies)} accuracies")
    values = np.asarray(accuracies, float)
    below = np.flatnonzero(values < values[0] - tolerance - _ROUNDING)
    plateau = below[0] - 1 if below.size else len(values) - 1
    alive = np.flatnonzero(values > chance + margin + _ROUNDING)
    collapse = alive[-1] + 1 if alive.size else 0
    return Phases(
        plateau_end=float(axis[plateau]),
        knee=_knee(axis, values, tolerance),
        collapse_start=float(axis[collapse]) if collapse < len(values) else None,
    )


def _knee(axis: Sequence[float], values: np.ndarray, tolerance: float) -> float | None:
    height = values[0] - values.min()
    if len(values) < 3 or height <= tolerance + _ROUNDING:
        return None
    along = np.linspace(0, 1, len(values)) if axis[0] == axis[-1] else _share(np.asarray(axis, float))
    above = (values - values.min()) / height + along - 1
    farthest = int(np.argmax(above))
    return float(axis[farthest]) if above[farthest] > 1e-9 else None


def _share(axis: np.ndarray) -> np.ndarray:
    return (axis - axis[0]) / (axis[-1] - axis[0])


def pareto(sizes: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """Indices of the networks that no other beats in both size (smaller) and accuracy (higher), smallest first."""
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], -accuracies[i]))
    front: list[int] = []
    for i in order:
        if not front or accuracies[i] > accuracies[front[-1]]:
            front.append(i)
    return front
