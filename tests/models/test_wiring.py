"""What the networks declare of themselves: groups that fit the arrays, sizes that rebuild, nothing for users to set."""

from __future__ import annotations

import dataclasses
import math

import pytest

from minjax import models, tree
from minjax.errors import UserError
from minjax.models.fields import CHECKS
from minjax.models.normalization import BatchNorm
from minjax.wiring import Source

NETWORKS = [
    ("dnn", {"widths": (7, 5)}),
    ("dnn", {"widths": ()}),
    ("cnn", {"channels": (2, 3), "batch_norm": True, "padding": "SAME"}),
    ("cnn", {"channels": (2, 3, 4), "batch_norm": True, "padding": "SAME", "separable": True, "global_pool": True}),
    ("cnn", {"channels": (2, 3), "separable": True, "kernel_sizes": (5, 3), "strides": (2, 1)}),
    ("vgg11", {"width": 2, "head_width": 0}),
    ("vgg16_bn", {"width": 2, "head_width": 5}),
    ("resnet18_s", {"width": 2}),
    ("resnet50", {"width": 2}),
    ("resnet", {"depth": 14, "width": 2}),
    ("vit_s", {"dim": 12, "depth": 2, "heads": 3, "mlp_dim": 5}),
]


def ends(model):
    return [
        (group, end)
        for group in model.wiring().groups
        for point in group.points
        for end in (*point.sources, *point.readers)
    ]


@pytest.mark.parametrize(("name", "fields"), NETWORKS, ids=str)
def test_every_size_has_a_group_and_the_arrays_hold_its_channels(name, fields):
    model = models.build(name, 4, **fields)
    sizes = model.layer_sizes()
    places = [(group.attribute, group.index) for group in model.wiring().groups]
    assert sorted(places) == sorted((attribute, i) for attribute in sizes for i in range(len(sizes[attribute])))

    shapes = {
        name: leaf.shape for name, leaf in tree.leaves(models.parameter_shapes(name, 4, (32, 32, 3), **fields)).items()
    }
    covered = set()
    for group, end in ends(model):
        side = -1 if isinstance(end, Source) else -2
        channels = sizes[group.attribute][group.index] * end.block
        size = shapes[f"params/{end.layer}/kernel"][side]
        assert size % channels == 0
        flattened = name == "vit_s" or end.layer in ("hidden1", "head")
        assert size == channels or flattened
        covered.add((end.layer, side))
        if isinstance(end, Source) and end.norm:
            assert shapes[f"params/{end.norm}/scale"] == shapes[f"batch_stats/{end.norm}/mean"] == (channels,)
    for group in model.wiring().groups:
        for point in group.points:
            if point.depthwise is not None:
                shape = shapes[f"params/{point.depthwise.layer}/kernel"]
                assert shape[2:] == (1, sizes[group.attribute][group.index])
                covered |= {(point.depthwise.layer, -1), (point.depthwise.layer, -2)}
    covered |= {(fixed.layer, -1 if fixed.side == "outputs" else -2) for fixed in model.wiring().fixed}
    # Both sides of every layer can shrink, or it is said why not.
    kernels = [leaf.split("/", 1)[1].removesuffix("/kernel") for leaf in shapes if leaf.endswith("/kernel")]
    assert covered == {(layer, side) for layer in kernels for side in (-1, -2)}


@pytest.mark.parametrize(("name", "fields"), NETWORKS, ids=str)
def test_layers_become_as_wide_as_their_sizes_say(name, fields):
    full = models.build(name, 4, **fields)
    shrunk = {attribute: [max(1, n - 1) for n in sizes] for attribute, sizes in models.shrunk_fields(full).items()}
    model = models.build(name, 4, shrunk=shrunk, **fields)
    assert models.shrunk_fields(model) == shrunk
    smaller = tree.leaves(models.parameter_shapes(name, 4, (32, 32, 3), shrunk=shrunk, **fields))
    before = tree.leaves(models.parameter_shapes(name, 4, (32, 32, 3), **fields))
    assert set(smaller) == set(before)
    sizes = full.layer_sizes()
    for group, end in ends(full):
        kernel, side = f"params/{end.layer}/kernel", -1 if isinstance(end, Source) else -2
        count = sizes[group.attribute][group.index]
        share = shrunk[group.attribute][group.index] / count
        assert smaller[kernel].shape[side] == pytest.approx(share * before[kernel].shape[side])
    assert models.build(name, 4, shrunk=models.shrunk_fields(full), **fields).layer_sizes() == sizes
    # Also where stages that differ become equal: the layers stay.
    ones = {attribute: [1] * len(n) for attribute, n in shrunk.items()}
    assert set(tree.leaves(models.parameter_shapes(name, 4, (32, 32, 3), shrunk=ones, **fields))) == set(before)


def test_sizes_are_nothing_for_users_to_set():
    own = {"widths", "channels"}  # of a dnn and a cnn, which have a size a layer anyway
    for name in models.NAMES:
        model = models.build(name, 4)
        extra = set(model.layer_sizes()) - own
        assert not extra & set(CHECKS)
        defaults = {field.name: field.default for field in dataclasses.fields(model)}
        assert all(defaults[attribute] is None for attribute in extra)
    with pytest.raises(UserError, match="no field 'conv_channels'"):
        models.build("vgg16", 4, conv_channels=(1,) * 13)


@pytest.mark.parametrize(
    ("shrunk", "message"),
    [
        ({"channels": [1, 2]}, "not the layer sizes of a dnn: channels; it has widths"),
        ({}, "not the layer sizes of a dnn: none; it has widths"),
        ({"widths": [3]}, r"widths=\[3\]: a shrunk dnn needs integers from 1 to \[4, 3\]"),
        ({"widths": [5, 1]}, r"from 1 to \[4, 3\]"),
        ({"widths": [0, 1]}, r"from 1 to \[4, 3\]"),
        ({"widths": [2.0, 1]}, r"from 1 to \[4, 3\]"),
    ],
)
def test_sizes_of_another_network_are_refused(shrunk, message):
    with pytest.raises(UserError, match=message):
        models.build("dnn", 4, widths=(4, 3), shrunk=shrunk)


def test_epsilon_is_the_batch_norms():
    assert Source("conv").epsilon == BatchNorm.epsilon
    assert math.isclose(BatchNorm().epsilon, 1e-5)
