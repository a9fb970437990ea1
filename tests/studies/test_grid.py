"""The grid of a study: counts, shapes, identities and sizes, known by hand."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.base import get_config
from minjax import models, tree
from minjax.errors import UserError
from minjax.studies import families, grid
from minjax.studies.grid import Axis, Choice
from minjax.studies.points import Point, distinct, identity, override, points, table

SMALL = {
    "seed": 42,
    "epochs": 30,
    "dataset": {"name": "digits", "data_dir": ""},
    "model": {"name": "dnn", "init": None, "dropout": None, "widths": None},
    "optimizer": {"name": "sgdm", "learning_rate": 0.1},
}
# The hash of dnn-2-equal-50 of SMALL on digits. If it changes, every study directory begins again: change what makes
# an id only with a reason, and say so.
GOLDEN = "9a4c15681857"
GOLDEN_CNN = "9f49ad5170f4"  # of cnn-2-equal-6 with every field at its default
CONFIG = get_config().to_dict()


def digits(choices, config=CONFIG, **settings) -> list[Point]:
    return points(choices, config, image_shape=(8, 8, 1), num_classes=10, **settings)


@pytest.fixture(scope="module")
def dnns() -> list[Point]:
    return digits(families.dnn())


def test_the_dnn_grid_is_120_points_and_114_networks(dnns):
    assert len(dnns) == 120
    assert len({p.name for p in dnns}) == 120
    assert len(distinct(dnns)) == 114
    assert len({tuple(p.fields["widths"]) for p in dnns}) == 114
    assert [sum(p.labels["depth"] == d for p in dnns) for d in (1, 2, 3, 4)] == [12, 36, 36, 36]
    assert {p.labels["shape"] for p in dnns if p.labels["depth"] == 1} == {"equal"}


def test_a_network_of_several_names_goes_by_the_equal_one(dnns):
    several = {group[0].name: [p.name for p in group[1:]] for group in distinct(dnns).values() if group[1:]}
    assert several == {
        f"dnn-{depth}-equal-1": [f"dnn-{depth}-decreasing-1", f"dnn-{depth}-increasing-1"] for depth in (2, 3, 4)
    }
    turned = families.dnn(shapes=("increasing", "equal"), depths=(2,), widths=(1,))
    assert [choice.labels["shape"] for choice in turned] == ["equal", "increasing"]


@pytest.mark.parametrize(
    ("depth", "width", "shape", "sizes"),
    [
        (1, 7, "increasing", (7,)),
        (3, 20, "equal", (20, 20, 20)),
        (4, 1000, "decreasing", (1000, 500, 250, 125)),
        (4, 50, "decreasing", (50, 25, 12, 6)),  # 12.5 is rounded to 12, half to even
        (4, 50, "increasing", (6, 12, 25, 50)),
        (4, 3, "decreasing", (3, 2, 1, 1)),  # 1.5 is rounded to 2, half to even
        (4, 5, "decreasing", (5, 2, 1, 1)),
        (4, 1, "increasing", (1, 1, 1, 1)),
        (2, 30, "increasing", (15, 30)),
    ],
)
def test_shapes_by_hand(depth, width, shape, sizes):
    assert families.layer_sizes(depth, width, shape) == sizes


def test_the_widest_layer_is_the_width_named():
    for choice in families.dnn():
        widths = choice.overrides["model.widths"]
        assert len(widths) == choice.labels["depth"]
        assert max(widths) == choice.labels["width"]
        order = sorted(widths, reverse=choice.labels["shape"] == "decreasing")
        assert list(widths) == order
        assert min(widths) == max(widths) or choice.labels["shape"] != "equal"


def test_the_cnn_grid():
    found = families.cnn()
    assert len(found) == 32 * 4
    assert found[-1].overrides == {"model.name": "cnn", "model.channels": (32, 32, 32, 32)}
    (point,) = digits(families.cnn(channels=(6,), depths=(2,), shapes=("decreasing",)))
    assert (point.name, point.fields["channels"]) == ("cnn-2-decreasing-6", [6, 3])
    assert point.num_params == (9 * 6 + 6) + (9 * 6 * 3 + 3) + (4 * 4 * 3 * 10 + 10)


def test_the_linear_classifier_is_a_point_where_depths_contain_0(dnns):
    found = digits(families.dnn(depths=(1, 0), widths=(2, 3)))
    assert [(p.name, p.num_params) for p in found] == [("dnn-0", 650), ("dnn-1-equal-2", 160), ("dnn-1-equal-3", 235)]
    assert (found[0].fields, found[0].labels) == ({"widths": []}, {"depth": 0, "shape": "equal"})
    assert not any(p.labels["depth"] == 0 for p in dnns)


def test_kinds_of_cnn():
    axes = {"heads": ("average",), "paddings": ("SAME",), "batch_norms": (True,)}
    grid_of = lambda **more: points(families.cnn(**axes, **more), CONFIG, image_shape=(28, 28, 1), num_classes=10)  # noqa: E731
    separable = grid_of(
        channels=(12,),
        depths=(3,),
        blocks=("separable",),
        stem_kernels=(5,),
        kernels=(5,),
        stems=("half",),
        halvings=(2,),
    )
    assert [(p.name, p.num_params) for p in separable] == [
        ("cnn-3-equal-12-separable-stem5-kernel5-half-stride2-same-average-norm", 1006)  # as tests/models/test_cnn.py
    ]
    assert separable[0].fields == {
        "channels": [6, 12, 12],
        "kernel_size": 5,
        "padding": "SAME",
        "pool": False,
        "batch_norm": True,
        "strides": [2, 2, 1],
        "separable": True,
        "global_pool": True,
    }
    plain = grid_of(channels=(8,), depths=(3,), halvings=(2,), downsamplings=("pool",))
    assert [(p.name, p.num_params) for p in plain] == [("cnn-3-equal-8-pool2-same-average-norm", 1362)]
    assert plain[0].labels == {
        "depth": 3, "shape": "equal", "channels": 8, "halvings": 2, "downsampling": "pool", "padding": "SAME",
        "head": "average", "batch_norm": True,
    }  # fmt: skip


def test_a_kind_that_does_not_matter_for_a_depth_is_one_network():
    axes = {"blocks": ("plain", "separable"), "kernels": (3, 5), "halvings": (0, 1, 2), "stems": ("full", "half")}
    found = families.cnn(channels=(4,), depths=(1, 2), downsamplings=("stride", "pool"), **axes)
    ids = [point.id for point in points(found, CONFIG, image_shape=(28, 28, 1), num_classes=10)]
    assert len(set(ids)) == len(ids) == (1 + 2) + 2 * 2 * 2 * (1 + 2 * 2)
    assert [choice.name for choice in found[:3]] == ["cnn-1-equal-4", "cnn-1-equal-4-stride1", "cnn-1-equal-4-pool1"]


def test_the_resnet_grid():
    found = points(families.resnet((8, 20), (4, 16)), CONFIG, image_shape=(32, 32, 3), num_classes=10)
    assert [p.name for p in found] == ["resnet-8-4", "resnet-8-16", "resnet-20-4", "resnet-20-16"]
    assert (found[-1].family, found[-1].num_params, found[-1].fields) == ("resnet", 272_474, {"depth": 20, "width": 16})
    with pytest.raises(UserError, match=r"resnet.depths has 9; that of a resnet must be 6n \+ 2"):
        families.resnet((8, 9))


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


def test_the_vit_grid():
    found = families.vit(depths=(1, 2), dims=(8, 12), heads=(2, 4), mlp_dims=(None, 12, 20))
    assert len(found) == 2 * (2 * 3 + 2 * 2)  # at dim 12, None is 12 once more
    assert found[0].labels == {"depth": 1, "dim": 8, "heads": 2, "mlp_dim": 8}
    assert found[0].overrides["model.mlp_dim"] == 8
    assert (found[-1].name, found[-1].labels["mlp_dim"]) == ("vit-2-12-4-20", 20)


def test_what_cannot_be_is_an_error_or_is_left_out():
    heads = families.vit(depths=(1,), dims=(8, 12), heads=(2, 3))
    with pytest.raises(UserError, match=r"point vit-1-8-3-8 .*heads=3 does not divide model\.dim=8"):
        digits(heads)
    assert [p.name for p in digits(heads, skip=True)] == ["vit-1-8-2-8", "vit-1-12-2-12", "vit-1-12-3-12"]
    deep = families.cnn(channels=(2,))
    with pytest.raises(UserError, match=r"cnn-4-equal-2 .*at least 9 pixels"):
        digits(deep)
    assert [p.labels["depth"] for p in digits(deep, skip=True)] == [1, 2, 3]
    with pytest.raises(UserError, match=r"empty: none of its 1 points can be; the last, cnn-4-equal-2: .*9 pixels"):
        digits(deep[3:], skip=True)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"model.widths": [(20, 0)]}, r"point widths=20x0 cannot be: model.widths has 0; each must be at least 1"),
        ({"model.name": ["dnn"], "model.widths": [5]}, "model.widths is 5; it must be a tuple"),
        ({"model.widhts": [(20,)]}, "unknown field 'model.widhts' .did you mean 'model.widths'"),
        ({"learning": [0.1]}, "unknown field 'learning'"),
        ({"epochs.more": [1]}, "unknown field 'epochs.more'"),
        ({"optimizer": [{}]}, "optimizer is a section"),
        ({"seed": [1, 2]}, "seed cannot be an axis.*study.seeds"),
        ({"tensorboard": [True]}, "tensorboard cannot be an axis: it does not change"),
        ({"prune.rounds": [3]}, "prune.rounds cannot be an axis"),
        ({"model.name": ["dn"]}, "unknown model 'dn'"),
        ({"model.channels": [(3,)]}, "^model 'dnn' has no field 'channels'"),
        ({"model.init": ["zeros"]}, "model.init is 'zeros'; it must be paper or he"),
        ({"optimizer.learning_rate": [float("nan")]}, "value that JSON does not have"),
    ],
)
def test_bad_axes(axes, message, skip):
    config = override(CONFIG, {"model.name": "dnn"})
    with pytest.raises(UserError, match=message):
        digits(grid.sweep(axes), config, skip=skip)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: families.dnn(widths=(5, 0)), "dnn.widths has 0; each must be at least 1"),
        (lambda: families.dnn(widths=(2.5,)), "dnn.widths has 2.5"),
        (lambda: families.dnn(depths=(True,)), "dnn.depths has True"),
        (lambda: families.dnn(widths=()), "the grid is empty: the axis dnn.widths has no values"),
        (lambda: families.dnn(shapes=()), "empty: the axis dnn.shapes"),
        (lambda: families.dnn(shapes=("square",)), "unknown shape 'square'; known: decreasing, equal, increasing"),
        (lambda: families.dnn(widths=5), "the axis dnn.widths is 5; it must be a list"),
        (lambda: families.dnn(widths=(5, 5)), "the axis dnn.widths has 5 twice"),
        (lambda: families.cnn(channels=(0,)), "cnn.channels has 0"),
        (lambda: families.vit(heads=(0,)), "vit.heads has 0"),
        (lambda: families.vit(mlp_dims=(None, 0)), "vit.mlp_dims has 0"),
        (lambda: families.layer_sizes(0, 5, "equal"), "depth is 0; it must be at least 1"),
        (lambda: grid.sweep({}), "the grid is empty: it has no axis"),
        (lambda: Axis("epochs", "12"), "the axis epochs is '12'; it must be a list"),
        (lambda: grid.sweep([("epochs", [1]), ("epochs", [2])]), "the axis epochs is given twice"),
        (
            lambda: grid.product(families.dnn(), grid.sweep({"model.widths": [(1,)]})),
            "axis model.widths is given twice",
        ),
        (lambda: grid.product(families.dnn(), grid.sweep({"dataset.depth": [1]})), "axis depth is given twice"),
        (lambda: grid.fixed(families.dnn(), {"model.widths": (3,)}), "model.widths is fixed, and an axis"),
        (lambda: families.family("rnn"), "unknown family of a study 'rnn'"),
        (lambda: families.family("dnn", width=(1,)), "unknown axis of the dnn grid 'width' .did you mean 'widths'"),
        (lambda: digits([]), "the grid is empty: it has no points"),
        (
            lambda: digits([Choice("a", {}, {"epochs": 1}), Choice("a", {}, {"epochs": 2})]),
            "two different networks of the grid are called a",
        ),
    ],
)
def test_bad_grids(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_any_field_is_an_axis():
    rates = Axis("optimizer.learning_rate", (0.1, 0.01))
    found = digits(grid.sweep([("model.widths", [(20,), (50, 25)]), rates]), SMALL)
    assert [p.name for p in found] == [
        *("widths=20-learning_rate=0.1", "widths=20-learning_rate=0.01"),
        *("widths=50x25-learning_rate=0.1", "widths=50x25-learning_rate=0.01"),
    ]
    assert found[3].labels == {"widths": [50, 25], "learning_rate": 0.01}
    assert found[3].config["optimizer"] == {"name": "sgdm", "learning_rate": 0.01}
    assert len(distinct(found)) == 4
    assert [p.num_params for p in found] == [1510, 1510, 4785, 4785]
    (named,) = grid.sweep({"model.name": ["dnn"], "optimizer.name": ["adam"]})
    assert named.labels == {"model.name": "dnn", "optimizer.name": "adam"}


def test_families_products_and_fixed_fields():
    assert families.family("dnn", depths=(1,), widths=(3,)) == families.dnn((1,), (3,))
    both = grid.product(families.dnn((1,), (3,)), grid.sweep({"epochs": [5, 6]}))
    assert [choice.name for choice in both] == ["dnn-1-equal-3-epochs=5", "dnn-1-equal-3-epochs=6"]
    assert both[1].labels == {"depth": 1, "shape": "equal", "width": 3, "epochs": 6}
    patches = grid.fixed(families.vit((1,), (8,)), {"model.patch_size": 2})
    (point,) = digits(patches)
    assert (point.fields["patch_size"], "patch_size" in point.labels) == (2, False)


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
    lines = table(digits(families.dnn((1, 2), (1, 100))))
    assert lines == [
        "name                  parameters  names",
        "dnn-1-equal-1                 85      1",
        "dnn-2-equal-1                 87      3 (also dnn-2-decreasing-1, dnn-2-increasing-1)",
        "dnn-1-equal-100            7,510      1",
        "dnn-2-increasing-100       9,360      1",
        "dnn-2-decreasing-100      12,060      1",
        "dnn-2-equal-100           17,610      1",
        "8 points, 6 distinct networks, 85 to 17,610 parameters",
    ]
    assert table([]) == ["no points"]
