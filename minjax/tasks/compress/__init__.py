"""task=compress: prunes and quantizes a trained network in many ways and measures each version; resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from minjax.records.compression import SUMMARY, CompressionSummary
from minjax.records.record import read
from minjax.tasks import report, train, workdir
from minjax.tasks.compress import products, settings
from minjax.tasks.compress.compression import Compression, conclusion
from minjax.tasks.compress.trained import INSIDE
from minjax.tasks.signals import Stop


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Compress the network of a finished run, or train one first; resume; or say that it is finished.

    Args:
        config: the configuration, with `task="compress"`.
        directory: the work directory; None: `runs/<config name>-<the run's name>`, or that of a training.
        command: the command as the user typed it, for the records.

    Returns:
        The exit code: 0 completed, 1 the training that comes first diverged, 75 interrupted and resumable.

    Raises:
        UserError: whatever the user got wrong.
        Interrupted: a signal came while there was nothing to save, or twice.
    """
    settled = settings.settle(config)
    if directory is None:
        directory = _default_directory(settled)
        print(f"work directory: {directory}")
    if settled["run"]:
        with Stop() as stop:
            return run_within(settings.of_network(settled), directory, command, stop)
    workdir.check(directory, settled)
    source = directory / INSIDE
    if (directory / SUMMARY).exists():
        _again(settled, directory, source, command)
        return 0
    settings.check_patterns(settled)
    settings.check_target(settled)
    with workdir.locked(directory):
        workdir.claim(directory, settled)
        training = config.copy_and_resolve_references()
        training.task = "train"
        if code := train.run(training, source, command):
            return code
        with Stop() as stop:
            return Compression(settled, directory, source, command, stop).run()


def run_within(settled: dict[str, Any], directory: Path, command: str, stop: Stop) -> int:
    """Compress the network of a finished run, resume, or say that it is finished; perhaps as a part of another task.

    Args:
        settled: from `settings.of_network`.
        directory: the work directory.
        command: the one that does the same on its own, for the records.
        stop: of the other task, which goes on after this.

    Returns:
        0, or 75 when told to stop.

    Raises:
        UserError: as `run`.
    """
    workdir.check(directory, settled)
    source = Path(settled["run"])
    if (directory / SUMMARY).exists():
        _again(settled, directory, source, command)
        return 0
    settings.check_patterns(settled)
    settings.check_target(settled)
    with workdir.locked(directory):
        compression = Compression(settled, directory, source, command, stop)
        workdir.claim(directory, settled)  # a network that cannot be compressed claims no directory
        code = compression.run()
    stop.save_first()
    return code


def _again(settled: dict[str, Any], directory: Path, source: Path, command: str) -> None:
    """Say that a compression is finished, and what it found; write the files that are asked for and not there yet."""
    summary = read(directory / SUMMARY, CompressionSummary)
    report.write_missing(directory)
    first, *rest = conclusion(summary, directory)
    print("\n".join([f"{directory}: this compression is finished: {first}", *rest]))
    if products.lacking(settled, directory, summary):
        with workdir.locked(directory), Stop() as stop:
            Compression(settled, directory, source, command, stop).add_files(summary)


def _default_directory(settled: dict[str, Any]) -> Path:
    if settled["run"]:
        return Path("runs") / f"{settled['name']}-{Path(settled['run']).resolve().name}"
    return workdir.default(settled["training"] | {"name": settled["name"]})
