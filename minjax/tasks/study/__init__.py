"""task=study: many networks over a grid of sizes, what they say together, and the smallest that learns; resumable."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from minjax import records
from minjax.errors import UserError
from minjax.studies import certificate, cost
from minjax.studies.findings import findings
from minjax.studies.order import coarse
from minjax.studies.points import Point, distinct, points, table
from minjax.tasks import workdir
from minjax.tasks.assembly import describe, load_data
from minjax.tasks.console import duration
from minjax.tasks.provenance import provenance
from minjax.tasks.resolve import resolve_fields
from minjax.tasks.signals import RESUMABLE, Interrupted, Stop
from minjax.tasks.study import settings
from minjax.tasks.study.executors import executor
from minjax.tasks.study.group import Group, Workload, groups
from minjax.tasks.study.program import has_curves
from minjax.tasks.study.runner import BUDGET, COMPLETED, INTERRUPTED, POINTS, Runner
from minjax.tasks.study.worker import Worker
from minjax.train.engine import choose_devices

RESULT = "study.json"
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
        return Study(asked, None, command, lambda: False).describe()
    if directory is None:
        directory = workdir.default(asked)
        print(f"work directory: {directory}")
    workdir.check(directory, asked)
    if (directory / RESULT).exists():
        result = records.read_json(directory / RESULT)
        if result["status"] == COMPLETED and not _retrying(asked, result):
            print(f"{directory}: this study is finished")
            _print(result)
            return 0
    with Stop() as stop:
        try:
            study = Study(asked, directory, command, stop)
            if not (directory / POINTS).exists():
                study.check_budget()
            with workdir.locked(directory):
                workdir.claim(directory, asked | {"data": describe(study.dataset)})
                stop.can_save = True
                return study.run()
        except Interrupted as interruption:
            print(f"minjax: {interruption}", file=sys.stderr)
            return RESUMABLE


def _retrying(asked: dict[str, Any], result: dict[str, Any]) -> bool:
    return asked["study"]["retry_failed"] and result["members"]["failed"] > 0


class Study:
    """One study: its data, its grid and its programs."""

    def __init__(self, asked: dict[str, Any], directory: Path | None, command: str, stop: Any):
        self.asked, self.study, self.directory, self.stop = asked, asked["study"], directory, stop
        self.started = time.perf_counter()
        choose_devices(asked["devices"])
        self.dataset = load_data(asked)
        if asked["batch_size"] > len(self.dataset.train):
            raise UserError(
                f"batch_size is {asked['batch_size']}; the training split has {len(self.dataset.train)} images"
            )
        self.points = points(
            settings.choices(asked),
            asked,
            image_shape=self.dataset.image_shape,
            num_classes=self.dataset.num_classes,
            resolve=resolve_fields,
            skip=True,
        )
        _check_data(self.points)
        self.machine = cost.machine()
        self.groups = self._groups()
        self.worker = Worker(asked, self.dataset, self.points, self.groups)
        self.provenance = provenance(command)

    def _groups(self) -> list[Group]:
        study, test = self.study, len(self.dataset.test)
        curve_images = min(test, study["curve_images"] or test)
        work = Workload(
            images=len(self.dataset.train),
            test_images=test,
            evaluations=0 if study["curves"] == "none" else curve_images * (study["amounts"] + len(study["bits"])),
            image_shape=self.dataset.image_shape,
            classes=self.dataset.num_classes,
        )
        networks = [group[0] for group in distinct(self.points).values()]
        packing = cost.nominal(jax.default_backend())
        return groups(networks, work, self.machine, study["seeds"], study["programs"], packing)

    def seconds(self, of: list[Point]) -> float:
        """Predicted, of training these points with all seeds, compilation included."""
        wanted = {point.id for point in of}
        total = 0.0
        for group in self.groups:
            count = sum(point.id in wanted for point in group.points)
            total += group.compile_seconds * (count > 0) + count * self.study["seeds"] * group.seconds
        return total

    def describe(self) -> int:
        """The dry run: points, parameters, programs and the predicted time."""
        print("\n".join(table(self.points)))
        first, rest = coarse(self.points, self.study["coarse"])
        curves = sum(has_curves(point, self.study["curves"]) for point in [*first, *rest])
        print(f"{self.study['seeds']} seeds each; {len(self.groups)} programs; {curves} networks with curves")
        print(
            f"predicted: {duration(self.seconds(first))} for the coarse grid ({len(first)} networks), "
            f"{duration(self.seconds([*first, *rest]))} for all; a guess from a matrix product of "
            f"{self.machine.throughput / 1e9:.0f} GFLOP/s on this machine"
        )
        return 0

    def run(self) -> int:
        """Train, find, write; returns the exit code."""
        assert self.directory is not None
        executing = executor(self.worker, self.asked)
        try:
            return self._run(Runner(self.asked, self.directory, self.points, self.worker, executing, self.stop))
        finally:
            executing.close()

    def _run(self, runner: Runner) -> int:
        assert self.directory is not None
        networks = len(distinct(self.points))
        sizes = sorted(point.num_params for point in self.points)
        print(
            f"{len(self.points)} points, {networks} distinct networks of {sizes[0]:,} to {sizes[-1]:,} parameters on "
            f"{self.dataset.name}; {self.study['seeds']} seeds each; {len(self.groups)} programs; "
            f"{len(runner.lines)} members are recorded already; {self.provenance['device_count']} x "
            f"{self.provenance['device']}",
            flush=True,
        )
        status = runner.run()
        result = self._result(runner, status)
        if result is not None:
            records.write_json(self.directory / RESULT, result)
            self._report(result)
        if status == INTERRUPTED:
            print(
                f"minjax: {self.stop.name}: every member that was through is saved; to resume: "
                f"{self.provenance['command']}",
                file=sys.stderr,
            )
            return RESUMABLE
        if status == BUDGET:
            print(
                f"the budget of {self.study['budget_minutes']:g} minutes is spent with {len(runner.lines)} members "
                "through; the same command with a larger study.budget_minutes goes on"
            )
        return 0

    def check_budget(self) -> None:
        """See that the coarse grid fits in the budget.

        Raises:
            UserError: it will hardly do.
        """
        budget = self.study["budget_minutes"]
        first, _ = coarse(self.points, self.study["coarse"])
        least = self.seconds(first) / 60
        if budget is not None and least > budget:
            raise UserError(
                f"study.budget_minutes is {budget:g}; the coarse grid alone ({len(first)} networks, "
                f"{self.study['seeds']} seeds each) needs at least about {least:.1f}"
            )

    def _result(self, runner: Runner, status: str) -> dict[str, Any] | None:
        """What study.json says; None where too little is recorded to say anything."""
        lines = sorted(runner.lines, key=lambda line: (line["num_params"], line["point"], line["seed"]))
        wanted = len(runner.seeds)
        counts: dict[str, int] = {}
        for line in lines:
            counts[line["point"]] = counts.get(line["point"], 0) + 1
        whole = [line for line in lines if counts[line["point"]] == wanted]
        if not any(line["status"] != "failed" for line in whole):
            return None
        limits = settings.limits(self.study)
        found = findings(whole, limits)
        by_status = {kind: sum(line["status"] == kind for line in lines) for kind in STATUSES}
        return {
            "name": self.asked["name"],
            "dataset": self.dataset.name,
            "status": status,
            **found,
            "certificates": certificate.certificates(
                found,
                whole,
                image_shape=self.dataset.image_shape,
                num_classes=self.dataset.num_classes,
                limits=limits,
            ),
            "members": by_status | {"planned": runner.planned()},
            "seconds": {
                **{kind: sum(line["seconds"][kind] for line in lines) for kind in ("train", "curves")},
                "compile": self.worker.compile_seconds,
                "total": time.perf_counter() - self.started,
            },
            "compilations": self.worker.compilations,
            **self.provenance,
        }

    def _report(self, result: dict[str, Any]) -> None:
        from minjax.report import study as report

        assert self.directory is not None
        page = report.write(self.directory)
        _print(result)
        seconds = result["seconds"]
        print(
            f"{sum(result['members'][kind] for kind in STATUSES)} members in "
            f"{duration(seconds['train'])} of training and {duration(seconds['curves'])} of curves, "
            f"{result['compilations']} compilations in {duration(seconds['compile'])}; "
            f"{duration(seconds['total'])} in all; report: {page}"
        )


def _check_data(grid: list[Point]) -> None:
    """All points are of the same data, which is loaded once."""
    for point in grid:
        for field in point.overrides:
            if field.startswith("dataset."):
                raise UserError(f"{field} cannot be an axis of a study: its points share one data set")


def _print(result: dict[str, Any]) -> None:
    for one in result["certificates"]:
        print("\n".join(certificate.text(one)))
