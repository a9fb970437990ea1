"""Rounds of members, and what the rounds so far have recorded: all that the next round may depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence

import numpy as np

from minjax.findings.candidates import Grid
from minjax.findings.samples import LIMITS, Limits, Sample, final_accuracy, samples
from minjax.records.study import MemberRecord
from minjax.studies.points import Member, Point

FIRST_FRESH = 10_000  # the first fresh seed is this much above the study's seed
CLIMB, COARSE, REFINEMENT, MORE_EPOCHS, REST, FRESH = "climb", "coarse", "refinement", "more epochs", "rest", "fresh"

GridOf = Callable[[Sequence[Sample]], Grid]
Records = Mapping[tuple[str, int], MemberRecord]


@dataclasses.dataclass(frozen=True)
class Round:
    """Members that a study asks for together; none of them was asked for before.

    Attributes:
        stage: climb, coarse, refinement, more epochs, rest or fresh.
        text: what they are, for people.
        members: in the order in which they are trained.
        begins: whether it is the first round of these networks in the stage.
    """

    stage: str
    text: str
    members: tuple[Member, ...]
    begins: bool = True


Rounds = Generator[Round, None, None]


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a study is told about the order of its work; see the fields of the same names in `minjax.config.study`.

    Attributes:
        seeds: of every point.
        target: accuracy to reach; None: within `limits.tolerance` of the best network found.
        epochs: of a point of the grid, from which they are doubled.
    """

    seeds: tuple[int, ...]
    extent: str = "all"
    coarse: int = 2
    reach: int = 1
    limits: Limits = LIMITS
    target: float | None = None
    goal: str = "smallest"
    learning_rates: int = 1
    tuning_seeds: int = 2
    epochs: int = 1
    epoch_doublings: int = 0
    fresh_seeds: int = 0

    @property
    def at_target(self) -> bool:
        """Whether the smallest network at a target accuracy is looked for."""
        return self.target is not None and self.goal == "smallest"

    @property
    def fresh(self) -> tuple[int, ...]:
        """The fresh seeds."""
        return tuple(self.seeds[0] + FIRST_FRESH + index for index in range(self.fresh_seeds))


class Known:
    """The records of the members that were asked for so far."""

    def __init__(self) -> None:
        self._points: dict[str, Point] = {}
        self._records: dict[str, dict[int, MemberRecord]] = {}

    def take(self, members: Iterable[Member], records: Records) -> None:
        """Add the records of a round's members, all of which are there."""
        for member in members:
            self._points[member.point.id] = member.point
            self._records.setdefault(member.point.id, {})[member.seed] = records[member.key]

    def point(self, name: str) -> Point:
        """The point with this id."""
        return self._points[name]

    def lacking(self, members: Iterable[Member]) -> tuple[Member, ...]:
        """Those of these members that were not asked for, each once."""
        return tuple({m.key: m for m in members if m.seed not in self._records.get(m.point.id, {})}.values())

    def accuracy(self, point: Point, seeds: Collection[int]) -> float:
        """Mean validation accuracy over those of the seeds that did not fail; 0 where all did. Diverged is chance."""
        found = [final_accuracy(one) for one in self._of(point, seeds) if one.status != "failed"]
        return float(np.mean(found)) if found else 0.0

    def lost(self, point: Point, seeds: Collection[int]) -> bool:
        """Whether the network was trained to the end with none of the seeds."""
        return all(one.status != "completed" for one in self._of(point, seeds))

    def chance(self, point: Point) -> float:
        """Accuracy of guessing, as the records of a point say."""
        return next(iter(self._records[point.id].values())).chance

    def _of(self, point: Point, seeds: Collection[int]) -> list[MemberRecord]:
        return [one for seed, one in self._records.get(point.id, {}).items() if seed in seeds]

    def samples(self) -> list[Sample]:
        """All points with two seeds that did not fail."""
        return usable_samples(one for by_seed in self._records.values() for one in by_seed.values())


def usable_samples(records: Iterable[MemberRecord]) -> list[Sample]:
    """The samples of those points that have two first-stage seeds that did not fail; there may be none."""
    listed = [one for one in records if one.status != "failed"]
    seeds: dict[str, set[int]] = {}
    for one in listed:
        if not one.fresh:
            seeds.setdefault(one.point, set()).add(one.seed)
    enough = [one for one in listed if len(seeds.get(one.point, ())) > 1]
    return samples(enough) if enough else []
