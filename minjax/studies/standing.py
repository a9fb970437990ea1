"""Where a study stands: which network is the answer so far, and which sizes could still change it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from minjax.findings.candidates import Candidate, Grid
from minjax.findings.sizes import Size, near_best, target
from minjax.findings.verdicts import enough_seeds, judge
from minjax.studies.order import refine, series
from minjax.studies.points import Point
from minjax.studies.rounds import Rules


@dataclasses.dataclass(frozen=True)
class Standing:
    """The answer so far, by its point estimate.

    Attributes:
        winner: the network of the minimal size; None where none reaches the level.
        best: the best network found.
        reaching: ids of all networks that reach the level.
    """

    winner: Candidate | None
    best: Candidate
    reaching: frozenset[str]

    @property
    def focus(self) -> Candidate:
        """The network around which sizes are refined."""
        return self.winner or self.best


def standing(grid: Grid, rules: Rules) -> Standing | None:
    """Where a study with these candidates stands; None where no network has seeds enough to say."""
    verdicts = judge(grid, rules.target, rules.limits, replicates=0)
    first, enough = verdicts.measured.first, enough_seeds(grid, verdicts.measured)
    if not enough.any():
        return None
    best = verdicts.best if verdicts.best is not None else int(np.where(enough, first, -np.inf).argmax())
    reaching = np.flatnonzero(verdicts.meets)
    winner = None
    if len(reaching) and rules.goal == "smallest":
        smallest = reaching[verdicts.measured.place[reaching] == verdicts.measured.place[reaching[0]]]
        winner = grid.candidates[int(smallest[first[smallest].argmax()])]
    return Standing(winner, grid.candidates[best], frozenset(grid.candidates[int(one)].id for one in reaching))


def answer(grid: Grid, rules: Rules) -> Size:
    """The answer with its interval."""
    return near_best(grid, rules.limits) if rules.target is None else target(grid, rules.target, rules.limits)


def around(
    networks: Sequence[Point], tried: Mapping[str, Collection[str]], now: Standing, focus: Point, reach: int
) -> list[Point]:
    """The points of the grid, not tried yet, at the sizes that could change the answer; none where all are known.

    In the series of the focus these are the sizes on both sides of it. In every other series in which a network reaches
    the level, they are the sizes below the first that does, if they are smaller than the answer. The gaps between
    measured sizes are halved round after round; nothing beyond the largest measured size of a series is asked for.

    Args:
        networks: of the grid, each once.
        tried: by point of the grid, the ids that it was trained under; none: it was not.
        now: where the study stands.
        focus: the point of the grid at the focus.
        reach: how many gaps to halve on each side.
    """
    by_series: dict[str, list[Point]] = {}
    for point in networks:
        by_series.setdefault(series(point), []).append(point)
    asked: list[Point] = []
    for key, own in by_series.items():
        measured = {point.num_params for point in own if tried.get(point.id)}
        sizes = sorted({point.num_params for point in own if point.num_params <= max(measured, default=0)})
        home = key == series(focus)
        reaching = [point.num_params for point in own if now.reaching & set(tried.get(point.id, ()))]
        if not sizes or not (home or reaching):
            continue
        knee = focus.num_params if home else min(reaching)
        wanted = set(refine(sizes, sizes.index(knee), measured, reach))
        if not home:
            below = now.focus.num_params if now.winner is not None else 0
            wanted = {size for size in wanted if size < min(knee, below)}
        asked += [point for point in own if point.num_params in wanted and not tried.get(point.id)]
    return asked


def stays(before: Size, after: Size) -> bool:
    """Whether an answer is where it was: the same size, or sizes that the data do not tell apart."""
    if before.num_params is None or after.num_params is None:
        return before.num_params == after.num_params
    same = before.num_params == after.num_params
    return same or (before.num_params in after.possible and after.num_params in before.possible)


def interval_points(grid: Grid, found: Size, now: Standing) -> list[Candidate]:
    """The best candidate of each size of an answer's interval up to the answer and of the two sizes below it, and the
    best network found."""
    by_size: dict[int, list[Candidate]] = {}
    for one in grid.candidates:
        if len(one.seeds) - len(one.fresh) >= grid.least_seeds:
            by_size.setdefault(one.num_params, []).append(one)
    sizes = sorted(by_size)
    top = now.focus.num_params
    low = found.interval[0] if found.interval[0] is not None else top
    inside = [size for size in sizes if size in {*found.possible, top} and size <= top]
    below = [size for size in sizes if size < min(low, top)][-2:]
    stage = lambda one: float(np.mean(one.accuracy[~one.is_fresh]))  # noqa: E731
    chosen = [max(by_size[size], key=stage) for size in [*below, *inside]]
    return list({one.id: one for one in [*chosen, now.focus, now.best]}.values())
