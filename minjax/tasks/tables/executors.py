"""Where the cells of a table are trained: in this process, or as Ray tasks on a cluster. The records are equal."""

from __future__ import annotations

import gc
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import jax

from minjax.errors import UserError, one_line
from minjax.tasks import train
from minjax.tasks.cluster import Cluster
from minjax.tasks.signals import Stop
from minjax.tasks.tables.cells import Planned

STOP = ".stop"  # a file in the table's directory that tells the workers of a cluster to save and end
LONGEST = 300  # characters of an error that is not a user's


class Executor(Protocol):
    """Trains cells, in any order."""

    def run(self, cells: Sequence[Planned], stop: Stop) -> Iterator[tuple[Planned, str]]:
        """Train cells, and yield each as it ends, with the reason why it failed; empty: it did not."""

    def close(self) -> None:
        """Release what is held."""


class Local:
    """One cell after the other, in this process; the one that is told to stop is yielded too."""

    def __init__(self, directory: Path):
        self.directory = directory

    def run(self, cells: Sequence[Planned], stop: Stop) -> Iterator[tuple[Planned, str]]:
        """See `Executor`."""
        for planned in cells:
            if stop():
                return
            path = self.directory / planned.cell.directory
            yield planned, trained(planned.config, path, planned.command(path), stop)

    def close(self) -> None:
        """Nothing is held."""


class OnRay:
    """Cells as Ray tasks, each with its resources; the cluster's machines share the table's directory.

    Args:
        directory: the table's.
        fields: the section `tables`.
        seconds: until the table's budget is spent.

    Raises:
        UserError: Ray is not installed, or its cluster cannot be reached.
    """

    def __init__(self, directory: Path, fields: dict[str, Any], seconds: float):
        self.directory, self.end = directory.resolve(), time.time() + seconds
        self.cluster = Cluster(fields, "tables")
        self.told = self.directory / f"{STOP}-{uuid.uuid4().hex}"

    def run(self, cells: Sequence[Planned], stop: Stop) -> Iterator[tuple[Planned, str]]:
        """See `Executor`."""
        tasks = []
        for planned in cells:
            path = self.directory / planned.cell.directory
            order = (json.dumps(planned.config), str(path), planned.command(path), self.end, str(self.told))
            tasks.append((planned, order))
        for planned, result in self.cluster.run(_train_there, tasks, stop, self.told.touch):
            yield planned, result if isinstance(result, str) else result["error"]

    def close(self) -> None:
        """Leave the cluster; one that was started here ends with that."""
        self.cluster.close()
        self.told.unlink(missing_ok=True)


def executor(fields: dict[str, Any], directory: Path, seconds: float) -> Executor:
    """The executor that `tables.executor` names.

    Args:
        fields: the section `tables`.
        directory: the table's.
        seconds: until the table's budget is spent.

    Raises:
        UserError: Ray is not installed or not reached.
    """
    return Local(directory) if fields["executor"] == "local" else OnRay(directory, fields, seconds)


def trained(config: dict[str, Any], path: Path, command: str, stop: Stop) -> str:
    """Train a cell, or go on with it; returns why it failed, in one line, and an empty text otherwise.

    Whatever goes wrong with one network, the others are still to be trained.
    """
    try:
        train.run_within(config, path, command, stop)
    except UserError as error:
        return str(error)
    except Exception as error:  # too little memory on the device, say
        return one_line(f"{type(error).__name__}: {error}")[:LONGEST]
    finally:
        stop.save_first()  # a failure may have left it otherwise
        jax.clear_caches()  # the next network has other programs, and needs the memory
        gc.collect()
    return ""


class _StopThere(Stop):
    """Told to stop by a file, which the process that waits for this one writes."""

    def __init__(self, seconds: float, told: Path):
        super().__init__(seconds=seconds)
        self._told = told

    def __call__(self) -> bool:
        """See `Stop`."""
        if self.name is None and self._told.exists():
            self.name = "the table was told to stop"
        return super().__call__()


def _train_there(config: str, path: str, command: str, end: float, told: str) -> dict[str, str]:
    """Train a cell in a process of the cluster."""
    with _StopThere(end - time.time(), Path(told)) as stop:
        stop.save_first()
        return {"error": "" if stop() else trained(json.loads(config), Path(path), command, stop)}
