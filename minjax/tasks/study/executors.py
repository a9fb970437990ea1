"""Where the members of a study are trained: in this process, or as Ray tasks on a cluster. The records are equal."""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from minjax.errors import UserError
from minjax.records.record import CONFIG
from minjax.records.study import MemberRecord
from minjax.studies.points import Member
from minjax.studies.variants import VARIED
from minjax.tasks.cluster import Cluster, slots
from minjax.tasks.study.members import failed
from minjax.tasks.study.plan import Job, Plan
from minjax.tasks.study.programs import Programs


class Executor(Protocol):
    """Trains jobs, in any order.

    Attributes:
        slots: how many processes train at the same time.
    """

    slots: int

    def run(
        self,
        jobs: Sequence[Job],
        recorded: Collection[tuple[str, int]],
        stop: Callable[[], bool],
        tick: Callable[[float], None],
    ) -> Iterator[list[MemberRecord]]:
        """Train the members that have no record yet and yield their records as they finish (see `Program.train`)."""

    def close(self) -> None:
        """Release what is held."""


class Local:
    """One job after the other, in this process."""

    slots = 1

    def __init__(self, programs: Programs):
        self.programs = programs

    def run(self, jobs, recorded, stop, tick) -> Iterator[list[MemberRecord]]:
        """See `Executor`."""
        for job in jobs:
            yield from self.programs[job.group].train(job.members, recorded=recorded, stop=stop, tick=tick)
            if stop():
                return

    def close(self) -> None:
        """Nothing is held."""


class OnRay:
    """Jobs in parts as Ray tasks, each with its resources; a part is tried again when its process is lost.

    Args:
        plan: of the study; each process of the cluster makes the same plan from its configuration.
        directory: the study's. Members in training are kept there if the process sees it.

    Raises:
        UserError: Ray is not installed, or its cluster cannot be reached.
    """

    def __init__(self, plan: Plan, directory: Path | None):
        self.plan, self.directory = plan, "" if directory is None else str(directory.resolve())
        self.cluster = Cluster(plan.study, "study")
        self.slots = self.cluster.slots

    def run(self, jobs, recorded, stop, tick) -> Iterator[list[MemberRecord]]:
        """See `Executor`."""
        config = json.dumps(self.plan.config)
        tasks = []
        for job in jobs:
            left = [member for member in job.members if member.key not in recorded]
            for part in self._parts(left):
                tasks.append(((job.group, part), (config, self.directory, [_order(member) for member in part])))
        for (group, part), result in self.cluster.run(_train, tasks, stop, beat=lambda: tick(0.0)):
            tick(len(part) * group.seconds)
            yield _failed(self.plan, part, result) if isinstance(result, str) else result

    def _parts(self, members: Sequence[Member]) -> list[list[Member]]:
        """The members of a job in parts, so that all processes of the cluster get some."""
        size = max(1, math.ceil(len(members) / self.slots))
        return [list(members[first : first + size]) for first in range(0, len(members), size)]

    def close(self) -> None:
        """Leave the cluster; one that was started here ends with that."""
        self.cluster.close()


def executor(plan: Plan, programs: Programs) -> Executor:
    """The executor that `study.executor` names.

    Raises:
        UserError: Ray is not installed or not reached.
    """
    return Local(programs) if plan.study["executor"] == "local" else OnRay(plan, programs.directory)


def workers_here(study: dict[str, Any]) -> int:
    """How many processes of this machine will train at the same time: 0 where a cluster elsewhere trains.

    The processes of a cluster each check their own machine's memory.
    """
    if study["executor"] == "local":
        return 1
    if study["ray_address"] or study["gpus_per_task"]:
        return 0
    return slots(study["workers"] or os.cpu_count() or 1, study)


def _order(member: Member) -> tuple[str, dict[str, Any], int, bool]:
    """A member as a process of the cluster finds it in its own plan: see `Plan.member`."""
    point = member.point
    settings = {field: point.overrides[field] for field in VARIED if point.grid_id and field in point.overrides}
    return point.root, settings, member.seed, member.fresh


def _train(config: str, directory: str, orders: list[tuple[str, dict[str, Any], int, bool]]) -> list[MemberRecord]:
    """Train members of one group in a process of the cluster."""
    plan, programs, lacks = _planned(config, directory)
    members = [plan.member(*order) for order in orders]
    if lacks:
        return _failed(plan, members, lacks)
    program = programs[plan.group(members[0])]
    return [record for records in program.train(members) for record in records]


def _failed(plan: Plan, members: Sequence[Member], why: str) -> list[MemberRecord]:
    return [failed(member, plan.dataset, why, chance=plan.partitions.chance) for member in members]


@functools.lru_cache(maxsize=1)
def _planned(config: str, directory: str) -> tuple[Plan, Programs, str]:
    """The plan of this process, with the programs that it has compiled so far; kept as long as the process lives.

    Last comes why its machine has too little memory for the study; empty: it has enough. What other processes hold
    by then counts as taken.
    """
    plan, lacks = Plan(json.loads(config)), ""
    try:
        plan.check_memory()
    except UserError as error:
        lacks = str(error)
    seen = bool(directory) and (Path(directory) / CONFIG).is_file()
    return plan, Programs(plan, Path(directory) if seen else None), lacks
