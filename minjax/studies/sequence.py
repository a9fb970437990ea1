"""What a study trains next, from its records alone.

The stages are replayed from the beginning each time, so that a study that was killed at any moment asks for the same
points in the same order as one that was not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from minjax.findings.answers import Asked
from minjax.findings.samples import LIMITS, Limits, equal, samples
from minjax.findings.sizes import near_best
from minjax.records.study import MemberRecord
from minjax.studies.order import coarse, refine
from minjax.studies.points import Point, distinct

LEAST_SIZES = 4  # from which a minimal size is guessed
Done = Mapping[str, Sequence[MemberRecord]]


@dataclasses.dataclass(frozen=True)
class Stage:
    """What is to be trained before anything else is asked for.

    Attributes:
        name: coarse, refinement or rest.
        points: those with members missing, each network once.
        asked: all points of the stage.
    """

    name: str
    points: tuple[Point, ...]
    asked: tuple[Point, ...]


def stage(
    points: Sequence[Point],
    members: Sequence[MemberRecord],
    seeds: Collection[int],
    *,
    extent: str = "all",
    every: int = 2,
    reach: int = 1,
    limits: Limits = LIMITS,
) -> Stage | None:
    """The stage that a study is in; None when it is finished.

    First comes the coarse grid, then, round after round, the sizes around the minimal size as it is known by then, and
    at last (with extent "all") the rest. Each round depends only on the records of the rounds before it.

    Args:
        points: the whole grid.
        members: the records so far.
        seeds: the seeds of every point.
        extent: "all", or "knee" (without the rest).
        every: how coarse the coarse grid is, see `order.coarse`.
        reach: how far a round reaches, see `order.refine`.
        limits: the tolerances of the minimal size.
    """
    done: dict[str, list[MemberRecord]] = {}
    for member in members:
        if member.seed in seeds:
            done.setdefault(member.point, []).append(member)
    wanted = set(seeds)
    whole = {point for point, of in done.items() if {member.seed for member in of} == wanted}
    first, _ = coarse(points, every)
    if found := _missing("coarse", first, whole):
        return found
    known = {point.id for point in first}
    while asked := _asked(points, known, done, reach, limits):
        if found := _missing("refinement", asked, whole):
            return found
        known |= {point.id for point in asked}
    networks = [group[0] for group in distinct(points).values()]
    return _missing("rest", networks, whole) if extent == "all" else None


def _missing(name: str, asked: Sequence[Point], whole: Collection[str]) -> Stage | None:
    left = tuple(point for point in asked if point.id not in whole)
    return Stage(name, left, tuple(asked)) if left else None


def _asked(points: Sequence[Point], known: Collection[str], done: Done, reach: int, limits: Limits) -> list[Point]:
    """The points that a round of refinement asks for: in each family, all of equal shape and of certain sizes."""
    networks = [group[0] for group in distinct(points).values() if equal(group[0].fields, group[0].labels)]
    families = sorted({point.family for point in networks})
    asked: list[Point] = []
    for family in families:
        own = [point for point in networks if point.family == family]
        sizes = sorted({point.num_params for point in own})
        measured = {point.num_params for point in own if point.id in known}
        knee = _knee([m for point in own if point.id in known for m in done.get(point.id, [])], sizes, limits)
        if knee is not None:
            wanted = set(refine(sizes, knee, measured, reach))
            asked += [point for point in own if point.num_params in wanted and point.id not in known]
    return asked


def _knee(members: Sequence[MemberRecord], sizes: Sequence[int], limits: Limits) -> int | None:
    """The index of the best guess of the minimal size; the largest where none qualifies, None where it is unknown."""
    guess = guess_of(members, limits)
    if guess is None:
        return None
    return len(sizes) - 1 if guess < 0 else sizes.index(guess)


def guess_of(members: Sequence[MemberRecord], limits: Limits = LIMITS) -> int | None:
    """The minimal size of one family on one data set as known so far; -1: none qualifies; None: too little is known."""
    usable = [member for member in members if member.status != "failed"]
    seeds: dict[str, set[int]] = {}
    for member in usable:
        seeds.setdefault(member.point, set()).add(member.seed)
    usable = [member for member in usable if len(seeds[member.point]) > 1]
    if not usable:
        return None
    found = samples(usable)
    grid = Asked(seeds=max(one.first_seeds for one in found)).grid(found)
    if len(grid.sizes) < LEAST_SIZES:
        return None
    size = near_best(grid, limits, replicates=0)
    return -1 if size.num_params is None else size.num_params
