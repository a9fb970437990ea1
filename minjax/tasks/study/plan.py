"""What a study is before it runs: its data, its grid of points, the groups that share a program, the predicted time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax

from minjax.config.resolving import resolve_fields
from minjax.data import Dataset
from minjax.errors import UserError
from minjax.findings.answers import Asked
from minjax.findings.candidates import Grid
from minjax.findings.samples import Sample
from minjax.records.study import MemberRecord
from minjax.studies import cost
from minjax.studies.grid import Choice
from minjax.studies.groups import Group, Workload, groups
from minjax.studies.points import Member, Point, distinct, points
from minjax.studies.sequence import Stage, Stages
from minjax.studies.variants import Variants
from minjax.tasks.assembly import (
    build_model,
    build_optimizer,
    data_bytes,
    describe,
    fitting_batch,
    inputs_of,
    load_data,
)
from minjax.tasks.study import demands, settings
from minjax.tasks.study.demands import Demands
from minjax.tasks.study.partitions import Partitions
from minjax.train.engine import choose_devices, steps_per_epoch
from minjax.train.footprint import check_memory, footprint
from minjax.train.state import init

STEPS = 8  # of an epoch of a search at least, in smaller batches: with two or three no network gets far


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
        rules: the order of the work.
        limits: the tolerances of the findings.
        aim: what is to be found.
        dataset: on the host, with the whole training split.
        partitions: how the members divide that split.
        demand: what a point asks of a device.
        points: the whole grid within the study's limits; a network with several names is there under each.
        left_out: how many networks of the grid exceed which limit.
        networks: each network once.
        variants: makes points with another learning rate or number of epochs.
        groups: the networks by the program that trains them.
    """

    def __init__(self, config: dict[str, Any]):
        """Load the data and lay out the grid; nothing is compiled or written.

        Raises:
            UserError: whatever does not fit: the data, the grid, the batch size, the devices.
        """
        self.config, self.study = config, config["study"]
        self.seeds, self.rules = settings.seeds(config), settings.rules(config)
        self.limits = self.rules.limits
        self.aim = settings.aim(self.study)
        choose_devices(config["devices"])
        whole = {**config["dataset"], "validation_fraction": 0.0, "limit_train": None}  # each member divides it
        self.dataset = load_data({**config, "dataset": whole}).with_validation()
        self.partitions = Partitions(self.dataset, config, self.seeds)
        steps = STEPS if self.study["extent"] == "knee" else 1
        batch = fitting_batch(config["batch_size"], self.partitions.sizes["train"], steps=steps)
        self._fitting = {**config, "batch_size": batch}
        _check_question(self.study, self.dataset)
        grid = self._points(settings.choices(config))
        self._check_data(grid)
        self._check_families(grid)
        self.demand = Demands(self.dataset, self.partitions, self.seeds, self.study["deploy_bits"])
        self.points, self.left_out = demands.within(grid, self.demand, self.study)
        self.networks = [same[0] for same in distinct(self.points).values()]
        settings.check_learning_rates(self.networks, self.rules)
        self.variants = Variants(self._fitting, self.dataset.image_shape, self.dataset.num_classes, resolve_fields)
        self.machine = cost.machine()
        self.groups = self._grouped(self.networks, self.study["programs"])
        self._group_of = {point.id: group for group in self.groups for point in group.points}
        self._longer: dict[tuple[str, int], Group] = {}  # by name and number of epochs
        self._shorter: dict[str, Group] = {}  # by name, of these
        self._alone: dict[str, Group] = {}  # by point

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

    def _grouped(self, networks: Sequence[Point], programs: int) -> list[Group]:
        study, sizes = self.study, self.partitions.sizes
        work = Workload(
            images={limit: self.partitions.limited(limit).sizes["train"] for limit in map(_limit, self.networks)},
            validation_images=sizes["validation"],
            evaluations=0 if study["curves"] == "none" else sizes["curves"] * (study["amounts"] + len(study["bits"])),
            image_shape=self.dataset.image_shape,
            classes=self.dataset.num_classes,
        )
        packing = cost.nominal(jax.default_backend())
        return groups(networks, work, self.machine, study["seeds"], programs, packing)

    def group(self, member: Member) -> Group:
        """The program that trains a member: that of its point of the grid, the same with other epochs, or for a fresh
        seed a program of its own network, without padding."""
        point = member.point
        if member.fresh:
            if point.id not in self._alone:
                (found,) = self._grouped([point], 1)
                self._alone[point.id] = dataclasses.replace(found, name=f"{point.id}-alone", padded=False)
            return self._alone[point.id]
        found = self._group_of[point.root]
        before, epochs = found.config["epochs"], point.config["epochs"]
        if epochs == before:
            return found
        if (found.name, epochs) not in self._longer:
            config, seconds = found.config | {"epochs": epochs}, found.seconds * epochs / before
            name = f"{found.name}-{epochs}"
            self._longer[found.name, epochs] = dataclasses.replace(found, name=name, config=config, seconds=seconds)
            self._shorter[name] = found
        return self._longer[found.name, epochs]

    def shorter(self, group: Group) -> Group | None:
        """Of a group that is trained for more epochs, that of the grid; None of any other."""
        return self._shorter.get(group.name)

    def most_members(self, group: Group) -> int:
        """How many members of a group a round asks for at most."""
        rules = self.rules
        tuned = rules.learning_rates * rules.tuning_seeds if rules.learning_rates > 1 else 0
        return len(group.points) * max(len(self.seeds), tuned, rules.fresh_seeds if len(group.points) == 1 else 0)

    def grid_of(self, found: Sequence[Sample]) -> Grid:
        """The candidates among which the answer is: all these networks together."""
        seeds = sorted({seed for sample in found for seed in sample.seeds})
        return Asked(self.aim, len(self.seeds), self.partitions.images(seeds)).grid(found)

    def stages(self) -> Stages:
        """What is trained in which order."""
        return Stages(self.points, self.rules, self.variants, self.grid_of)

    def point_of(self, record: MemberRecord) -> Point | None:
        """The point or variant of one that a record is of; None for a record of another study."""
        first = [point for point in self.networks if point.id == record.point]
        return self.variants.of(record, first or self.networks)

    def member(self, root: str, settings: Mapping[str, Any], seed: int, fresh: bool) -> Member:
        """The member of a point of the grid, or of its variant with these settings."""
        point = self._group_of[root].points
        (found,) = [one for one in point if one.id == root]
        return Member(self.variants(found, settings), seed, fresh)

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
                    f"point {point.name} cannot be trained: batch_size is {batch}; the training split has "
                    f"{images} images"
                )

    def data(self) -> dict[str, Any]:
        """What config.json says of the data; the images that a member trains on and is evaluated on, and the rest."""
        sizes = {"train": self.partitions.sizes["train"], "validation": self.partitions.sizes["validation"]}
        return describe(self.dataset) | {"sizes": {**sizes, "test": len(self.dataset.test)}}

    def jobs(self, stage: Stage) -> list[Job]:
        """All members of a stage by their groups, recorded ones among them: an executor leaves those out."""
        by_name: dict[str, tuple[Group, list[Member]]] = {}
        for member in stage.members:
            group = self.group(member)
            by_name.setdefault(group.name, (group, []))[1].append(member)
        found = [Job(group, tuple(members)) for group, members in by_name.values()]
        return sorted(found, key=lambda job: (job.group.seconds, job.group.name))

    def left(self, stage: Stage | None, records: Sequence[MemberRecord]) -> list[Member]:
        """The members that are still to be trained, as far as is known in this stage."""
        if stage is None:
            return []
        if self.study["extent"] == "all" and self.rules.learning_rates == 1:
            recorded = {(record.point, record.seed) for record in records}
            every = [Member(point, seed) for point in self.networks for seed in self.seeds]
            return [*{m.key: m for m in (*stage.left, *every) if m.key not in recorded}.values()]
        return list(stage.left)

    def seconds(self, members: Iterable[Member]) -> float:
        """Predicted seconds for training these members, without compilation."""
        return sum(self.group(member).seconds for member in members)

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


def _limit(point: Point) -> int | None:
    """How many images a point's members train on at most; None: all."""
    return point.config["dataset"]["limit_train"]


def _check_question(study: dict[str, Any], dataset: Dataset) -> None:
    """See that the study's question can be asked of the data.

    Raises:
        UserError: a target at or below chance, or a class without an image where classes count alike.
    """
    balanced, classes = study["metric"] == "balanced_accuracy", dataset.num_classes
    if study["target_accuracy"] is not None:
        dataset.check_target("study.target_accuracy", study["target_accuracy"], balanced=balanced)
    few = study["curve_images"] is not None and study["curve_images"] < classes
    if balanced and few and study["curves"] != "none":
        raise UserError(
            f"study.curve_images is {study['curve_images']}; balanced accuracy needs an image of each of the "
            f"{classes} classes"
        )
