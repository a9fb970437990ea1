"""Which runs of a table one program trains: the seeds of a network under one optimizer on one data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from minjax.tasks.assembly import build_model, build_optimizer
from minjax.tasks.tables.cells import Planned
from minjax.train import state as train_state
from minjax.train.engine import choose_devices, steps_per_epoch
from minjax.train.footprint import Footprint, footprint, free

SHARE = 0.5  # of the free memory, for what `Footprint` counts: XLA's own buffers come on top of it
ON_CPU = ("dnn",)  # the families that CPUs train faster together


def obstacle(config: dict[str, Any], asked: dict[str, Any]) -> str:
    """Why the seeds of a network are trained one by one, as far as its configuration says; empty: they are not.

    Args:
        config: of one of the runs, resolved.
        asked: the table's.
    """
    fields = asked["tables"]
    if fields["together"] is False:
        return "tables.together=False"
    if config["early_stop"]:
        return "early_stop ends each at an epoch of its own"
    if config["parallel"] == "pmap":
        return "parallel=pmap trains one network on all devices"
    if fields["together"] is None and fields["executor"] == "ray":
        return "each is a task of the cluster"
    platform = choose_devices(config["devices"])[0].platform
    if fields["together"] is None and platform == "cpu" and config["model"]["name"] not in ON_CPU:
        return "on a CPU only fully connected networks are faster together"
    return ""


def most(config: dict[str, Any], image_shape: tuple[int, int, int], classes: int, train: int, evaluated: int) -> int:
    """How many runs the memory holds side by side; at least 1.

    Args:
        config: of one of the runs, resolved.
        image_shape: height, width, channels.
        classes: how many the data have.
        train, evaluated: images of a run.
    """
    batch = min(config["batch_size"], train)
    model = build_model(config, classes)
    optimizer, _ = build_optimizer(config, steps_per_epoch(train, batch, config["drop_last"]))
    like = jax.eval_shape(lambda: train_state.init(model, optimizer, image_shape, 0))
    height, width, channels = image_shape
    images = (train + evaluated) * (height * width * channels + 4)  # a label has four bytes
    one: Footprint = footprint(model, like, image_shape, batch, data=images, dtype=config["dtype"])
    devices = choose_devices(config["devices"])
    room = free(devices[0])
    if room is None:
        return len(devices)
    each = int(SHARE * room.bytes / one.total)
    return max(1, each if devices[0].platform == "cpu" else each * len(devices))


def populations(cells: Sequence[Planned], size: Callable[[Planned], int]) -> list[tuple[Planned, ...]]:
    """The cells of a table in the order in which they are trained, those that one program trains in one entry.

    Args:
        cells: in the order in which they would be trained alone.
        size: how many seeds of a cell's network can be trained together, 1: none. They are divided evenly.
    """
    alike: dict[tuple[str, str, str], list[Planned]] = {}
    for planned in cells:
        alike.setdefault(about(planned), []).append(planned)
    found: list[tuple[Planned, ...]] = []
    for planned in cells:
        seeds = alike[about(planned)]
        parts = -(-len(seeds) // size(planned))
        each = -(-len(seeds) // parts)
        place = seeds.index(planned)
        if place % each == 0:
            found.append(tuple(seeds[place : place + each]))
    return found


def about(planned: Planned) -> tuple[str, str, str]:
    """What the seeds of a cell have in common: network, data set, optimizer."""
    cell = planned.cell
    return cell.network, cell.dataset, cell.optimizer
