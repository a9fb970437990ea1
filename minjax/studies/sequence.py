"""What a study trains next, from its records alone.

Started again after an interruption, a study goes through the rounds that are recorded without training anything, and
asks for the same members in the same order as one that was not interrupted.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from minjax.records.study import MemberRecord
from minjax.studies.course import Course, Note
from minjax.studies.points import Member, Point
from minjax.studies.rounds import GridOf, Records, Round, Rules, usable_samples
from minjax.studies.standing import Standing, standing
from minjax.studies.variants import Variants


@dataclasses.dataclass(frozen=True)
class Stage:
    """What is to be trained before anything else is asked for.

    Attributes:
        name: of the stage of the study.
        text: what is trained, for people.
        members: all of the round.
        left: those without a record.
        begins: whether it is the first round of these networks in the stage.
    """

    name: str
    text: str
    members: tuple[Member, ...]
    left: tuple[Member, ...]
    begins: bool


class Stages:
    """The stages of one study.

    It may be asked again and again with a growing list of records; what it answers is a function of the records alone.
    """

    def __init__(self, points: Sequence[Point], rules: Rules, variants: Variants, grid_of: GridOf):
        """As `Course`."""
        self._course = lambda: Course(points, rules, variants, grid_of)
        self._rules, self._grid_of = rules, grid_of
        whole = self._course()
        self._whole = _Replay(whole, whole.rounds())
        self._end: _Replay | None = None

    @property
    def notes(self) -> list[Note]:
        """Why stages ended, as far as that is known."""
        return list(self._whole.course.notes)

    @property
    def asked(self) -> dict[str, int]:
        """How many members each stage asked for so far, in their order."""
        return dict(Counter(self._whole.asked) + Counter(self._end.asked if self._end else {}))

    def stage(self, records: Iterable[MemberRecord], *, explore: bool = True) -> Stage | None:
        """The stage that a study with these records is in; None when it is finished.

        Args:
            records: those of the study so far.
            explore: False: the search is over, wherever it is; only fresh seeds follow for what was found.
        """
        listed = list(records)
        by_key = {(one.point, one.seed): one for one in listed}
        if explore:
            return self._whole.stage(by_key)
        if self._end is None:
            course = self._course()
            course.adopt(listed)
            self._end = _Replay(course, course.fresh())
        return self._end.stage(by_key)

    def standing(self, records: Iterable[MemberRecord]) -> Standing | None:
        """The answer as these records have it; None where they say too little."""
        found = usable_samples(records)
        return standing(self._grid_of(found), self._rules) if found else None


class _Replay:
    """The rounds of a course, each passed when all of its members have a record."""

    def __init__(self, course: Course, rounds: Iterator[Round]):
        self.course, self._rounds = course, rounds
        self.asked: dict[str, int] = {}
        self._advance()

    def _advance(self) -> None:
        self._now = now = next(self._rounds, None)
        if now is not None:
            self.asked[now.stage] = self.asked.get(now.stage, 0) + len(now.members)

    def stage(self, records: Records) -> Stage | None:
        while (now := self._now) is not None:
            left = tuple(member for member in now.members if member.key not in records)
            if left:
                return Stage(now.stage, now.text, now.members, left, now.begins)
            self.course.known.take(now.members, records)
            self._advance()
        return None
