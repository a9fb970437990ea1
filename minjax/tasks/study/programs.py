"""The programs of a study: one for each group of points, built when it is first needed."""

from __future__ import annotations

from pathlib import Path

from minjax.studies.groups import Group
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.program import Program
from minjax.train.unfinished import FOLDER


class Programs:
    """The programs of a plan's groups, each built when it is first needed."""

    def __init__(self, plan: Plan, directory: Path | None = None):
        """Build none of them yet.

        Args:
            plan: what the study trains.
            directory: the study's, where members in training are kept; None: they are not.
        """
        self._plan, self.directory = plan, directory
        self._built: dict[str, Program] = {}

    def __getitem__(self, group: Group) -> Program:
        """The program of a group."""
        if group.name not in self._built:
            plan = self._plan
            partitions = plan.partitions.limited(group.config["dataset"]["limit_train"])
            most, shorter = plan.most_members(group), plan.shorter(group)
            curves = None if shorter is None else self[shorter].curves
            unfinished = None if self.directory is None else self.directory / FOLDER
            self._built[group.name] = Program(group, plan.dataset, partitions, plan.study, most, curves, unfinished)
        return self._built[group.name]

    @property
    def compilations(self) -> int:
        """How many programs were compiled in this process."""
        return sum(program.compilations for program in self._built.values())

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling in this process."""
        return sum(program.compile_seconds for program in self._built.values())
