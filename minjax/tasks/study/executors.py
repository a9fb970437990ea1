"""Where the members of a study are trained: in this process, or as Ray tasks on a cluster. The records are the same."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import minjax
from minjax.errors import UserError
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.program import Member
from minjax.tasks.study.worker import Line, Worker

RETRIES = 3  # of a task whose worker is lost
WAIT_SECONDS = 0.5
CONNECT_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class Job:
    """What a stage of the study asks of one group."""

    group: str
    members: tuple[Member, ...]


class Executor(Protocol):
    """Trains jobs, in any order."""

    def run(
        self,
        jobs: Sequence[Job],
        recorded: Collection[tuple[str, int]],
        stop: Callable[[], bool],
        tick: Callable[[float], None],
    ) -> Iterator[list[Line]]:
        """The lines of the members that are not recorded, as they are through."""

    def close(self) -> None:
        """Give back what is held."""


class Local:
    """One job after the other, here."""

    def __init__(self, worker: Worker):
        self.worker = worker

    def run(self, jobs, recorded, stop, tick) -> Iterator[list[Line]]:
        """See `Executor`."""
        for job in jobs:
            yield from self.worker.train(job.group, job.members, recorded=recorded, stop=stop, tick=tick)
            if stop():
                return

    def close(self) -> None:
        """Nothing is held."""


class OnRay:
    """Parts of jobs as Ray tasks: with resources, tried again when their worker is lost.

    Args:
        worker: of this process, which records failures and knows the groups.
        asked: the configuration, from which each worker makes its own study.

    Raises:
        UserError: Ray is not installed, or its cluster cannot be reached.
    """

    def __init__(self, worker: Worker, asked: dict[str, Any]):
        self.ray = _ray()
        self.worker, self.asked, self.study = worker, asked, asked["study"]
        paths = [str(Path(minjax.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        kept = {key: value for key, value in os.environ.items() if key.startswith(("JAX_", "MINJAX_", "XLA_"))}
        environment = {"env_vars": {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}}
        address = self.study["ray_address"] or None
        try:
            self.ray.init(
                address=address,
                num_cpus=self.study["workers"] if address is None else None,
                runtime_env=environment,
                log_to_driver=False,
                include_dashboard=False if address is None else None,
                logging_level="error",
            )
        except Exception as error:
            where = address or "on this machine"
            raise UserError(f"the Ray cluster {where} cannot be reached: {str(error).splitlines()[0]}") from error
        self._task = self.ray.remote(_train).options(
            num_cpus=self.study["cpus_per_task"],
            num_gpus=self.study["gpus_per_task"],
            max_retries=RETRIES,
        )

    def run(self, jobs, recorded, stop, tick) -> Iterator[list[Line]]:
        """See `Executor`."""
        text = json.dumps(self.asked)
        waiting = {}
        for job in jobs:
            left = [member for member in job.members if (member.point.id, member.seed) not in recorded]
            for part in self._parts(left):
                named = [(member.point.id, member.seed) for member in part]
                waiting[self._task.remote(text, job.group, named)] = (job.group, part)
        while waiting:
            ready, _ = self.ray.wait(list(waiting), num_returns=1, timeout=WAIT_SECONDS)
            for reference in ready:
                group, part = waiting.pop(reference)
                try:
                    lines = self.ray.get(reference)
                except self.ray.exceptions.RayError as error:
                    lines = self.worker.failures(part, " ".join(str(error).split())[:300])
                tick(len(part) * self.worker.groups[group].seconds)
                yield lines
            if stop():
                for reference in waiting:
                    self.ray.cancel(reference, force=True)
                return

    def _parts(self, members: Sequence[Member]) -> list[list[Member]]:
        """A job in parts, so that all workers have some of it."""
        slots = max(1, int(self.ray.cluster_resources().get("CPU", 1) // max(self.study["cpus_per_task"], 1e-9)))
        size = max(1, math.ceil(len(members) / slots))
        return [list(members[first : first + size]) for first in range(0, len(members), size)]

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self.ray.shutdown()


def executor(worker: Worker, asked: dict[str, Any]) -> Executor:
    """The executor that `study.executor` names.

    Raises:
        UserError: Ray is not installed or not reached.
    """
    return Local(worker) if asked["study"]["executor"] == "local" else OnRay(worker, asked)


def check(study: dict[str, Any]) -> None:
    """See that the executor can be had, before anything is written.

    Raises:
        UserError: Ray is not installed, or nothing answers at its address.
    """
    if study["executor"] == "ray":
        _ray()
        _check_reachable(study["ray_address"])


def _check_reachable(address: str) -> None:
    """Ray itself waits for minutes, and then ends the process."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(f"the Ray cluster {address} cannot be reached: {error.strerror or error}") from error


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError("study.executor='ray' needs Ray: pip install 'minjax[ray]'") from error
    return ray


def _train(asked: str, group: str, named: list[tuple[str, int]]) -> list[Line]:
    """In a worker of Ray: train members that are named by point and seed."""
    worker, points = _worker(asked)
    members = [Member(points[point], seed) for point, seed in named]
    return [one for lines in worker.train(group, members) for one in lines]


@functools.lru_cache(maxsize=1)
def _worker(asked: str) -> tuple[Worker, dict[str, Any]]:
    """The worker of this process; it lives as long as the process, with the programs that it has compiled."""
    plan = Plan(json.loads(asked))
    return plan.worker, {point.id: point for point in plan.points}
