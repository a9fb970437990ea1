"""task=study: many networks over a grid of sizes, what they say together, and the smallest that learns; resumable.

The way through: `settings` checks the configuration, `plan` lays out points and groups, `prediction` says what they
will take. `driver` has `search` train the members that have no record yet, through an executor (`executors`) that has
one program for each group (`program`, `programs`), and turns the records (`members`) into findings and pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from minjax.records.record import read
from minjax.records.study import MEMBERS, SUMMARY, StudySummary
from minjax.tasks import cluster, report, workdir
from minjax.tasks.signals import Stop
from minjax.tasks.study import datasets, executors, prediction, settings
from minjax.tasks.study.driver import Study
from minjax.tasks.study.handover import conclusion
from minjax.tasks.study.plan import Plan


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Run a study, or one on each of several data sets; resume it, or say that it is finished.

    Args:
        config: with `task="study"`.
        directory: the work directory; None: `runs/<config name>-<dataset>-s<seed>`.
        command: as the user typed it, for the records.

    Returns:
        The exit code: 0 completed or the budget is spent, 75 interrupted and resumable.

    Raises:
        UserError: whatever the user got wrong; nothing has been written then.
        Interrupted: a signal came while there was nothing to save, or twice.
    """
    asked = settings.settle(config)
    if asked["study"]["datasets"]:
        return datasets.run(config, directory, lambda own, place: run(own, place, command))
    if asked["study"]["dry_run"]:
        prediction.describe(Plan(asked))
        return 0
    if directory is None:
        directory = workdir.default(asked)
        print(f"work directory: {directory}")
    workdir.check(directory, asked)
    cluster.check(asked["study"], "study")
    if (finished := _finished(directory, asked)) is not None:
        report.write_missing(directory)
        print(f"{directory}: this study is finished")
        print(conclusion(finished, directory, asked))
        return 0
    with Stop() as stop:
        plan = Plan(asked)
        if workers := executors.workers_here(asked["study"]):
            plan.check_memory(workers)
        if not (directory / MEMBERS).exists():
            prediction.check_budget(plan)
        with workdir.locked(directory):
            workdir.claim(directory, asked | {"data": plan.data()})
            stop.save_first()
            return Study(plan, directory, command, stop).run()


def _finished(directory: Path, asked: dict[str, Any]) -> StudySummary | None:
    """The summary of a study that has nothing left to do, or whose winner was tested and so stands."""
    if not (directory / SUMMARY).exists():
        return None
    summary = read(directory / SUMMARY, StudySummary)
    if summary.winner is not None:
        return summary
    retrying = asked["study"]["retry_failed"] and summary.members.failed > 0
    return summary if summary.status == "completed" and not retrying else None
