"""Axes, products and fixed fields of a grid, and its mistakes."""

from __future__ import annotations

import pytest

from minjax.errors import UserError
from minjax.studies import families, grid
from minjax.studies.grid import Axis, Choice
from minjax.studies.points import distinct, override
from tests.studies.grids import CONFIG, SMALL, digits


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
