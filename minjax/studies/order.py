"""The order in which points are trained: a coarse grid first, then ever closer to the knee, then the rest.

Pure functions of the points and of what is recorded; no clock ever changes what comes next.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Collection, Iterable, Sequence

from minjax.errors import UserError
from minjax.studies.convolutional import LABELS
from minjax.studies.points import Point, distinct

# The labels that divide the points of a family into series, in which only the size grows.
_SERIES = ("depth", "shape", *LABELS)


def coarse(points: Iterable[Point], every: int = 2) -> tuple[list[Point], list[Point]]:
    """The coarse grid and the rest: each network once, under the first of its names, in the order of the points.

    From every series (one family, depth and shape, and one setting of everything outside the model) the coarse grid
    takes every `every`-th size, beginning with the smallest, and the largest. The usual grids are spaced by ratios, so
    this one is too.

    Raises:
        UserError: `every` is not an integer of at least 1.
    """
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise UserError(f"study.coarse is {every!r}; it must be an integer of at least 1")
    listed = list(points)
    sizes: dict[str, set[int]] = {}
    for point in listed:
        sizes.setdefault(series(point), set()).add(point.num_params)
    chosen = {key: {*sorted(own)[::every], max(own)} for key, own in sizes.items()}
    first = {point.id for point in listed if point.num_params in chosen[series(point)]}
    networks = [group[0] for group in distinct(listed).values()]
    return [p for p in networks if p.id in first], [p for p in networks if p.id not in first]


def series(point: Point) -> str:
    """The series of a point: equal for points of one family that differ in their size alone."""
    labels = {label: point.labels[label] for label in _SERIES if label in point.labels}
    outside = {field: value for field, value in point.overrides.items() if not field.startswith("model.")}
    return json.dumps([point.family, labels, outside], sort_keys=True)


def refine(sizes: Sequence[int], knee: int, done: Collection[int], reach: int = 1) -> list[int]:
    """The sizes to measure next around a knee, the most informative first; empty where none is left.

    Args:
        sizes: the distinct sizes of a grid, ascending.
        knee: the index in `sizes` of the best guess of the minimal size.
        done: the sizes that are measured; the guess itself comes first where it is not among them.
        reach: how many gaps between measured sizes to halve on each side of the guess (on a log scale). The gap below
            comes before the one above: the smallest network that learns is at the guess or below it.

    Called again with what was measured and the guess that follows from it, it halves the gaps until the neighbours of
    the guess are measured.

    Raises:
        ValueError: sizes that do not ascend, a knee that is not among them, or a reach below 1.
    """
    if any(a >= b for a, b in itertools.pairwise(sizes)) or any(size <= 0 for size in sizes):
        raise ValueError("the sizes must be positive and ascend")
    if not 0 <= knee < len(sizes) or reach < 1:
        raise ValueError(f"no size {knee} of {len(sizes)}, or a reach of {reach} below 1")
    known = sorted({i for i, size in enumerate(sizes) if size in done} | {knee})
    at = known.index(knee)
    asked = [] if sizes[knee] in done else [knee]
    for step in range(reach):
        for low, high in ((at - step - 1, at - step), (at + step, at + step + 1)):
            asked += _middle(sizes, known, low, high)
    return [sizes[i] for i in asked]


def _middle(sizes: Sequence[int], known: list[int], low: int, high: int) -> list[int]:
    """The index in the middle of the gap between two known ones; the end of the grid beyond the last known one."""
    if high == 0:
        return [0] if known[0] > 0 else []
    if low == len(known) - 1:
        return [len(sizes) - 1] if known[-1] < len(sizes) - 1 else []
    if low < 0 or high >= len(known):
        return []
    between = range(known[low] + 1, known[high])
    target = math.sqrt(sizes[known[low]] * sizes[known[high]])
    return [min(between, key=lambda i: round(abs(math.log(sizes[i] / target)), 9))] if between else []
