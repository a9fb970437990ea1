"""The runner: trains what the records ask for next, program by program, and records every member as it is through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from minjax import records
from minjax.data import Dataset
from minjax.studies.points import Point, distinct
from minjax.studies.sequence import Stage, guess_of, stage
from minjax.tasks.study import settings
from minjax.tasks.study.bar import Bar
from minjax.tasks.study.group import Group
from minjax.tasks.study.lines import failure, line
from minjax.tasks.study.program import Member, Program

POINTS = "points.jsonl"
INTERRUPTED, BUDGET, COMPLETED = "interrupted", "budget", "completed"


class Runner:
    """Trains the members of a study that have no record yet.

    Attributes:
        lines: of points.jsonl so far.
    """

    def __init__(
        self,
        asked: dict[str, Any],
        directory: Path,
        points: Sequence[Point],
        groups: Sequence[Group],
        dataset: Dataset,
        stop: Callable[[], bool],
    ):
        """Read what is recorded already, and drop a half-written last line.

        Args:
            asked: the configuration.
            directory: of the study, which is held.
            points: of the whole grid.
            groups: of its networks.
            dataset: on the host.
            stop: asked between dispatches.
        """
        self.asked, self.study, self.path = asked, asked["study"], directory / POINTS
        self.points, self.groups, self.dataset, self.stop = points, groups, dataset, stop
        self.seeds = settings.seeds(asked)
        self.names = {point: [one.name for one in group] for point, group in distinct(points).items()}
        self.lines = self._restore()
        self.before = sum(sum(record["seconds"].values()) for record in self.lines)
        self.started = time.perf_counter()
        self._programs: dict[int, Program] = {}
        self._guess = ""

    def _restore(self) -> list[dict[str, Any]]:
        known = {(record["point"], record["seed"]): record for record in records.read_jsonl(self.path)}
        lines = [record for record in known.values() if record["status"] != "failed" or not self.study["retry_failed"]]
        records.write_jsonl(self.path, lines)
        return lines

    # -- what there is to say

    @property
    def compilations(self) -> int:
        """Programs compiled in this process."""
        return sum(program.compilations for program in self._programs.values())

    @property
    def compile_seconds(self) -> float:
        """Spent on that."""
        return sum(program.compile_seconds for program in self._programs.values())

    def planned(self) -> int:
        """Members of the whole study, as far as the records tell."""
        if self.study["extent"] == "all":
            return len(self.names) * len(self.seeds)
        current = self._stage()
        return len(self.lines) + (0 if current is None else len(list(self._missing(current.points))))

    # -- the run

    def run(self) -> str:
        """Train until nothing is left, the budget is spent or a signal came; returns which."""
        current = self._stage()
        ahead = self._everything() if self.study["extent"] == "all" else () if current is None else current.points
        left = list(self._missing(ahead))
        bar = Bar(len(self.lines) + len(left), sum(self._seconds(member.point) for member in left), len(self.lines))
        bar.through(0, self._say_guess())
        try:
            while current is not None:
                bar.say(f"{current.name}: {len(current.points)} networks, {len(self.seeds)} seeds each")
                status = self._train(current, bar)
                if status is not None:
                    return status
                current = self._stage()
                if current is not None and self.study["extent"] == "knee":
                    new = list(self._missing(current.points))
                    bar.grow(len(new), sum(self._seconds(member.point) for member in new))
            return COMPLETED
        finally:
            bar.close()

    def _stage(self) -> Stage | None:
        study = self.study
        return stage(
            self.points,
            self.lines,
            self.seeds,
            extent=study["extent"],
            every=study["coarse"],
            reach=study["reach"],
            limits=settings.limits(study),
        )

    def _everything(self) -> list[Point]:
        return [group[0] for group in distinct(self.points).values()]

    def _missing(self, points: Sequence[Point]) -> Iterator[Member]:
        done = {(record["point"], record["seed"]) for record in self.lines}
        for point in points:
            yield from (Member(point, seed) for seed in self.seeds if (point.id, seed) not in done)

    def _seconds(self, point: Point) -> float:
        return next(group.seconds for group in self.groups if any(point.id == one.id for one in group.points))

    def _train(self, current: Stage, bar: Bar) -> str | None:
        """Train what the stage lacks; the reason to end if there is one."""
        asked = {point.id for point in current.points}
        for place, group in enumerate(self.groups):
            members = list(self._missing([point for point in group.points if point.id in asked]))
            if not members:
                continue
            program = self._program(place, group)
            for first in range(0, len(members), program.capacity):
                if self._spent():
                    return BUDGET
                status = self._chunk(program, members[first : first + program.capacity], bar)
                if status is not None:
                    return status
        return None

    def _program(self, place: int, group: Group) -> Program:
        if place not in self._programs:
            most = len(group.points) * len(self.seeds)
            self._programs[place] = Program(group, self.dataset, self.study, self.asked["seed"], most)
        return self._programs[place]

    def _chunk(self, program: Program, members: Sequence[Member], bar: Bar) -> str | None:
        work = len(members) * program.group.seconds
        through = 0
        try:
            for outcomes in program.train(members, stop=self.stop, tick=lambda share: bar.work(share * work)):
                self._record([self._line(outcome) for outcome in outcomes], bar)
                through += len(outcomes)
                if through < len(members) and self._spent():
                    return BUDGET
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            rest = members[through:]
            bar.say(f"failed: {', '.join(sorted({m.point.name for m in rest}))}: {text}")
            self._record([failure(m, self.names[m.point.id], *self._data, text) for m in rest], bar)
            return None
        return INTERRUPTED if self.stop() else None

    @property
    def _data(self) -> tuple[str, float]:
        return self.dataset.name, 1 / self.dataset.num_classes

    def _line(self, outcome) -> dict[str, Any]:
        return line(outcome, self.names[outcome.member.point.id], *self._data)

    def _record(self, lines: list[dict[str, Any]], bar: Bar) -> None:
        records.append_jsonl(self.path, *lines)
        self.lines += lines
        for one in lines:
            if one["status"] == "diverged":
                bar.say(f"diverged: {one['name']}, seed {one['seed']}, at step {one['diverged_step']}")
        bar.through(len(lines), self._say_guess())

    def _say_guess(self) -> str:
        """The smallest size that qualifies by now, of each family."""
        found = []
        for family in sorted({record["family"] for record in self.lines}):
            guess = guess_of([r for r in self.lines if r["family"] == family], settings.limits(self.study))
            if guess is not None:
                found.append(f"{family}: {f'{guess:,} parameters' if guess > 0 else 'none qualifies'}")
        return ", ".join(found)

    def _spent(self) -> bool:
        budget = self.study["budget_minutes"]
        return budget is not None and self.before + time.perf_counter() - self.started > 60 * budget
