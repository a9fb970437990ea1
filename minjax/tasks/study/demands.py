"""What each network of a study asks of a device, predicted from its shapes, and the networks that ask for too much.

Nothing is trained, compiled or written for it: a network takes some 10 ms, a few dozen for a ResNet.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

from minjax import models
from minjax.compress import packed_bytes
from minjax.data import Dataset
from minjax.deploy import sheet
from minjax.errors import UserError
from minjax.findings.samples import Sample
from minjax.findings.words import count, listed, plural
from minjax.records.answer import Demand
from minjax.studies.points import Point
from minjax.tasks.assembly import about
from minjax.tasks.study.partitions import Partitions

KERNELS = "*kernel"  # what is quantized in the packed file


class Demands:
    """The demands of points, each architecture's computed once."""

    def __init__(self, dataset: Dataset, partitions: Partitions, seeds: Sequence[int], bits: int):
        """Compute nothing yet.

        Args:
            dataset: of the study.
            partitions: by which a member's images, and so its normalisation, depend on its seed.
            seeds: of every point.
            bits: of a kernel's weight in the packed file.
        """
        self._dataset, self._bits = dataset, bits
        self._partitions, self._seeds = partitions, seeds
        self._found: dict[str, Demand] = {}

    def __call__(self, point: Point) -> Demand:
        """That of a point; its bytes are the most over the seeds, as the file names the normalisation of its own."""
        key = json.dumps([point.config["model"], point.config["dtype"]], sort_keys=True)
        if key not in self._found:
            self._found[key] = self._of(point)
        return self._found[key]

    def _of(self, point: Point) -> Demand:
        fields: dict[str, Any] = {
            field: tuple(value) if isinstance(value, list) else value for field, value in point.config["model"].items()
        }
        name, shape, classes = fields.pop("name"), self._dataset.image_shape, self._dataset.num_classes
        shapes = models.parameter_shapes(name, classes, image_shape=shape, **fields)
        data_sheet = sheet.of_shapes(models.build(name, classes, **fields), shapes, shape)
        sizes = [
            packed_bytes(shapes, bits=self._bits, include=KERNELS, about=about(point.config, dataset))
            for dataset in self._normalised
        ]
        return Demand(bytes=max(sizes), bits=self._bits, ram_bytes=data_sheet.ram_bytes_int8, macs=data_sheet.macs)

    @functools.cached_property
    def _normalised(self) -> list[Dataset]:
        """The data set with the normalisation of each seed's training images."""
        part = self._partitions.of(self._seeds)
        return [
            dataclasses.replace(self._dataset, mean=tuple(mean), std=tuple(std))
            for mean, std in zip(part.mean.tolist(), part.std.tolist(), strict=True)
        ]


def of_samples(demand: Callable[[Point], Demand], points: Sequence[Point]) -> Callable[[Sample], Demand | None]:
    """The demand of a sample, by its architecture, however it was trained; None: no point has that."""
    known = {_architecture(point): point for point in points}

    def of(sample: Sample) -> Demand | None:
        point = known.get(_architecture(sample))
        return None if point is None else demand(point)

    return of


def _architecture(one: Point | Sample) -> str:
    return json.dumps([one.family, dict(one.fields)], sort_keys=True)


@dataclasses.dataclass(frozen=True)
class _Limit:
    """A limit: what it is on, of a point and its demand, and in words."""

    of: Callable[[Point, Callable[[Point], Demand]], int]
    least: str
    has: str


LIMITS = {
    "max_params": _Limit(lambda point, _: point.num_params, "the smallest", "has {} parameters"),
    "max_macs": _Limit(lambda point, of: of(point).macs, "the one with the fewest multiply-adds", "takes {}"),
    "max_ram_bytes": _Limit(lambda point, of: of(point).ram_bytes, "the one with the least RAM", "takes {} bytes"),
    "max_bytes": _Limit(lambda point, of: of(point).bytes, "the one with the smallest file", "takes {} bytes"),
}


def within(
    points: Sequence[Point], demand: Callable[[Point], Demand], study: dict[str, Any]
) -> tuple[list[Point], dict[str, int]]:
    """The points within all limits of a study, and how many networks are left out by the first that they exceed.

    Args:
        points: a grid.
        demand: of a point; the costly part, so that it is asked only about points within `max_params`.
        study: the section of the configuration.

    Returns:
        The points in their order, and limit, as "study.max_bytes=2,000" -> number of networks.

    Raises:
        UserError: no point is within all limits; names the limit and the figure of the network that comes nearest.
    """
    kept, left_out = list(points), dict[str, int]()
    before: list[str] = []
    for name, limit in LIMITS.items():
        most = study[name]
        if most is None:
            continue
        shown = f"study.{name}={count(most)}"
        found = {point.name: limit.of(point, demand) for point in kept}
        small = [point for point in kept if found[point.name] <= most]
        if not small:
            nearest = min(kept, key=lambda point: found[point.name])
            among = f"of the networks within {listed(before)}" if before else "of the grid"
            raise UserError(
                f"study.{name} is {most:,}; {limit.least} {among}, {nearest.name}, "
                f"{limit.has.format(count(found[nearest.name]))}"
            )
        networks = {point.id for point in kept} - {point.id for point in small}
        if networks:
            left_out[shown] = len(networks)
        kept = small
        before.append(shown)
    return kept, left_out


def said(left_out: dict[str, int]) -> str:
    """What was left out, as the end of a line; empty where nothing was."""
    each = [f"{plural(number, 'network')} above {limit}" for limit, number in left_out.items()]
    return f"left out: {listed(each)}" if each else ""
