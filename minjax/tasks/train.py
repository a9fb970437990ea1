"""task=train: data, model and optimizer by name; epochs; records, checkpoints, report; resumable at any moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from minjax.config.resolving import resolve
from minjax.processes import joining
from minjax.records.run import read_summary
from minjax.tasks import report, workdir
from minjax.tasks.member import Order
from minjax.tasks.signals import Stop
from minjax.tasks.summary import headline
from minjax.tasks.training import DIVERGED, Tick, Training, check_agreement


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Train, resume, or say that the run is finished.

    Args:
        config: as the flags give it, with `task="train"`.
        directory: the work directory; None: `runs/<config name>-<dataset>-<optimizer>-s<seed>`.
        command: as the user typed it, for the records.

    Returns:
        The exit code: 0 completed, 1 diverged, 75 interrupted and resumable.

    Raises:
        UserError: a mistake in what was asked for; nothing has been written then.
        Interrupted: a signal came while there was nothing to save, or twice.
    """
    hosts = joining.current()
    resolved = resolve(config)
    check_agreement(hosts, resolved)
    target = workdir.default(resolved) if directory is None else directory
    if directory is None and hosts.first:
        print(f"work directory: {target}")
    if (code := hosts.on_first(lambda: _check_directory(target, resolved))) is not None:
        return code
    with Stop(hosts) as stop:
        return hosts.finish(Training([Order(resolved, target, command)], stop, hosts).run())


def run_within(
    config: dict[str, Any], directory: Path, command: str, stop: Stop, tick: Tick = lambda share: None
) -> int:
    """Train, resume, or say that the run is finished, as a part of another task in this process.

    Args:
        config: as resolved.
        directory: the run's.
        command: the one that does the same on its own, for the records.
        stop: of the other task, which goes on after this.
        tick: called with the share of the whole training that was just done.

    Returns:
        As `run`.

    Raises:
        UserError: as `run`.
    """
    if (code := _check_directory(directory, config)) is None:
        code = Training([Order(config, directory, command)], stop, joining.current(), tick).run()
        stop.save_first()
    return code


def _check_directory(directory: Path, config: dict[str, Any]) -> int | None:
    workdir.check(directory, config)
    return None if workdir.extends(directory, config) else finished(directory)


def finished(directory: Path) -> int | None:
    """The exit code of a run that is over, after saying so; None while there is something left to train.

    Its report is written if that was interrupted.
    """
    summary = read_summary(directory)
    if summary is None or summary.status == "interrupted":
        return None
    report.write_missing(directory)
    if summary.status == "diverged":
        print(f"{directory}: this run diverged at step {summary.diverged_step}; use another --workdir for a new one")
        return DIVERGED
    print(f"{directory}: this run is finished: {headline(summary)}; report: {directory / report.PAGE}")
    return 0
