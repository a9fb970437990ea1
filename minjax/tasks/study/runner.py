"""The runner: trains what the records ask for next, and records every member as it is through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from minjax.records.record import append, read_lines, write_lines
from minjax.records.study import MEMBERS, MemberRecord, Status
from minjax.studies.points import Point, distinct
from minjax.studies.sequence import Stage, guess_of, stage
from minjax.tasks.study import settings
from minjax.tasks.study.bar import Bar
from minjax.tasks.study.executors import Executor, Job
from minjax.tasks.study.program import Member
from minjax.tasks.study.worker import Line, Worker

COMPLETED: Status = "completed"
INTERRUPTED: Status = "interrupted"
BUDGET: Status = "budget"


class Runner:
    """Trains the members of a study that have no record yet.

    Attributes:
        lines: of points.jsonl so far.
        seeds: of every point.
    """

    def __init__(
        self,
        asked: dict[str, Any],
        directory: Path,
        points: Sequence[Point],
        worker: Worker,
        executor: Executor,
        stop: Callable[[], bool],
    ):
        """Read what is recorded already, and drop a half-written last line.

        Args:
            asked: the configuration.
            directory: of the study, which is held.
            points: of the whole grid.
            worker: knows the groups of its networks.
            executor: trains them.
            stop: asked between dispatches.
        """
        self.study, self.path = asked["study"], directory / MEMBERS
        self.points, self.groups = points, list(worker.groups.values())
        self.executor, self.stop = executor, stop
        self.seeds = settings.seeds(asked)
        self.networks = [group[0] for group in distinct(points).values()]
        self._seconds = {point.id: group.seconds for group in self.groups for point in group.points}
        self.lines = self._restore()
        self.before = sum(line.seconds.train + (line.seconds.curves or 0.0) for line in self.lines)
        self.started = time.perf_counter()
        self._over = False  # the budget is spent

    def _restore(self) -> list[Line]:
        known = {(record.point, record.seed): record for record in read_lines(self.path, MemberRecord)}
        retry = self.study["retry_failed"]
        lines = [record for record in known.values() if record.status != "failed" or not retry]
        write_lines(self.path, lines)
        return lines

    def planned(self) -> int:
        """Members of the whole study, as far as the records tell."""
        if self.study["extent"] == "all":
            return len(self.networks) * len(self.seeds)
        current = self._stage()
        return len(self.lines) + (0 if current is None else len(list(self._missing(current.points))))

    def run(self) -> Status:
        """Train until nothing is left, the budget is spent or a signal came; returns which."""
        current = self._stage()
        everything = self.study["extent"] == "all"
        left = list(self._missing(self.networks if everything else () if current is None else current.points))
        bar = Bar(len(self.lines) + len(left), self._work(left), len(self.lines))
        bar.through(0, self._guess())
        try:
            while current is not None:
                bar.say(f"{current.name}: {len(current.points)} networks, {len(self.seeds)} seeds each")
                status = self._train(current, bar)
                if status is not None:
                    return status
                current = self._stage()
                if current is not None and not everything:
                    new = list(self._missing(current.points))
                    bar.grow(len(new), self._work(new))
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

    def _missing(self, points: Sequence[Point]) -> Iterator[Member]:
        recorded = self._recorded()
        for point in points:
            yield from (Member(point, seed) for seed in self.seeds if (point.id, seed) not in recorded)

    def _recorded(self) -> set[tuple[str, int]]:
        return {(record.point, record.seed) for record in self.lines}

    def _work(self, members: Sequence[Member]) -> float:
        return sum(self._seconds[member.point.id] for member in members)

    def _train(self, current: Stage, bar: Bar) -> Status | None:
        """Train what the stage lacks; the reason to end if there is one."""
        asked = {point.id for point in current.asked}
        jobs = [
            Job(group.name, tuple(Member(p, seed) for p in group.points if p.id in asked for seed in self.seeds))
            for group in self.groups
            if any(point.id in asked for point in group.points)
        ]
        if self._spent():
            return BUDGET
        for lines in self.executor.run(jobs, self._recorded(), lambda: self._over or self.stop(), bar.work):
            self._record(lines, bar)
            self._over = self._spent()
        if self._over and next(self._missing(current.points), None) is not None:
            return BUDGET
        return INTERRUPTED if self.stop() else None

    def _record(self, lines: list[Line], bar: Bar) -> None:
        append(self.path, *lines)
        self.lines += lines
        for one in lines:
            if one.status == "diverged":
                bar.say(f"diverged: {one.name}, seed {one.seed}, at step {one.diverged_step}")
        failed = [one for one in lines if one.status == "failed"]
        if failed:
            bar.say(f"failed: {', '.join(sorted({one.name for one in failed}))}: {failed[0].error}")
        bar.through(len(lines), self._guess())

    def _guess(self) -> str:
        """The smallest size that qualifies by now, of each family."""
        found = []
        for family in sorted({record.family for record in self.lines}):
            guess = guess_of([r for r in self.lines if r.family == family], settings.limits(self.study))
            if guess is not None:
                found.append(f"{family}: {f'{guess:,} parameters' if guess > 0 else 'none qualifies'}")
        return ", ".join(found)

    def _spent(self) -> bool:
        budget = self.study["budget_minutes"]
        return budget is not None and self.before + time.perf_counter() - self.started > 60 * budget
