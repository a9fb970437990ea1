"""The phases of an accuracy curve: plateau, decline, collapse, and the knee between; pure functions of numbers.

The definitions are minjax's own (paper 2 names the phases and defines none): *plateau* while the accuracy is at least
that of the start less `tolerance`; *collapse* from where it stays within `margin` of chance; *decline* between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

TOLERANCE = 0.01  # of accuracy, a fraction
MARGIN = 0.05


@dataclasses.dataclass(frozen=True)
class Phases:
    """Where the phases of a curve begin and end, as places on its axis; None: not on this curve.

    Attributes:
        plateau_end: the last place on the plateau: over sparsity this is the redundancy.
        knee: the place farthest above the line from the curve's start to its end (Satopaa et al. 2011, "Kneedle");
            None where the curve falls by no more than the tolerance, or falls fastest at its start.
        collapse_start: the first place of the collapse.
    """

    plateau_end: float | None
    knee: float | None
    collapse_start: float | None


def phases(
    places: Sequence[float],
    accuracies: Sequence[float],
    chance: float,
    *,
    tolerance: float = TOLERANCE,
    margin: float = MARGIN,
) -> Phases:
    """Find the phases.

    Args:
        places: in the order in which the network is damaged more and more: amounts ascending, bits descending.
        accuracies: fractions, one a place; the first is that of the network least damaged.
        chance: accuracy of guessing, 1 / classes.
        tolerance: what the plateau may lose.
        margin: above chance that still counts as collapsed.

    Raises:
        ValueError: no places, or not as many accuracies.
    """
    if not len(places) or len(places) != len(accuracies):
        raise ValueError(f"{len(places)} places and {len(accuracies)} accuracies")
    values = np.asarray(accuracies, float)
    below = np.flatnonzero(values < values[0] - tolerance)
    plateau = below[0] - 1 if below.size else len(values) - 1
    alive = np.flatnonzero(values > chance + margin)
    collapse = alive[-1] + 1 if alive.size else 0
    return Phases(
        plateau_end=float(places[plateau]),
        knee=_knee(places, values, tolerance),
        collapse_start=float(places[collapse]) if collapse < len(values) else None,
    )


def _knee(places: Sequence[float], values: np.ndarray, tolerance: float) -> float | None:
    height = values[0] - values.min()
    if len(values) < 3 or height <= tolerance:
        return None
    along = np.linspace(0, 1, len(values)) if places[0] == places[-1] else _share(np.asarray(places, float))
    above = (values - values.min()) / height + along - 1
    farthest = int(np.argmax(above))
    return float(places[farthest]) if above[farthest] > 1e-9 else None


def _share(places: np.ndarray) -> np.ndarray:
    return (places - places[0]) / (places[-1] - places[0])


def pareto(sizes: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """The places of the points that no other beats in both size (smaller) and accuracy (larger), by size."""
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], -accuracies[i]))
    front: list[int] = []
    for i in order:
        if not front or accuracies[i] > accuracies[front[-1]]:
            front.append(i)
    return front
