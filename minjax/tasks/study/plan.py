"""What a study is before it runs: its data, its grid of points, the groups that share a program, the predicted time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from minjax.config.resolving import resolve_fields
from minjax.data import Dataset
from minjax.errors import UserError
from minjax.findings.words import plural
from minjax.records.study import MemberRecord
from minjax.studies import cost
from minjax.studies.grid import Choice
from minjax.studies.groups import Group, Workload, groups
from minjax.studies.order import coarse
from minjax.studies.points import Point, distinct, has_curves, points, table
from minjax.studies.sequence import Stage, stage
from minjax.tasks.assembly import (
    build_model,
    build_optimizer,
    data_bytes,
    describe,
    fitting_batch,
    inputs_of,
    load_data,
)
from minjax.tasks.console import duration
from minjax.tasks.study import demands, settings
from minjax.tasks.study.demands import Demands
from minjax.tasks.study.members import Member
from minjax.tasks.study.partitions import Partitions
from minjax.train.engine import choose_devices, steps_per_epoch
from minjax.train.footprint import check_memory, footprint
from minjax.train.state import init


@dataclasses.dataclass(frozen=True)
class Job:
    """What a stage asks of one group."""

    group: Group
    members: tuple[Member, ...]


class Plan:
    """Made from the configuration alone, so that it is the same in every process.

    Attributes:
        config: the study's configuration.
        study: its section `study`.
        seeds: the seeds of every point.
        limits: the tolerances of the findings.
        aim: what is to be found.
        dataset: on the host, with the whole training split.
        partitions: how the members divide that split.
        demand: what a point asks of a device.
        points: the whole grid within the study's limits; a network with several names is there under each.
        left_out: how many networks of the grid exceed which limit.
        networks: each network once.
        groups: the networks by the program that trains them.
    """

    def __init__(self, config: dict[str, Any]):
        """Load the data and lay out the grid; nothing is compiled or written.

        Raises:
            UserError: whatever does not fit: the data, the grid, the batch size, the devices.
        """
        self.config, self.study = config, config["study"]
        self.seeds, self.limits = settings.seeds(config), settings.limits(self.study)
        self.aim = settings.aim(self.study)
        choose_devices(config["devices"])
        whole = {**config["dataset"], "validation_fraction": 0.0, "limit_train": None}  # each member divides it
        self.dataset = load_data({**config, "dataset": whole}).with_validation()
        self.partitions = Partitions(self.dataset, config, self.seeds)
        self._fitting = {**config, "batch_size": fitting_batch(config["batch_size"], self.partitions.sizes["train"])}
        _check_question(self.study, self.dataset, self.partitions)
        grid = self._points(settings.choices(config))
        self._check_data(grid)
        self._check_families(grid)
        self.demand = Demands(self.dataset, self.partitions, self.seeds, self.study["deploy_bits"])
        self.points, self.left_out = demands.within(grid, self.demand, self.study)
        self.networks = [same[0] for same in distinct(self.points).values()]
        self.machine = cost.machine()
        self.groups = self._groups()
        self._seconds = {point.id: group.seconds for group in self.groups for point in group.points}

    def _points(self, choices: Sequence[Choice]) -> list[Point]:
        """The points of a grid that can take the images."""
        return points(
            choices,
            self._fitting,
            image_shape=self.dataset.image_shape,
            num_classes=self.dataset.num_classes,
            resolve=resolve_fields,
            skip=True,
        )

    def _check_families(self, grid: Sequence[Point]) -> None:
        """See that every family that was asked for is in the grid.

        Raises:
            UserError: one has no network that can take the images; says why.
        """
        there = {point.family for point in grid}
        for family in self.study["families"]:
            if family not in there:
                alone = {**self.config, "study": {**self.study, "families": [family]}}
                try:
                    self._points(settings.choices(alone))
                except UserError as error:
                    size = "x".join(map(str, self.dataset.image_shape))
                    raise UserError(f"study.families has {family!r}; for images of {size} {error}") from error

    def _groups(self) -> list[Group]:
        study, sizes = self.study, self.partitions.sizes
        work = Workload(
            images={limit: self.partitions.limited(limit).sizes["train"] for limit in map(_limit, self.networks)},
            validation_images=sizes["validation"],
            evaluations=0 if study["curves"] == "none" else sizes["curves"] * (study["amounts"] + len(study["bits"])),
            image_shape=self.dataset.image_shape,
            classes=self.dataset.num_classes,
        )
        packing = cost.nominal(jax.default_backend())
        return groups(self.networks, work, self.machine, study["seeds"], study["programs"], packing)

    def _check_data(self, grid: Sequence[Point]) -> None:
        """See that all points share one data set, which is loaded once, and that each has enough of its images.

        Raises:
            UserError: they do not.
        """
        for point in grid:
            for field in point.overrides:
                if field.startswith("dataset.") and field != "dataset.limit_train":
                    raise UserError(f"{field} cannot be an axis of a study: its points share one data set")
            images, batch = self.partitions.limited(_limit(point)).sizes["train"], point.config["batch_size"]
            if batch > images:
                raise UserError(
                    f"point {point.name} cannot be: batch_size is {batch}; the training split has {images} images"
                )

    def data(self) -> dict[str, Any]:
        """What config.json says of the data; the images that a member trains on and is evaluated on, and the rest."""
        sizes = {"train": self.partitions.sizes["train"], "validation": self.partitions.sizes["validation"]}
        return describe(self.dataset) | {"sizes": {**sizes, "test": len(self.dataset.test)}}

    def stage(self, records: Sequence[MemberRecord]) -> Stage | None:
        """The stage that a study with these records is in; None when it is finished."""
        return stage(
            self.points,
            records,
            self.seeds,
            extent=self.study["extent"],
            every=self.study["coarse"],
            reach=self.study["reach"],
            limits=self.limits,
        )

    def jobs(self, stage: Stage) -> list[Job]:
        """All members of a stage by their groups, recorded ones among them: an executor leaves those out."""
        asked = {point.id for point in stage.asked}
        found = [
            Job(group, tuple(Member(point, seed) for point in group.points if point.id in asked for seed in self.seeds))
            for group in self.groups
        ]
        return [job for job in found if job.members]

    def missing(self, points: Sequence[Point], records: Sequence[MemberRecord]) -> list[Member]:
        """The members of some points that have no record."""
        recorded = {(record.point, record.seed) for record in records}
        members = [Member(point, seed) for point in points for seed in self.seeds]
        return [member for member in members if member.key not in recorded]

    def left(self, stage: Stage | None, records: Sequence[MemberRecord]) -> list[Member]:
        """The members that are still to be trained, as far as is known in this stage."""
        if self.study["extent"] == "all":
            return self.missing(self.networks, records)
        return [] if stage is None else self.missing(stage.points, records)

    def seconds(self, members: Sequence[Member]) -> float:
        """Predicted seconds for training these members, without compilation."""
        return sum(self._seconds[member.point.id] for member in members)

    def _seconds_of(self, points: Sequence[Point]) -> float:
        """Predicted seconds for training these points with all seeds, compilation included."""
        wanted = {point.id for point in points}
        total = 0.0
        for group in self.groups:
            count = sum(point.id in wanted for point in group.points)
            total += group.compile_seconds * (count > 0) + count * self.study["seeds"] * group.seconds
        return total

    def describe(self) -> None:
        """Print the dry run: points, parameters, programs and the predicted time."""
        print("\n".join(table(self.points, self.demand)))
        if self.left_out:
            print(demands.said(self.left_out))
        first, rest = coarse(self.points, self.study["coarse"])
        curves = sum(has_curves(point, self.study["curves"]) for point in [*first, *rest])
        print(
            f"{plural(len(self.seeds), 'seed')} each; {plural(len(self.groups), 'program')}; "
            f"{plural(curves, 'network')} with curves"
        )
        print(
            f"predicted: {duration(self._seconds_of(first))} for the coarse grid ({plural(len(first), 'network')}), "
            f"{duration(self._seconds_of([*first, *rest]))} for all; a guess from a matrix product at "
            f"{self.machine.throughput / 1e9:.0f} GFLOP/s on this machine"
        )

    def check_memory(self, workers: int = 1) -> None:
        """See that the largest network can be trained in the memory that is there.

        Args:
            workers: processes on this machine that train at the same time.

        Raises:
            UserError: it cannot; gives the figures.
        """
        group = max(self.groups, key=lambda group: max(point.num_params for point in group.points))
        config, dataset = group.config, self.dataset
        model = build_model(config, dataset.num_classes)
        optimizer, _ = build_optimizer(config, steps_per_epoch(len(dataset.train), config["batch_size"], True))
        like = jax.eval_shape(lambda seed: init(model, optimizer, dataset.image_shape, seed), 0)
        dtype = inputs_of(config, dataset).dtype
        needed = footprint(
            model, like, dataset.image_shape, config["batch_size"], data=data_bytes(dataset), dtype=dtype
        )
        largest = max(group.points, key=lambda point: point.num_params)
        check_memory(
            needed, choose_devices(self.config["devices"]), f"leave {largest.name} out of the study", workers=workers
        )

    def check_budget(self) -> None:
        """See that the coarse grid fits into the budget.

        Raises:
            UserError: it most likely does not.
        """
        budget = self.study["budget_minutes"]
        first, _ = coarse(self.points, self.study["coarse"])
        least = self._seconds_of(first) / 60
        if budget is not None and least > budget:
            raise UserError(
                f"study.budget_minutes is {budget:g}; the coarse grid alone ({plural(len(first), 'network')}, "
                f"{plural(len(self.seeds), 'seed')} each) needs about {least:.1f} minutes or more"
            )


def _limit(point: Point) -> int | None:
    """How many images a point's members train on at most; None: all."""
    return point.config["dataset"]["limit_train"]


def _check_question(study: dict[str, Any], dataset: Dataset, partitions: Partitions) -> None:
    """See that the study's question can be asked of the data.

    Raises:
        UserError: a target at or below chance, or a class without an image where classes count alike.
    """
    balanced, classes = study["metric"] == "balanced_accuracy", dataset.num_classes
    chance = partitions.chance
    target = study["target_accuracy"]
    if target is not None and target <= chance:
        answer = "guessing reaches that" if balanced else "always answering the commonest class reaches that"
        raise UserError(f"study.target_accuracy is {target:g}; it must be above {chance:.4g}: {answer}")
    few = study["curve_images"] is not None and study["curve_images"] < classes
    if balanced and few and study["curves"] != "none":
        raise UserError(
            f"study.curve_images is {study['curve_images']}; balanced accuracy needs an image of each of the "
            f"{classes} classes"
        )
