"""A study from its plan to its pages: members are trained and recorded, findings follow from the records."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import Counter
from pathlib import Path

from msgspec.structs import asdict, replace

from minjax.findings.answers import Asked
from minjax.findings.samples import Sample, samples
from minjax.findings.study import findings
from minjax.findings.words import duration, plural
from minjax.interruption import RESUMABLE
from minjax.records.finding import CertificateBytes, Findings
from minjax.records.record import write
from minjax.records.study import (
    SUMMARY,
    MemberCounts,
    MemberRecord,
    Status,
    StudySeconds,
    StudySummary,
)
from minjax.studies.points import training
from minjax.studies.sizes import theoretical_bytes
from minjax.tasks.provenance import provenance
from minjax.tasks.report import outdate
from minjax.tasks.signals import Stop
from minjax.tasks.study import winner
from minjax.tasks.study.demands import of_samples, said
from minjax.tasks.study.executors import executor
from minjax.tasks.study.handover import Handover, conclusion, hands_over
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.programs import Programs
from minjax.tasks.study.search import Search
from minjax.tasks.study.testing import tested
from minjax.train.unfinished import FOLDER, discard


class Study:
    """One run of a plan, which continues from the records of earlier ones.

    Attributes:
        search: trains the members.
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
        self.programs = Programs(plan, directory)
        self.started = time.perf_counter()
        self.search = Search(plan, directory, stop, closed=winner.begun(directory))
        self.records = self.search.records

    def run(self) -> int:
        """Train the members that have no record, write findings and pages; returns the exit code."""
        print(self._opening(), flush=True)
        executing = executor(self.plan, self.programs)
        try:
            status = self.search.run(executing)
        finally:
            executing.close()
        summary = self._summary(status)
        if summary is not None and status != "interrupted" and hands_over(self.plan.study):
            summary = self._hand_over(summary)
        elif summary is not None and status == "completed":
            summary = self._test(summary)
        self.stop.leave_at_once("findings and pages were")
        if summary is not None:
            status = summary.status
            outdate(self.directory)
            write(self.directory / SUMMARY, summary)
            self._report(summary)
            if status == "completed" or summary.winner is not None:
                discard(self.directory / FOLDER)
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

    def _whole(self) -> list[MemberRecord]:
        """The members of those points that have all seeds of the study, with their fresh ones."""
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
        points = {one.point: self.plan.point_of(one) for one in records}
        return StudySummary(
            name=self.plan.config["name"],
            dataset=self.plan.dataset.name,
            status=status,
            training=training(point for point in points.values() if point is not None),
            findings=self._findings(),
            members=MemberCounts(**ended, planned=self.search.planned),
            stages=self.search.summary(),
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
        """Train the winner as a run of its own, and test it; a signal leaves the rest for the next time.

        The test split is used once, so a winner that fresh seeds could still replace has to wait for a larger budget.
        """
        handover = Handover(self.plan, self.programs, self.directory, self.records, self.stop)
        member = handover.member(summary.findings)
        if member is None:
            print(f"there is no network to hand over: every seed of {summary.findings.chosen.name} diverged")
            return summary
        if summary.status == "budget" and self.plan.rules.fresh_seeds and not member.fresh:
            print(
                f"no network is handed over yet: the budget was spent before {summary.findings.chosen.name} had fresh "
                "seeds"
            )
            return summary
        found = handover.run(summary.findings, member)
        return replace(summary, status="interrupted") if found is None else replace(summary, winner=found)

    def _findings(self) -> Findings:
        """What the points with two seeds or more say."""
        records = sorted(self.records, key=lambda one: (one.num_params, one.point, one.seed))
        seeds = Counter(one.point for one in records if not one.fresh)
        images = self.plan.partitions.images(sorted({one.seed for one in records}))
        demand = of_samples(self.plan.demand, self.plan.points)
        asked = {self.plan.dataset.name: dataclasses.replace(Asked.of(self.plan.config, images), demand=demand)}
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
        print(conclusion(summary, self.directory, self.plan.config))
        seconds, members = summary.seconds, summary.members
        print(
            f"{members.completed + members.diverged + members.failed} members: {duration(seconds.train)} of training, "
            f"{duration(seconds.curves or 0)} of measuring curves, {duration(seconds.compile)} of compiling "
            f"{plural(summary.compilations, 'program')}; {duration(seconds.total)} in all; report: {page}"
        )

    def _end(self, status: Status) -> int:
        """Say how to continue, where something is left; returns the exit code."""
        if status == "interrupted":
            signal = f"{self.stop.name}: " if self.stop.name else ""  # the task in which it came has named it
            print(
                f"minjax: {signal}every finished member is saved; to resume: {self.provenance.command}", file=sys.stderr
            )
            return RESUMABLE
        if status == "budget":
            following = "the same command with a larger study.budget_minutes continues"
            if winner.begun(self.directory):
                following = (
                    "the winner stands, because the test split has been used for it: a longer search needs another "
                    "--workdir"
                )
            budget, members = self.plan.study["budget_minutes"], plural(len(self.records), "member")
            print(f"the budget of {budget:g} minutes is spent, with {members} recorded; {following}")
        return 0
