"""A study from its plan to its pages: members are trained and recorded, findings follow from the records."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import asdict, replace

from minjax.errors import UserError
from minjax.findings import sentences
from minjax.findings.answers import Asked
from minjax.findings.samples import Sample, samples
from minjax.findings.study import findings
from minjax.findings.words import plural
from minjax.interruption import RESUMABLE
from minjax.records.finding import CertificateBytes, Findings
from minjax.records.record import append, read_lines, write, write_lines
from minjax.records.study import (
    MEMBERS,
    SUMMARY,
    MemberCounts,
    MemberRecord,
    Status,
    StudySeconds,
    StudySummary,
)
from minjax.studies.points import training
from minjax.studies.sequence import Stage, guess_of
from minjax.studies.sizes import theoretical_bytes
from minjax.tasks.console import Progress, duration
from minjax.tasks.provenance import provenance
from minjax.tasks.report import outdate
from minjax.tasks.signals import Stop
from minjax.tasks.study import winner
from minjax.tasks.study.demands import said
from minjax.tasks.study.executors import Executor, executor
from minjax.tasks.study.handover import Handover
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.program import Programs
from minjax.tasks.study.testing import tested


class Study:
    """One run of a plan, which continues from the records of earlier ones.

    Attributes:
        records: those of points.jsonl so far.
    """

    def __init__(self, plan: Plan, directory: Path, command: str, stop: Stop):
        """Read what is recorded already, dropping a half-written last line.

        Args:
            plan: what is trained.
            directory: the study's, locked by this process.
            command: as the user typed it.
            stop: says whether a signal came; asked between dispatches.
        """
        self.plan, self.directory, self.stop = plan, directory, stop
        self.provenance = provenance(command, plan.config["devices"])
        self.programs = Programs(plan)
        self.started = time.perf_counter()
        self.records = _restore(directory / MEMBERS, plan)
        self._seconds_before = sum(one.seconds.train + (one.seconds.curves or 0.0) for one in self.records)
        self._planned = len(self.records)  # members of the whole study, as far as is known
        self._spent = False  # the budget
        self._guess = ""  # of the minimal size

    def run(self) -> int:
        """Train the members that have no record, write findings and pages; returns the exit code."""
        print(self._opening(), flush=True)
        executing = executor(self.plan, self.programs)
        try:
            status = "completed" if winner.begun(self.directory) else self._train(executing)
        finally:
            executing.close()
        summary = self._summary(status)
        if summary is not None and status == "completed":
            summary = self._hand_over(summary) if self.plan.study["extent"] == "knee" else self._test(summary)
        self.stop.leave_at_once("findings and pages were")
        if summary is not None:
            status = summary.status
            outdate(self.directory)
            write(self.directory / SUMMARY, summary)
            self._report(summary)
        elif status == "completed":
            print("nothing can be said: no network has completed with all its seeds")
        return self._end(status)

    def _opening(self) -> str:
        points, networks = self.plan.points, self.plan.networks
        sizes = [point.num_params for point in networks]
        left_out = said(self.plan.left_out)
        return (
            f"{plural(len(points), 'point')}, {plural(len(networks), 'distinct network')} of {min(sizes):,} to "
            f"{max(sizes):,} parameters on {self.plan.dataset.name}; {left_out}{'; ' * bool(left_out)}"
            f"{len(self.plan.seeds)} seeds each; "
            f"{plural(len(self.plan.groups), 'program')}; {plural(len(self.records), 'member')} already recorded; "
            f"{self.provenance.device_count} x {self.provenance.device}"
        )

    def _train(self, executing: Executor) -> Status:
        """Train stage after stage until nothing is missing, the budget is spent, or a signal came."""
        stage = self.plan.stage(self.records)
        left = self.plan.left(stage, self.records)
        self._planned, self._guess = len(self.records) + len(left), self._best_guess()
        with Progress(self.plan.seconds(left), unit="members") as progress:
            self._show(progress, 0.0)
            while stage is not None:
                networks, seeds = plural(len(stage.points), "network"), plural(len(self.plan.seeds), "seed")
                progress.say(f"{stage.name}: {networks}, {seeds} each")
                status = self._train_stage(stage, executing, progress)
                if status is not None:
                    return status
                stage = self.plan.stage(self.records)
                left = self.plan.left(stage, self.records)
                if len(self.records) + len(left) > self._planned:  # a refinement asks for sizes that nobody knew of
                    self._planned = len(self.records) + len(left)
                    progress.extend(self.plan.seconds(left))
        return "completed"

    def _train_stage(self, stage: Stage, executing: Executor, progress: Progress) -> Status | None:
        """Train what a stage lacks; returns why the study ends here, None if it continues."""
        self._spent = self._budget_is_spent()
        if self._spent:
            return "budget"
        recorded = {(one.point, one.seed) for one in self.records}
        stop = lambda: self._spent or self.stop()  # noqa: E731
        tick = lambda seconds: self._show(progress, seconds)  # noqa: E731
        for records in executing.run(self.plan.jobs(stage), recorded, stop, tick):
            self._record(records, progress)
            self._spent = self._budget_is_spent()
        if self._spent and self.plan.missing(stage.points, self.records):
            return "budget"
        return "interrupted" if self.stop() else None

    def _record(self, records: Sequence[MemberRecord], progress: Progress) -> None:
        append(self.directory / MEMBERS, *records)
        self.records += records
        self._guess = self._best_guess()
        for one in records:
            if one.status == "diverged":
                progress.say(f"diverged: {one.name}, seed {one.seed}, at step {one.diverged_step}")
        failed = [one for one in records if one.status == "failed"]
        if failed:
            progress.say(f"failed: {', '.join(sorted({one.name for one in failed}))}: {failed[0].error}")
        self._show(progress, 0.0)

    def _show(self, progress: Progress, seconds: float) -> None:
        """Count predicted seconds as worked: a large network takes a thousand times as long as a small one."""
        progress.advance(seconds, f"{len(self.records)}/{self._planned} members", self._guess)

    def _best_guess(self) -> str:
        """The smallest size that qualifies so far, for each family."""
        found = []
        for family in sorted({one.family for one in self.records}):
            guess = guess_of([one for one in self.records if one.family == family], self.plan.limits)
            if guess is not None:
                found.append(f"{family}: {f'{guess:,} parameters' if guess > 0 else 'none qualifies'}")
        return ", ".join(found)

    def _budget_is_spent(self) -> bool:
        budget = self.plan.study["budget_minutes"]
        return budget is not None and self._seconds_before + time.perf_counter() - self.started > 60 * budget

    def _whole(self) -> list[MemberRecord]:
        """The members of those points that have all their seeds."""
        records = sorted(self.records, key=lambda one: (one.num_params, one.point, one.seed))
        seeds = Counter(one.point for one in records if not one.fresh)
        return [one for one in records if seeds[one.point] == len(self.plan.seeds)]

    def _summary(self, status: Status) -> StudySummary | None:
        """What study.json says; None where too little is recorded to say anything."""
        records = sorted(self.records, key=lambda one: (one.num_params, one.point, one.seed))
        whole = self._whole()
        if all(one.status == "failed" for one in whole):
            return None
        ended = {kind: sum(one.status == kind for one in records) for kind in ("completed", "diverged", "failed")}
        left = self.plan.left(self.plan.stage(self.records), self.records)
        recorded = {one.point for one in records}
        return StudySummary(
            name=self.plan.config["name"],
            dataset=self.plan.dataset.name,
            status=status,
            training=training(point for point in self.plan.points if point.id in recorded),
            findings=self._findings(),
            members=MemberCounts(**ended, planned=len(records) + len(left)),
            seconds=StudySeconds(
                train=sum(one.seconds.train for one in records),
                curves=sum(one.seconds.curves or 0.0 for one in records),
                compile=self.programs.compile_seconds,
                total=time.perf_counter() - self.started,
            ),
            compilations=self.programs.compilations,
            **asdict(self.provenance),
        )

    def _hand_over(self, summary: StudySummary) -> StudySummary:
        """Train the winner as a run of its own, and test it; a signal leaves the rest for the next time."""
        found = Handover(self.plan, self.programs, self.directory, self._whole(), self.stop).run(summary.findings)
        return replace(summary, status="interrupted") if found is None else replace(summary, winner=found)

    def _findings(self) -> Findings:
        """What the points with two seeds or more say."""
        records = sorted(self.records, key=lambda one: (one.num_params, one.point, one.seed))
        seeds = Counter(one.point for one in records)
        images = self.plan.partitions.images(sorted({one.seed for one in records}))
        asked = {self.plan.dataset.name: Asked.of(self.plan.config, images)}
        return findings([one for one in records if seeds[one.point] > 1], self.plan.limits, self._bytes, asked)

    def _test(self, summary: StudySummary) -> StudySummary:
        """Look at the test split, once, for the networks that were chosen; a signal leaves that for the next time."""
        print("testing the networks that were chosen, once", flush=True)
        found = samples(self._whole())
        certificates = tested(self.plan, self.programs, summary.findings.certificates, found, self.stop)
        if certificates is None:
            return replace(summary, status="interrupted")
        return replace(summary, findings=replace(summary.findings, certificates=certificates))

    def _bytes(self, sample: Sample, redundancy: float | None, bits: int | None) -> CertificateBytes:
        data = self.plan.dataset
        return theoretical_bytes(
            sample.family,
            sample.fields,
            image_shape=data.image_shape,
            num_classes=data.num_classes,
            redundancy=redundancy,
            bits=bits,
        )

    def _report(self, summary: StudySummary) -> None:
        from minjax.report import study as report  # matplotlib: only now

        page = report.write(self.directory)
        print(certificates(summary))
        seconds, members = summary.seconds, summary.members
        print(
            f"{members.completed + members.diverged + members.failed} members: {duration(seconds.train)} of training, "
            f"{duration(seconds.curves or 0)} of measuring curves, {duration(seconds.compile)} of compiling "
            f"{plural(summary.compilations, 'program')}; {duration(seconds.total)} in all; report: {page}"
        )

    def _end(self, status: Status) -> int:
        """Say how to continue, where something is left; returns the exit code."""
        if status == "interrupted":
            print(
                f"minjax: {self.stop.name}: every finished member is saved; to resume: {self.provenance.command}",
                file=sys.stderr,
            )
            return RESUMABLE
        if status == "budget":
            print(
                f"the budget of {self.plan.study['budget_minutes']:g} minutes is spent, with "
                f"{plural(len(self.records), 'member')} recorded; the same command with a larger study.budget_minutes "
                "continues"
            )
        return 0


def certificates(summary: StudySummary) -> str:
    """The answer of a study and the certificates of its families, a line a sentence."""
    found = summary.findings
    said = [sentences.certificate(one) for one in found.certificates]
    if len(said) > 1:
        said = [[sentences.headline(found), *sentences.details(found.minimal)], *said]
    return "\n".join("\n  ".join(lines) for lines in said)


def _restore(path: Path, plan: Plan) -> list[MemberRecord]:
    """The members recorded so far, each once; without those that failed if they are to be tried again.

    Raises:
        UserError: a damaged record, or one of a member that is not the study's.
    """
    retry_failed = plan.study["retry_failed"]
    by_key = {(one.point, one.seed): one for one in read_lines(path, MemberRecord)}
    points = {point.id: point for point in plan.networks}
    for (point, seed), one in by_key.items():
        if point not in points or seed not in plan.seeds or one.num_params != points[point].num_params:
            raise UserError(
                f"{path}: {one.name!r}, point {point!r}, with seed {seed} and {one.num_params:,} parameters is no "
                "member of this study; remove its line, and the same command trains what is missing"
            )
    kept = [one for one in by_key.values() if one.status != "failed" or not retry_failed]
    write_lines(path, kept)
    return kept
