"""What `config.task` names: the assembly of the rooms, and the only place that sees a whole configuration."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from minjax.config.run import TASKS
from minjax.errors import UserError, unknown

Task = Callable[[ConfigDict, Path | None, str], int]


def find(name: str) -> Task:
    """The task of this name; whatever it needs is imported with it, which takes seconds.

    Raises:
        UserError: there is none.
    """
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    # Each is a module or a package with a `run`.
    return importlib.import_module(f"minjax.tasks.{name}").run


def run(config: ConfigDict, workdir: Path | None, command: str) -> int:
    """Do what `config.task` says; returns the exit code.

    Raises:
        UserError: an unknown task, or whatever the task finds wrong.
    """
    task = find(config.task)
    if config.task != "train":
        from minjax.processes import joining

        if joining.current().count > 1:
            raise UserError(f"several processes (distributed.*) are for task=train; task={config.task} runs in one")
    return task(config, workdir, command)
