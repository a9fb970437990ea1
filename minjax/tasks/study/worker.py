"""A worker trains members of any group and gives their records: the runner's own, or one in another process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import jax

from minjax.data import Dataset
from minjax.records.study import MemberRecord
from minjax.studies.groups import Group
from minjax.studies.points import Point, distinct
from minjax.tasks.study.lines import failure, line
from minjax.tasks.study.program import Member, Program

Line = MemberRecord


class Worker:
    """Keeps the programs of the groups that it has trained.

    Args:
        asked: the configuration of the study.
        dataset: on the host.
        points: of the whole grid.
        groups: of its networks.
    """

    def __init__(self, asked: dict[str, Any], dataset: Dataset, points: Sequence[Point], groups: Sequence[Group]):
        self.asked, self.dataset = asked, dataset
        self.groups = {group.name: group for group in groups}
        self.names = {point: [one.name for one in group] for point, group in distinct(points).items()}
        self._programs: dict[str, Program] = {}

    @property
    def compilations(self) -> int:
        """Programs compiled in this process."""
        return sum(program.compilations for program in self._programs.values())

    @property
    def compile_seconds(self) -> float:
        """Spent on that."""
        return sum(program.compile_seconds for program in self._programs.values())

    def train(
        self,
        group: str,
        members: Sequence[Member],
        *,
        recorded: Collection[tuple[str, int]] = (),
        stop: Callable[[], bool] = lambda: False,
        tick: Callable[[float], None] = lambda seconds: None,
    ) -> Iterator[list[Line]]:
        """Train members of a group; the lines of those that are through, as they are.

        One by one, what is recorded is not trained again. Side by side, whole populations are trained as they were
        before the study was interrupted, so that no member's company differs.

        Args:
            group: its name.
            members: all that this stage of the study asks of it.
            recorded: (point, seed) of those that have a line already.
            stop: asked between dispatches; True ends it.
            tick: called with the predicted seconds of the work that was done.
        """
        program = self._program(group)
        done = lambda member: (member.point.id, member.seed) in recorded  # noqa: E731
        if not program.population.together:
            members = [member for member in members if not done(member)]
        for first in range(0, len(members), program.capacity):
            few = members[first : first + program.capacity]
            if all(map(done, few)):
                continue
            yield from self._chunk(program, few, done, stop, tick)
            if stop():
                return

    def _chunk(self, program: Program, members: Sequence[Member], done, stop, tick) -> Iterator[list[Line]]:
        work = len(members) * program.group.seconds
        through = 0
        try:
            for outcomes in program.train(members, stop=stop, tick=lambda share: tick(share * work)):
                through += len(outcomes)
                yield [
                    line(outcome, self.names[outcome.member.point.id], *self._data)
                    for outcome in outcomes
                    if not done(outcome.member)
                ]
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            yield self.failures([member for member in members[through:] if not done(member)], text)

    def failures(self, members: Sequence[Member], error: str) -> list[Line]:
        """The lines of members that could not be trained."""
        return [failure(member, self.names[member.point.id], *self._data, error) for member in members]

    @property
    def _data(self) -> tuple[str, float]:
        return self.dataset.name, 1 / self.dataset.num_classes

    def _program(self, name: str) -> Program:
        if name not in self._programs:
            group, study = self.groups[name], self.asked["study"]
            most = len(group.points) * study["seeds"]
            self._programs[name] = Program(group, self.dataset, study, self.asked["seed"], most)
        return self._programs[name]
