"""What `config.task` names: the assembly of the rooms, and the only place that sees a whole configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from minjax.errors import UserError, unknown


def _train(config: ConfigDict, workdir: Path | None, command: str) -> int:
    from minjax.tasks import train

    return train.run(config, workdir, command)


def _compress(config: ConfigDict, workdir: Path | None, command: str) -> int:
    from minjax.tasks import compress

    return compress.run(config, workdir, command)


def _study(config: ConfigDict, workdir: Path | None, command: str) -> int:
    from minjax.tasks import study

    return study.run(config, workdir, command)


def _report(config: ConfigDict, workdir: Path | None, command: str) -> int:
    from minjax.tasks import report

    return report.run(config, workdir, command)


def _export(config: ConfigDict, workdir: Path | None, command: str) -> int:
    from minjax.tasks import export

    return export.run(config, workdir, command)


def _predict(config: ConfigDict, workdir: Path | None, command: str) -> int:
    from minjax.tasks import predict

    return predict.run(config, workdir, command)


TASKS: dict[str, Callable[[ConfigDict, Path | None, str], int]] = {
    "train": _train,
    "compress": _compress,
    "study": _study,
    "report": _report,
    "export": _export,
    "predict": _predict,
}


def run(config: ConfigDict, workdir: Path | None, command: str) -> int:
    """Do what `config.task` says; returns the exit code.

    Raises:
        UserError: an unknown task, or whatever the task finds wrong.
    """
    if config.task not in TASKS:
        raise unknown("task", config.task, TASKS)
    if config.task != "train":
        from minjax.processes import joining

        if joining.current().count > 1:
            raise UserError(f"several processes (distributed.*) are for task=train; task={config.task} runs in one")
    return TASKS[config.task](config, workdir, command)
