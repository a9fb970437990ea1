"""Which points share a program: those that differ only in what may differ between the members of a population.

That is, in the widths of fully connected networks, which are padded, and in the optimizer's numbers `TRACED`, which are
arguments of the program.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from minjax import models, tree
from minjax.compress import macs
from minjax.studies.cost import Machine
from minjax.studies.packing import pack
from minjax.studies.points import Point

TRACED = ("learning_rate", "weight_decay")


@dataclasses.dataclass(frozen=True)
class Group:
    """Points that one program trains.

    Attributes:
        name: the same wherever the study runs.
        points: each once.
        config: the resolved configuration of the program; where points are padded, with the widths of the program. Its
            numbers `TRACED` are those of one of the points.
        padded: whether narrower points are padded to those widths.
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
        images: that a member trains on.
        validation_images: evaluated after each epoch.
        evaluations: how many images the curves of one member evaluate, all versions together.
        image_shape: height, width, channels.
        classes: how many classes the data have.
    """

    images: int
    validation_images: int
    evaluations: int
    image_shape: tuple[int, int, int]
    classes: int


def groups(
    points: Sequence[Point], work: Workload, machine: Machine, seeds: int, most: int, packing: Machine
) -> list[Group]:
    """Divide points into groups: points that differ only in the optimizer's numbers `TRACED` share a program, and fully
    connected networks that differ in their widths as well are padded where that is cheaper than another compilation.

    Args:
        points: each network once.
        work: what one member asks for.
        machine: the machine at hand, for the predicted times.
        seeds: how many seeds each point has.
        most: the most programs for fully connected networks.
        packing: the machine that padding is chosen for, see `cost.nominal`.
    """
    alike: dict[str, list[Point]] = {}
    whole: dict[str, list[Point]] = {}
    for point in points:
        if point.family == "dnn" and not point.config["model"]["dropout"]:
            alike.setdefault(_key(_with_widths(point.config, ())), []).append(point)
        else:
            whole.setdefault(_key(point.config), []).append(point)
    found = [_group(same, same[0].config, work, machine) for same in whole.values()]
    compiling = packing.compile_seconds("dnn")
    for same in alike.values():
        widths = [tuple(point.config["model"]["widths"]) for point in same]
        seconds = lambda w: seeds * _seconds(_with_widths(same[0].config, w), work, packing)  # noqa: B023, E731
        for one in pack(widths, seconds, compiling, max(1, most // len(alike))):
            config = _with_widths(same[0].config, one.widths)
            found.append(_group([same[index] for index in one.networks], config, work, machine))
    return sorted(found, key=lambda group: (group.seconds, group.points[0].name))


def _group(points: list[Point], config: dict[str, Any], work: Workload, machine: Machine) -> Group:
    family = points[0].family
    padded = family == "dnn" and not config["model"]["dropout"]
    seconds = _seconds(config, work, machine)
    return Group(points[0].id, tuple(points), config, padded, seconds, machine.compile_seconds(family))


def _key(config: dict[str, Any]) -> str:
    """Equal for configurations that differ only in numbers that a program takes as arguments."""
    optimizer = {name: value for name, value in config["optimizer"].items() if name not in TRACED}
    return json.dumps({**config, "optimizer": optimizer}, sort_keys=True)


def _with_widths(config: dict[str, Any], widths: Sequence[int]) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    changed["model"]["widths"] = list(widths)
    return changed


def _seconds(config: dict[str, Any], work: Workload, machine: Machine) -> float:
    """Seconds for one member: all its steps, the evaluation after each epoch, its curves."""
    family = config["model"]["name"]
    multiply_adds, layers = _arithmetic(config, work)
    steps = config["epochs"] * (work.images // config["batch_size"])
    step = machine.step_seconds(family, multiply_adds, layers, config["batch_size"])
    images = config["epochs"] * work.validation_images + work.evaluations
    return steps * step + images * machine.image_seconds(family, multiply_adds)


def _arithmetic(config: dict[str, Any], work: Workload) -> tuple[int, int]:
    """Multiply-adds for one image, and how many layers have weights; nothing is traced for fully connected networks."""
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in config["model"].items()}
    name: str = fields.pop("name")
    if name == "dnn":
        height, width, channels = work.image_shape
        sizes = (height * width * channels, *fields["widths"], work.classes)
        return sum(a * b for a, b in itertools.pairwise(sizes)), len(sizes) - 1
    model = models.build(name, work.classes, **fields)
    variables = jax.eval_shape(partial(model.init, train=False), jax.random.key(0), jnp.zeros((1, *work.image_shape)))
    counted = macs.multiply_adds(partial(model.apply, train=False), variables, work.image_shape)
    return counted.total, sum(name.endswith("kernel") for name in tree.leaves(variables["params"]))
