"""What a study is before it runs: its data, its grid of networks, the programs that train them, and what they take."""

from __future__ import annotations

from typing import Any

import jax

from minjax.config.resolving import resolve_fields
from minjax.errors import UserError
from minjax.studies import cost
from minjax.studies.groups import Group, Workload, groups
from minjax.studies.order import coarse
from minjax.studies.points import Point, distinct, points, table
from minjax.tasks.assembly import load_data
from minjax.tasks.console import duration
from minjax.tasks.study import settings
from minjax.tasks.study.program import has_curves
from minjax.tasks.study.worker import Worker
from minjax.train.engine import choose_devices


class Plan:
    """Made of the configuration alone, so that it is the same in every process.

    Attributes:
        dataset: on the host.
        points: of the whole grid.
        groups: of its networks.
        worker: that can train them here.
    """

    def __init__(self, asked: dict[str, Any]):
        """Load the data and lay out the grid; nothing is compiled or written.

        Raises:
            UserError: whatever does not fit: the data, the grid, the batch, the devices.
        """
        self.asked, self.study = asked, asked["study"]
        choose_devices(asked["devices"])
        self.dataset = load_data(asked)
        if asked["batch_size"] > len(self.dataset.train):
            raise UserError(
                f"batch_size is {asked['batch_size']}; the training split has {len(self.dataset.train)} images"
            )
        self.points = points(
            settings.choices(asked),
            asked,
            image_shape=self.dataset.image_shape,
            num_classes=self.dataset.num_classes,
            resolve=resolve_fields,
            skip=True,
        )
        _check_data(self.points)
        self.machine = cost.machine()
        self.groups = self._groups()
        self.worker = Worker(asked, self.dataset, self.points, self.groups)

    def _groups(self) -> list[Group]:
        study, test = self.study, len(self.dataset.test)
        curve_images = min(test, study["curve_images"] or test)
        work = Workload(
            images=len(self.dataset.train),
            test_images=test,
            evaluations=0 if study["curves"] == "none" else curve_images * (study["amounts"] + len(study["bits"])),
            image_shape=self.dataset.image_shape,
            classes=self.dataset.num_classes,
        )
        networks = [group[0] for group in distinct(self.points).values()]
        packing = cost.nominal(jax.default_backend())
        return groups(networks, work, self.machine, study["seeds"], study["programs"], packing)

    def seconds(self, of: list[Point]) -> float:
        """Predicted, of training these points with all seeds, compilation included."""
        wanted = {point.id for point in of}
        total = 0.0
        for group in self.groups:
            count = sum(point.id in wanted for point in group.points)
            total += group.compile_seconds * (count > 0) + count * self.study["seeds"] * group.seconds
        return total

    def describe(self) -> None:
        """The dry run: points, parameters, programs and the predicted time."""
        print("\n".join(table(self.points)))
        first, rest = coarse(self.points, self.study["coarse"])
        curves = sum(has_curves(point, self.study["curves"]) for point in [*first, *rest])
        print(f"{self.study['seeds']} seeds each; {len(self.groups)} programs; {curves} networks with curves")
        print(
            f"predicted: {duration(self.seconds(first))} for the coarse grid ({len(first)} networks), "
            f"{duration(self.seconds([*first, *rest]))} for all; a guess from a matrix product of "
            f"{self.machine.throughput / 1e9:.0f} GFLOP/s on this machine"
        )

    def check_budget(self) -> None:
        """See that the coarse grid fits in the budget.

        Raises:
            UserError: it will hardly do.
        """
        budget = self.study["budget_minutes"]
        first, _ = coarse(self.points, self.study["coarse"])
        least = self.seconds(first) / 60
        if budget is not None and least > budget:
            raise UserError(
                f"study.budget_minutes is {budget:g}; the coarse grid alone ({len(first)} networks, "
                f"{self.study['seeds']} seeds each) needs about {least:.1f} minutes or more"
            )


def _check_data(grid: list[Point]) -> None:
    """All points are of the same data, which is loaded once."""
    for point in grid:
        for field in point.overrides:
            if field.startswith("dataset."):
                raise UserError(f"{field} cannot be an axis of a study: its points share one data set")
