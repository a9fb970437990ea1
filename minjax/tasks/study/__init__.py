"""task=study: many networks over a grid of sizes, what they say together, and the smallest that learns; resumable."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict
from msgspec.structs import asdict

from minjax.findings.certificate import sentences
from minjax.findings.samples import Sample
from minjax.findings.study import findings
from minjax.records.finding import CertificateBytes
from minjax.records.record import read, write
from minjax.records.study import MEMBERS, SUMMARY, MemberCounts, Status, StudySeconds, StudySummary
from minjax.studies import sizes
from minjax.studies.points import distinct, training
from minjax.tasks import workdir
from minjax.tasks.assembly import describe
from minjax.tasks.console import duration
from minjax.tasks.provenance import provenance
from minjax.tasks.signals import RESUMABLE, Interrupted, Stop
from minjax.tasks.study import settings
from minjax.tasks.study.executors import check, executor
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.runner import BUDGET, COMPLETED, INTERRUPTED, Runner

STATUSES = ("completed", "diverged", "failed")


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Run a study, or go on with it, or say that it is done.

    Args:
        config: of `task="study"`.
        directory: the work directory; None: `runs/<config name>-<dataset>-s<seed>`.
        command: as the user typed it, for the records.

    Returns:
        The exit code: 0 completed or the budget is spent, 75 interrupted and resumable.

    Raises:
        UserError: whatever the user got wrong; nothing has been written then.
    """
    asked = settings.settle(config)
    if asked["study"]["dry_run"]:
        Plan(asked).describe()
        return 0
    if directory is None:
        directory = workdir.default(asked)
        print(f"work directory: {directory}")
    workdir.check(directory, asked)
    check(asked["study"])
    if (directory / SUMMARY).exists():
        result = read(directory / SUMMARY, StudySummary)
        if result.status == COMPLETED and not _retrying(asked, result):
            print(f"{directory}: this study is finished")
            _print(result)
            return 0
    with Stop() as stop:
        try:
            study = Study(asked, directory, command, stop)
            if not (directory / MEMBERS).exists():
                study.plan.check_budget()
            with workdir.locked(directory):
                workdir.claim(directory, asked | {"data": describe(study.plan.dataset)})
                stop.can_save = True
                return study.run()
        except Interrupted as interruption:
            print(f"minjax: {interruption}", file=sys.stderr)
            return RESUMABLE


def _retrying(asked: dict[str, Any], result: StudySummary) -> bool:
    return asked["study"]["retry_failed"] and result.members.failed > 0


class Study:
    """One run of a plan: its records, and what follows from them."""

    def __init__(self, asked: dict[str, Any], directory: Path, command: str, stop: Stop):
        self.asked, self.study, self.directory, self.stop = asked, asked["study"], directory, stop
        self.started = time.perf_counter()
        self.plan = Plan(asked)
        self.provenance = provenance(command)

    def run(self) -> int:
        """Train, find, write; returns the exit code."""
        executing = executor(self.plan.worker, self.asked)
        try:
            return self._run(
                Runner(self.asked, self.directory, self.plan.points, self.plan.worker, executing, self.stop)
            )
        finally:
            executing.close()

    def _run(self, runner: Runner) -> int:
        networks = len(distinct(self.plan.points))
        sizes = sorted(point.num_params for point in self.plan.points)
        print(
            f"{len(self.plan.points)} points, {networks} distinct networks of {sizes[0]:,} to {sizes[-1]:,} parameters "
            f"on {self.plan.dataset.name}; {self.study['seeds']} seeds each; {len(self.plan.groups)} programs; "
            f"{len(runner.lines)} members are recorded already; {self.provenance.device_count} x "
            f"{self.provenance.device}",
            flush=True,
        )
        status = runner.run()
        result = self._result(runner, status)
        if result is not None:
            write(self.directory / SUMMARY, result)
            self._report(result)
        if status == INTERRUPTED:
            print(
                f"minjax: {self.stop.name}: every member that was through is saved; to resume: "
                f"{self.provenance.command}",
                file=sys.stderr,
            )
            return RESUMABLE
        if status == BUDGET:
            print(
                f"the budget of {self.study['budget_minutes']:g} minutes is spent with {len(runner.lines)} members "
                "through; the same command with a larger study.budget_minutes goes on"
            )
        return 0

    def _result(self, runner: Runner, status: Status) -> StudySummary | None:
        """What study.json says; None where too little is recorded to say anything."""
        lines = sorted(runner.lines, key=lambda line: (line.num_params, line.point, line.seed))
        wanted = len(runner.seeds)
        counts: dict[str, int] = {}
        for line in lines:
            counts[line.point] = counts.get(line.point, 0) + 1
        whole = [line for line in lines if counts[line.point] == wanted]
        if not any(line.status != "failed" for line in whole):
            return None
        curves = [line.seconds.curves for line in lines if line.seconds.curves is not None]
        return StudySummary(
            name=self.asked["name"],
            dataset=self.plan.dataset.name,
            status=status,
            training=training(self.plan.points),
            findings=findings(whole, settings.limits(self.study), self._bytes),
            members=MemberCounts(
                **{kind: sum(line.status == kind for line in lines) for kind in STATUSES}, planned=runner.planned()
            ),
            seconds=StudySeconds(
                train=sum(line.seconds.train for line in lines),
                curves=sum(curves),
                compile=self.plan.worker.compile_seconds,
                total=time.perf_counter() - self.started,
            ),
            compilations=self.plan.worker.compilations,
            **asdict(self.provenance),
        )

    def _bytes(self, sample: Sample, redundancy: float | None, bits: int | None) -> CertificateBytes:
        return sizes.theoretical_bytes(
            sample.family,
            sample.fields,
            image_shape=self.plan.dataset.image_shape,
            num_classes=self.plan.dataset.num_classes,
            redundancy=redundancy,
            bits=bits,
        )

    def _report(self, result: StudySummary) -> None:
        from minjax.report import study as report

        page = report.write(self.directory)
        _print(result)
        seconds, members = result.seconds, result.members
        print(
            f"{members.completed + members.diverged + members.failed} members in "
            f"{duration(seconds.train)} of training and {duration(seconds.curves or 0)} of curves, "
            f"{result.compilations} compilations in {duration(seconds.compile)}; "
            f"{duration(seconds.total)} in all; report: {page}"
        )


def _print(result: StudySummary) -> None:
    for certificate in result.findings.certificates:
        print("\n  ".join(sentences(certificate)))
