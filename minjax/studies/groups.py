"""Which points share a program: those that differ only in what may differ between the members of a population.

That is, in the sizes of their layers (`arithmetic.SIZES`), which are padded, and in the optimizer's numbers `TRACED`,
which are arguments of the program.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from minjax.studies.arithmetic import SIZES, Arithmetic, resized, sizes
from minjax.studies.cost import Machine, kind
from minjax.studies.packing import Network, pack
from minjax.studies.points import Point

TRACED = ("learning_rate", "weight_decay")


@dataclasses.dataclass(frozen=True)
class Group:
    """Points that one program trains.

    Attributes:
        name: the same wherever the study runs.
        points: each once.
        config: the resolved configuration of the program; where points are padded, with the sizes of the program. Its
            numbers `TRACED` are those of one of the points.
        padded: whether there are smaller points, which are padded to those sizes.
        seconds: predicted for training one member.
        compile_seconds: predicted for compiling.
    """

    name: str
    points: tuple[Point, ...]
    config: dict[str, Any]
    padded: bool
    seconds: float
    compile_seconds: float


@dataclasses.dataclass(frozen=True)
class Workload:
    """What the time for a member depends on besides its network.

    Attributes:
        images: that a member trains on, by the number that `dataset.limit_train` says.
        validation_images: evaluated after each epoch.
        evaluations: how many images the curves of one member evaluate, all versions together.
        image_shape: height, width, channels.
        classes: how many classes the data have.
    """

    images: Mapping[int | None, int]
    validation_images: int
    evaluations: int
    image_shape: tuple[int, int, int]
    classes: int


def groups(
    points: Sequence[Point], work: Workload, machine: Machine, seeds: int, most: int, packing: Machine
) -> list[Group]:
    """Divide points into groups: points that differ only in the optimizer's numbers `TRACED` share a program, and those
    that differ in the sizes of their layers as well are padded where that is cheaper than another compilation.

    Args:
        points: each network once.
        work: what one member asks for.
        machine: the machine at hand, for the predicted times.
        seeds: how many seeds each point has.
        most: the most programs for networks that can be padded, if there are no more kinds than that.
        packing: the machine that padding is chosen for, see `cost.nominal`.
    """
    alike: dict[str, list[Point]] = {}
    whole: dict[str, list[Point]] = {}
    for point in points:
        (alike if _can_be_padded(point) else whole).setdefault(_key(point), []).append(point)
    found = []
    for same in whole.values():
        config = same[0].config
        found.append(_group(same, config, _seconds(config, _arithmetic(same, work), None, work, machine), machine))
    counts = {key: _arithmetic(same, work) for key, same in alike.items()}
    networks = [(Network(key, sizes(point.config["model"])), point) for key, same in alike.items() for point in same]

    def cost(network: Network) -> float:
        config = alike[network.kind][0].config
        return seeds * _seconds(config, counts[network.kind], network.sizes, work, packing)

    compiling = lambda key: packing.compile_seconds(kind(alike[key][0].config["model"]))  # noqa: E731
    for one in pack([network for network, _ in networks], cost, compiling, most):
        key, common = one.program
        inside = [networks[index][1] for index in one.networks]
        config = inside[0].config | {"model": resized(inside[0].config["model"], common)}
        found.append(_group(inside, config, _seconds(config, counts[key], common, work, machine), machine))
    return sorted(found, key=lambda group: (group.seconds, group.points[0].name))


def _group(points: list[Point], config: dict[str, Any], seconds: float, machine: Machine) -> Group:
    padded = any(point.config["model"] != config["model"] for point in points)
    compiling = machine.compile_seconds(kind(config["model"]))
    return Group(points[0].id, tuple(points), config, padded, seconds, compiling)


def _can_be_padded(point: Point) -> bool:
    return point.family in SIZES and not point.config["model"]["dropout"]


def _key(point: Point) -> str:
    """Equal for points that differ only in numbers that a program takes as arguments, and in sizes if these are padded;
    those of another number of layers differ in more."""
    config = point.config
    optimizer = {name: value for name, value in config["optimizer"].items() if name not in TRACED}
    alike: dict[str, Any] = {**config, "optimizer": optimizer}
    if _can_be_padded(point):
        model = config["model"]
        alike["model"] = resized(model, (0,) * len(sizes(model)))
    return json.dumps(alike, sort_keys=True)


def _arithmetic(points: Sequence[Point], work: Workload) -> Arithmetic:
    return Arithmetic(points[0].config["model"], work.image_shape, work.classes)


def _seconds(
    config: dict[str, Any], arithmetic: Arithmetic, common: tuple[int, ...] | None, work: Workload, machine: Machine
) -> float:
    """Seconds for one member: all its steps, the evaluation after each epoch, its curves.

    Args:
        config: of the program.
        arithmetic: of a network of its kind.
        common: the program's sizes; None: those of that network.
        work: what one member asks for.
        machine: where.
    """
    one = arithmetic.own if common is None else arithmetic.of(common)
    what = kind(config["model"])
    steps = config["epochs"] * (work.images[config["dataset"]["limit_train"]] // config["batch_size"])
    step = machine.step_seconds(what, one, config["batch_size"])
    images = config["epochs"] * work.validation_images + work.evaluations
    return steps * step + images * machine.image_seconds(what, one)
