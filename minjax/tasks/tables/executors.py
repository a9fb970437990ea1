"""Where the cells of a table are trained: in this process, or as Ray tasks on a cluster. The records are equal."""

from __future__ import annotations

import gc
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax

from minjax.errors import UserError, one_line
from minjax.findings.words import plural
from minjax.tasks import train
from minjax.tasks.cluster import Cluster
from minjax.tasks.member import Order
from minjax.tasks.signals import Stop
from minjax.tasks.tables.cells import Planned
from minjax.tasks.together import run as run_together
from minjax.tasks.training import Tick

STOP = ".stop"  # a file in the table's directory that tells the workers of a cluster to save and end
LONGEST = 300  # characters of an error that is not a user's


class Job(NamedTuple):
    """Cells that are trained by one program, or a cell alone.

    Attributes:
        cells: those that have no result yet; they differ in the seed.
        together: whether one program is to train them.
        population: how many runs that program is for at least; see `tasks.together`.
    """

    cells: tuple[Planned, ...]
    together: bool
    population: int = 1


class Executor(Protocol):
    """Trains cells, in any order.

    Attributes:
        slots: how many processes train at the same time.
    """

    slots: int

    def run(self, jobs: Sequence[Job], stop: Stop, tick: Callable[[Job, float], None]) -> Iterator[tuple[Planned, str]]:
        """Train cells, and yield each as it ends, with the reason why it failed; empty: it did not.

        Args:
            jobs: what is to be trained.
            stop: says whether it was told to stop; asked between dispatches.
            tick: called with the share of a job's training that was just done; 0 where that is not known on the way.
        """

    def close(self) -> None:
        """Release what is held."""


class Local:
    """One job after the other, in this process; the one that is told to stop is yielded too."""

    slots = 1

    def __init__(self, directory: Path):
        self.directory = directory

    def run(self, jobs: Sequence[Job], stop: Stop, tick: Callable[[Job, float], None]) -> Iterator[tuple[Planned, str]]:
        """See `Executor`."""
        for job in jobs:
            if stop():
                return
            errors = trained(_orders(job, self.directory), job.together, job.population, stop, partial(tick, job))
            yield from zip(job.cells, errors, strict=False)

    def close(self) -> None:
        """Nothing is held."""


class OnRay:
    """Jobs as Ray tasks, each with its resources; the cluster's machines share the table's directory.

    Args:
        directory: the table's.
        fields: the section `tables`.

    Raises:
        UserError: Ray is not installed, or its cluster cannot be reached.
    """

    def __init__(self, directory: Path, fields: dict[str, Any]):
        self.directory = directory.resolve()
        self.cluster = Cluster(fields, "tables")
        self.slots = self.cluster.slots
        self.told = self.directory / f"{STOP}-{uuid.uuid4().hex}"

    def run(self, jobs: Sequence[Job], stop: Stop, tick: Callable[[Job, float], None]) -> Iterator[tuple[Planned, str]]:
        """See `Executor`."""
        tasks, end = [], time.time() + stop.seconds_left
        for job in jobs:
            orders = [
                (json.dumps(config), str(path), command) for config, path, command in _orders(job, self.directory)
            ]
            tasks.append((job, (orders, job.together, job.population, end, str(self.told))))
        beat = lambda: tick(jobs[0], 0.0)  # noqa: E731
        for job, result in self.cluster.run(_train_there, tasks, stop, beat, self.told.touch):
            errors = [result] * len(job.cells) if isinstance(result, str) else result["errors"]
            yield from zip(job.cells, errors, strict=False)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends with that."""
        self.cluster.close()
        self.told.unlink(missing_ok=True)


def executor(fields: dict[str, Any], directory: Path) -> Executor:
    """The executor that `tables.executor` names.

    Args:
        fields: the section `tables`.
        directory: the table's.

    Raises:
        UserError: Ray is not installed or not reached.
    """
    return Local(directory) if fields["executor"] == "local" else OnRay(directory, fields)


def trained(orders: Sequence[Order], together: bool, population: int, stop: Stop, tick: Tick) -> list[str]:
    """Train a job, or go on with it.

    Whatever goes wrong with one network, the others are still to be trained: seeds that cannot be trained together are
    trained one by one, and a line says why.

    Args:
        orders: its runs.
        together: whether one program is to train them.
        population: how many runs that program is for at least.
        stop: of the table.
        tick: called with the share of the job that was just done.

    Returns:
        For each run why it failed, in one line, and an empty text otherwise; fewer of them if told to stop.
    """
    if together:
        if not (error := _failure(lambda: run_together(orders, population, stop, tick), stop)):
            return [""] * len(orders)
        print(
            f"minjax: note: {plural(len(orders), 'seed')}, {orders[0].directory.name} the first, cannot be trained "
            f"together and are trained one by one: {error}",
            file=sys.stderr,
        )
    errors: list[str] = []
    for order in orders:
        if errors and stop():
            break
        errors.append(_failure(partial(train.run_within, *order, stop, lambda share: tick(share / len(orders))), stop))
    return errors


def _failure(training: Callable[[], Any], stop: Stop) -> str:
    """Train, and return why that failed, in one line; empty: it did not."""
    try:
        training()
    except UserError as error:
        return str(error)
    except Exception as error:  # too little memory on the device, say
        return one_line(f"{type(error).__name__}: {error}")[:LONGEST]
    finally:
        stop.save_first()  # a failure may have left it otherwise
        jax.clear_caches()  # the next network has other programs, and needs the memory
        gc.collect()
    return ""


def _orders(job: Job, directory: Path) -> list[Order]:
    paths = [(planned, directory / planned.cell.directory) for planned in job.cells]
    return [Order(planned.config, path, planned.command(path)) for planned, path in paths]


class _StopThere(Stop):
    """Told to stop by a file, which the process that waits for this one writes."""

    def __init__(self, seconds: float, told: Path):
        super().__init__()
        self.end_after(seconds)
        self._told = told

    def __call__(self) -> bool:
        """See `Stop`."""
        if self.name is None and self._told.exists():
            self.name = "the table was told to stop"
        return super().__call__()


def _train_there(
    texts: list[tuple[str, str, str]], together: bool, population: int, end: float, told: str
) -> dict[str, list[str]]:
    """Train a job in a process of the cluster."""
    with _StopThere(end - time.time(), Path(told)) as stop:
        stop.save_first()
        orders = [Order(json.loads(config), Path(path), command) for config, path, command in texts]
        nothing = [""] * len(orders)
        return {"errors": nothing if stop() else trained(orders, together, population, stop, lambda share: None)}
