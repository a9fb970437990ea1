"""The members of a study are trained and recorded, stage after stage, within the budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from minjax.errors import UserError
from minjax.records.record import append, read_lines, write_lines
from minjax.records.stages import ENDED, SearchEnd, StageRecord
from minjax.records.study import MEMBERS, MemberRecord, Status
from minjax.studies import climb
from minjax.studies.rounds import CLIMB, COARSE, FRESH, MORE_EPOCHS, REFINEMENT, REST
from minjax.studies.sequence import Stage
from minjax.tasks.console import Progress
from minjax.tasks.signals import Stop
from minjax.tasks.study.executors import Executor
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.program import unfinished_name
from minjax.train.unfinished import FOLDER, sweep

SEARCH = 0.6  # of the budget, before fresh seeds

# What it means for the answer that the budget ends a stage early.
UNFINISHED = {
    CLIMB: "larger networks were not trained, and the best of them may be better than the best found",
    COARSE: "sizes are missing from the grid",
    REFINEMENT: "sizes between those measured may be enough",
    MORE_EPOCHS: "smaller networks may be enough with more epochs",
    REST: "what is said is said without the rest of the grid",
    FRESH: "the accuracy of what was chosen is that of the seeds it was chosen by, which is too high",
}


class Search:
    """Trains what a plan's stages ask for, and continues from the records of earlier runs.

    Attributes:
        records: those of points.jsonl so far.
    """

    def __init__(self, plan: Plan, directory: Path, stop: Stop, *, closed: bool = False):
        """Read what is recorded already, dropping a half-written last line.

        Args:
            plan: what is trained.
            directory: the study's, locked by this process.
            stop: says whether a signal came; asked between dispatches.
            closed: whether the winner has been chosen, so that nothing more may be trained that could change it,
                whatever the budget is now.

        Raises:
            UserError: a damaged record, or one of a member that is not the study's.
        """
        self.plan, self.directory, self.stop, self.closed = plan, directory, stop, closed
        self.stages, self.started = plan.stages(), time.perf_counter()
        self.records = _restore(directory / MEMBERS, plan, retry=plan.study["retry_failed"] and not closed)
        self._expected = len(self.records)  # members, once what is known now is trained
        self._seconds_before = 0.0  # of earlier commands, by the clock
        self._ended = self._ended_before()
        self._guess, self._said = "", set[str]()  # of the answer; stages that were named
        self._sweep()

    def run(self, executing: Executor) -> Status:
        """Train stage after stage until nothing is missing, the budget is spent, or a signal came.

        The search ends when its share of the budget is spent; fresh seeds for what it found still follow.
        """
        if self.closed:
            lacking = self.stages.stage(self.records, explore=self._ended is None) is not None
            ended = self.plan.study["budget_minutes"] is not None and (lacking or self._ended is not None)
            return "budget" if ended else "completed"
        trained = sum(one.seconds.train + (one.seconds.curves or 0.0) for one in self.records)
        self._seconds_before = trained / executing.slots
        stage = self._next()
        left = self.plan.left(stage, self.records)
        self._expected, self._guess = len(self.records) + len(left), self._best_guess()
        with Progress(self.plan.seconds(left), unit="members") as progress:
            self._show(progress, 0.0)
            while stage is not None:
                self._say(stage, progress)
                status = self._train(stage, executing, progress)
                if status is not None:
                    return status
                said = len(self._notes())
                stage = self._next()
                for name, text in self._notes()[said:]:
                    progress.say(f"{name}: {text}")
                left = self.plan.left(stage, self.records)
                if len(self.records) + len(left) > self._expected:  # a round asks for networks that nobody knew of
                    self._expected = len(self.records) + len(left)
                    progress.extend(self.plan.seconds(left))
        return "completed" if self._ended is None else "budget"

    def _say(self, stage: Stage, progress: Progress) -> None:
        """Say what is trained, for each group of networks once, and with the first of a climb where it will end."""
        if stage.name == CLIMB and stage.name not in self._said:
            progress.say(f"climb: {climb.rule(self.plan.rules.at_target)}")
        if stage.begins or stage.name not in self._said:
            progress.say(f"{stage.name}: {stage.text}{f'; {self._guess}' * bool(self._guess)}")
        self._said.add(stage.name)

    @property
    def planned(self) -> int:
        """Members of the whole study, as far as is known."""
        return len(self.records) + len(self.plan.left(self.stages.stage(self.records), self.records))

    def summary(self) -> list[StageRecord]:
        """The stages so far, and why they ended."""
        notes = self._notes()
        return [
            StageRecord(name=stage, members=members, ended=[text for of, text in notes if of == stage])
            for stage, members in self.stages.asked.items()
        ]

    def _next(self) -> Stage | None:
        """The stage that the study is in; past the end of the search, that of its fresh seeds."""
        stage = self.stages.stage(self.records)
        if self._ended is None:
            if stage is None or stage.name == FRESH or not self._is_spent(self._share):
                return stage
            self._ended = SearchEnd(stage=stage.name, budget_minutes=self.plan.study["budget_minutes"])
            append(self.directory / ENDED, self._ended)
        return self.stages.stage(self.records, explore=False)

    def _ended_before(self) -> SearchEnd | None:
        """How an earlier run ended the search, unless the budget is larger now."""
        budget, ends = self.plan.study["budget_minutes"], read_lines(self.directory / ENDED, SearchEnd)
        same = self.closed or (budget is not None and ends and budget <= ends[-1].budget_minutes)
        return ends[-1] if ends and same else None

    @property
    def _share(self) -> float:
        """The share of the budget that the search may take."""
        return SEARCH if self.plan.rules.fresh_seeds else 1.0

    def _train(self, stage: Stage, executing: Executor, progress: Progress) -> Status | None:
        """Train what a stage lacks; returns why the study ends here, None if it continues."""
        share = 1.0 if stage.name == FRESH else self._share
        if self._is_spent(share):
            return "budget"
        recorded = {(one.point, one.seed) for one in self.records}
        stop = lambda: self._is_spent(share) or self.stop()  # noqa: E731
        tick = lambda seconds: self._show(progress, seconds)  # noqa: E731
        for records in executing.run(self.plan.jobs(stage), recorded, stop, tick):
            self._record(records, progress)
        return "interrupted" if self.stop() else None

    def _record(self, records: Sequence[MemberRecord], progress: Progress) -> None:
        append(self.directory / MEMBERS, *records)
        self.records += records
        self._sweep()
        self._guess = self._best_guess()
        for one in records:
            if one.status == "diverged":
                settings = "".join(f", {name}={value}" for name, value in one.settings.items())
                progress.say(f"diverged: {one.name}{settings}, seed {one.seed}, at step {one.diverged_step}")
        failed = [one for one in records if one.status == "failed"]
        if failed:
            progress.say(f"failed: {', '.join(sorted({one.name for one in failed}))}: {failed[0].error}")
        self._show(progress, 0.0)

    def _sweep(self) -> None:
        """Delete what was kept of members in training that are recorded by now."""
        sweep(self.directory / FOLDER, {unfinished_name(one.point, one.seed) for one in self.records})

    def _show(self, progress: Progress, seconds: float) -> None:
        """Count predicted seconds as worked: a large network takes a thousand times as long as a small one."""
        progress.advance(seconds, f"{len(self.records)}/{self._expected} members", self._guess)

    def _best_guess(self) -> str:
        """The answer so far, of all families together."""
        now = self.stages.standing(self.records)
        if now is None:
            return ""
        if now.winner is None:
            return f"best so far: {now.best.num_params:,} parameters, {now.best.point}"
        kind = "near-best" if self.plan.rules.target is None else "smallest"
        return f"{kind} so far: {now.winner.num_params:,} parameters, {now.winner.point}"

    def _notes(self) -> list[tuple[str, str]]:
        """Why stages ended: the stage and the reason."""
        notes = [(note.stage, note.text) for note in self.stages.notes]
        if self._ended is not None:
            minutes, stage = self._ended.budget_minutes, self._ended.stage
            notes.append((stage, f"ended by the budget of {minutes:g} minutes: {UNFINISHED[stage]}"))
        return notes

    def _is_spent(self, share: float) -> bool:
        """Whether this share of the budget is spent."""
        budget = self.plan.study["budget_minutes"]
        return budget is not None and self._seconds_before + time.perf_counter() - self.started > 60 * budget * share


def _restore(path: Path, plan: Plan, *, retry: bool) -> list[MemberRecord]:
    """The members recorded so far, each once; without those that failed if these are to be tried again (`retry`).

    Raises:
        UserError: a damaged record, or one of a member that is not the study's.
    """
    by_key = {(one.point, one.seed): one for one in read_lines(path, MemberRecord)}
    for (name, seed), one in by_key.items():
        point = plan.point_of(one)
        seeds = plan.rules.fresh if one.fresh else plan.seeds
        if point is None or seed not in seeds or one.num_params != point.num_params:
            raise UserError(
                f"{path}: {one.name!r}, point {name!r}, with seed {seed} and {one.num_params:,} parameters is not a "
                "member of this study; remove its line, and the same command trains what is missing"
            )
    kept = [one for one in by_key.values() if one.status != "failed" or not retry]
    write_lines(path, kept)
    return kept
