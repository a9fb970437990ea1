"""Points: what they hold, their ids and their sizes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import models, tree
from minjax.records.answer import Demand
from minjax.studies import families, grid
from minjax.studies.points import identity, override, points, table
from tests.studies.grids import SMALL, digits

# The hash of dnn-2-equal-50 of SMALL on digits. If it changes, every study directory begins again: change what makes
# an id only with a reason, and say so.
GOLDEN = "9a4c15681857"
GOLDEN_CNN = "9f49ad5170f4"  # of cnn-2-equal-6 with every field at its default


def test_new_fields_leave_the_ids_of_old_points_as_they_were():
    (point,) = digits(families.cnn(channels=(6,), depths=(2,)))
    assert point.id == GOLDEN_CNN
    assert point.fields == {
        "channels": [6, 6],
        "kernel_size": 3,
        "padding": "VALID",
        "pool": False,
        "batch_norm": False,
    }


def test_what_a_point_holds():
    (point,) = digits(families.dnn((2,), (50,), ("equal",)), SMALL)
    assert dataclasses.asdict(point) | {"config": None} == {
        "id": GOLDEN,
        "name": "dnn-2-equal-50",
        "family": "dnn",
        "fields": {"widths": [50, 50]},
        "labels": {"depth": 2, "shape": "equal", "width": 50},
        "num_params": 64 * 50 + 50 + 50 * 50 + 50 + 50 * 10 + 10,
        "overrides": {"model.name": "dnn", "model.widths": [50, 50]},
        "config": None,
        "names": ("dnn-2-equal-50",),
        "grid_id": "",
    }
    assert point.config["model"] == {"name": "dnn", "init": "paper", "dropout": 0.0, "widths": [50, 50]}
    assert json.loads(json.dumps(point.config)) == point.config
    assert SMALL["model"]["widths"] is None


@pytest.mark.slow
def test_an_id_is_of_what_is_trained():
    def id_of(config=SMALL, choices=None, shape=(8, 8, 1), classes=10):
        listed = families.dnn((2,), (50,), ("equal",)) if choices is None else choices
        return points(listed, config, image_shape=shape, num_classes=classes)[0].id

    turned = {key: dict(reversed(v.items())) if isinstance(v, dict) else v for key, v in reversed(SMALL.items())}
    assert id_of(turned) == GOLDEN
    widths = {"model.widths": [np.array([50, 50])]}
    assert id_of(choices=grid.sweep(widths)) == GOLDEN  # another name, the same network
    assert id_of(choices=grid.sweep({"model.widths": [(np.int64(50), 50)], "epochs": [30.0]})) == GOLDEN
    assert id_of(choices=grid.product(families.dnn((2,), (50,), ("equal",)), grid.sweep({"epochs": [30]}))) == GOLDEN
    for same in ({"seed": 7}, {"dataset.data_dir": "elsewhere"}, {"model.init": "paper"}):
        assert id_of(override(SMALL, same)) == GOLDEN
    assert id_of({**SMALL, "study": {"seeds": 5}, "name": "x", "new": None}) == GOLDEN
    different = [
        *(id_of(override(SMALL, o)) for o in ({"epochs": 31}, {"model.init": "he"}, {"optimizer.learning_rate": 0.2})),
        *(id_of(shape=(8, 8, 3)), id_of(classes=11), id_of(choices=families.dnn((2,), (51,), ("equal",)))),
    ]
    assert len({GOLDEN, *different}) == 7


def test_an_id_is_the_same_in_another_process():
    code = f"from minjax.studies.points import identity; print(identity({SMALL!r}, (8, 8, 1), 10))"
    found = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == identity(SMALL, (8, 8, 1), 10)


def test_the_configuration_is_resolved_by_who_knows_how():
    def resolve(config):
        return override(config, {"model.init": "he", "model.dropout": 0.5})

    (point,) = digits(families.dnn((1,), (3,)), SMALL, resolve=resolve)
    assert point.config["model"]["init"] == "he"
    assert point.id != digits(families.dnn((1,), (3,)), SMALL)[0].id


@pytest.mark.parametrize(
    "choice",
    [
        *families.dnn((3,), (20,)),
        *families.cnn((3,), (1, 3)),
        *families.vit((1,), (12,), (3,), (7,)),
    ],
    ids=lambda choice: choice.name,
)
def test_sizes_are_those_of_the_built_networks(choice):
    (point,) = digits([choice])
    model = models.build(point.family, 10, **point.fields)
    variables = model.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    assert point.num_params == tree.count(variables["params"])


def test_the_table_of_a_dry_run():
    asks = lambda point: Demand(bytes=4 * point.num_params, ram_bytes=64, macs=point.num_params - 1)  # noqa: E731
    lines = table(digits(families.dnn((1, 2), (1, 100))), asks)
    assert lines == [
        "name                  parameters   bytes  RAM bytes  multiply-adds  also",
        "dnn-1-equal-1                 85     340         64             84",
        "dnn-2-equal-1                 87     348         64             86  dnn-2-decreasing-1, dnn-2-increasing-1",
        "dnn-1-equal-100            7,510  30,040         64          7,509",
        "dnn-2-increasing-100       9,360  37,440         64          9,359",
        "dnn-2-decreasing-100      12,060  48,240         64         12,059",
        "dnn-2-equal-100           17,610  70,440         64         17,609",
        "8 points, 6 distinct networks, 85 to 17,610 parameters",
    ]
    assert table([], asks) == ["no points"]
