"""The grids of the families: counts and shapes known by hand."""

from __future__ import annotations

import pytest

from minjax.errors import UserError
from minjax.studies import families
from minjax.studies.points import Point, distinct, points
from tests.studies.grids import CONFIG, digits


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
    with pytest.raises(UserError, match=r"resnet.depths has 9; each must be 6n \+ 2"):
        families.resnet((8, 9))


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
