"""Shrinking: the same logits from smaller arrays, exactly the channels that make no difference, and the rest listed."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from minjax import models
from minjax.compress.shrinking import largest_difference, shrink
from minjax.errors import UserError
from tests.compress.shrinking_cases import (
    CLASSES,
    apply,
    check_same,
    drawn,
    images,
    masked,
    no_masks,
    prune,
    smallest_channels,
)

NETWORKS = {
    "dnn": ("dnn", 8, {"widths": (12, 8)}),
    "cnn": ("cnn", 8, {"channels": (6, 8)}),
    "cnn same": ("cnn", 8, {"channels": (6, 8, 5), "padding": "SAME", "pool": True}),
    "cnn batch norm": ("cnn", 8, {"channels": (6, 8), "padding": "SAME", "batch_norm": True}),
    "cnn separable": ("cnn", 8, {"channels": (6, 8, 5), "separable": True, "padding": "SAME", "batch_norm": True}),
    "cnn separable valid": ("cnn", 8, {"channels": (6, 8, 5), "separable": True, "global_pool": True}),
    "vgg": ("vgg11", 32, {"width": 2, "head_width": 0}),
    "vgg batch norm": ("vgg11_bn", 32, {"width": 4, "head_width": 12}),
    "resnet": ("resnet18_s", 8, {"width": 4}),
    "small resnet": ("resnet", 8, {"depth": 8, "width": 4}),
    "bottleneck": ("resnet50", 8, {"width": 4}),
    "vit": ("vit_s", 8, {"dim": 16, "depth": 2, "heads": 4, "mlp_dim": 12}),
}


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_logits_are_those_of_the_masked_network_and_json_rebuilds_it(network):
    name, size, fields = NETWORKS[network]
    model, variables = drawn(name, size, **fields)
    masks = smallest_channels(variables, 0.25)
    if network in (
        "resnet",
        "small resnet",
        "bottleneck",
    ):  # by chance few channels of a stream are without use in every layer
        masks = jax.tree.map(np.logical_and, masks, smallest_channels(variables, 0.25, streams=True))
    if network == "vit":
        for block in ("block1", "block2"):
            prune(masks, f"{block}/attention/qkv", outputs=slice(32, 40))  # values of heads 0 and 1
    smaller, arrays, report = check_same(model, variables, masks, size)
    assert report.params_after < (0.9 if network == "vit" else 0.7) * report.params_before
    assert all(
        sum(smaller.layer_sizes()[attribute]) < sum(sizes) for attribute, sizes in model.layer_sizes().items() if sizes
    )

    again = models.build(name, CLASSES, shrunk=json.loads(json.dumps(models.shrunk_fields(smaller))), **fields)
    assert again == smaller
    shapes = models.parameter_shapes(name, CLASSES, (size, size, 3), shrunk=models.shrunk_fields(smaller), **fields)
    assert jax.tree.map(lambda leaf: leaf.shape, shapes) == jax.tree.map(lambda leaf: leaf.shape, arrays)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(arrays))
    # Nothing is left to do, and what stayed is listed again.
    same, _, second = shrink(smaller, arrays)
    assert same is smaller
    assert (second.removed, second.merged, second.params_after) == ({}, {}, report.params_after)
    assert len(second.kept) == len(report.kept)


def test_nothing_pruned_is_the_same_network():
    model, variables = drawn("resnet18_s", width=2)
    smaller, arrays, report = shrink(model, variables, no_masks(variables))
    assert smaller is model
    jax.tree.map(np.testing.assert_array_equal, variables, arrays)
    assert (report.removed, report.merged, report.kept) == ({}, {}, ())
    assert report.params_before == report.params_after == models.param_count("resnet18_s", CLASSES, width=2)


def test_units_of_a_dnn_by_hand():
    model, variables = drawn("dnn", size=2, widths=(4, 3))
    params = variables["params"]
    params["hidden1"]["bias"][:] = [0.5, -0.5, 1.0, 1.0]
    masks = no_masks(variables)
    prune(masks, "hidden1", outputs=[0, 1])  # constants: relu(0.5), relu(-0.5)
    prune(masks, "hidden2", inputs=3)  # nobody reads unit 3
    smaller, arrays, report = check_same(model, variables, masks, 2)
    assert smaller.widths == (1, 3)
    assert report.removed == {"hidden1": 3}
    assert report.kept == ()
    after = arrays["params"]
    np.testing.assert_array_equal(after["hidden1"]["kernel"], params["hidden1"]["kernel"][:, 2:3])
    np.testing.assert_array_equal(after["hidden1"]["bias"], [1.0])
    np.testing.assert_array_equal(after["hidden2"]["kernel"], params["hidden2"]["kernel"][2:3])
    folded = params["hidden2"]["bias"] + 0.5 * params["hidden2"]["kernel"][0]
    np.testing.assert_allclose(after["hidden2"]["bias"], folded, rtol=1e-6)
    np.testing.assert_array_equal(after["head"]["kernel"], params["head"]["kernel"])


def test_removals_go_on_in_both_directions():
    model, variables = drawn("dnn", size=2, widths=(4, 3, 4))
    variables["params"]["hidden1"]["bias"][0] = -1.0
    masks = no_masks(variables)
    # Backwards: unit 2 of the third layer is not read; so unit 1 of the second, read by it alone; so unit 3 of the
    # first, read by that alone.
    prune(masks, "head", inputs=2)
    masks["hidden3"]["kernel"][1, [0, 1, 3]] = False
    masks["hidden2"]["kernel"][3, [0, 2]] = False
    # Forwards: unit 0 of the first is zero, and unit 0 of the second reads nothing else, so it is a constant.
    prune(masks, "hidden1", outputs=0)
    masks["hidden2"]["kernel"][[1, 2, 3], 0] = False
    smaller, _, report = check_same(model, variables, masks, 2)
    assert smaller.widths == (2, 1, 3)
    assert report.removed == {"hidden1": 2, "hidden2": 2, "hidden3": 1}


@pytest.mark.parametrize(("layer", "side"), [("depthwise2", "outputs"), ("conv2", "inputs")])
def test_a_channel_that_a_separable_convolution_drops_goes_from_all_its_layers(layer, side):
    model, variables = drawn("cnn", channels=(5, 3), padding="SAME", separable=True, batch_norm=True)
    masks = no_masks(variables)
    prune(masks, layer, **{side: [1, 4]})
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert (smaller.channels, report.removed, report.kept) == ((3, 3), {"conv1": 2}, ())
    assert arrays["params"]["norm1"]["scale"].shape == (3,)
    assert arrays["params"]["depthwise2"]["kernel"].shape == (3, 3, 1, 3)


def test_one_channel_stays():
    model, variables = drawn("dnn", size=2, widths=(4, 3))
    masks = no_masks(variables)
    prune(masks, "hidden2", inputs=slice(None))
    smaller, arrays, report = shrink(model, variables, masks)
    assert smaller.widths == (1, 1)
    assert report.removed == {"hidden1": 3, "hidden2": 2}
    assert report.kept == tuple(f"hidden{i}: its last channel stays, though nothing needs it" for i in (1, 2))
    expected = apply(model, masked(variables, masks), images(2))
    np.testing.assert_allclose(apply(smaller, arrays, images(2)), expected, atol=1e-6)


def test_input_planes_and_classes_are_listed():
    model, variables = drawn("cnn", channels=(3,))
    masks = no_masks(variables)
    prune(masks, "conv1", inputs=1)
    prune(masks, "head", outputs=[0, 2])
    smaller, _, report = check_same(model, variables, masks, 8)
    assert smaller is model
    assert report.kept == (
        "conv1: 1 of 3 inputs are zero and stay: they come from the image",
        "head: 2 of 4 outputs are zero and stay: they are the classes",
    )


def numpy_cnn(model, variables, x):
    """The logits of a CNN in float64, with neither JAX nor the network's own code."""
    params, x = variables["params"], np.asarray(x, np.float64)
    for i in range(1, len(model.channels) + 1):
        layer, k = params[f"conv{i}"], model.kernel_size
        low, high = ((k - 1) // 2, k // 2) if model.padding == "SAME" else (0, 0)
        x = np.pad(x, ((0, 0), (low, high), (low, high), (0, 0)))
        x = np.einsum("nhwcij,ijco->nhwo", sliding_window_view(x, (k, k), axis=(1, 2)), layer["kernel"])
        x = x + layer.get("bias", 0.0)
        if model.batch_norm:
            norm, stats = params[f"norm{i}"], variables["batch_stats"][f"norm{i}"]
            x = (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5) * norm["scale"] + norm["bias"]
        x = np.maximum(x, 0.0)
        if model.pool:
            n, h, w, c = x.shape
            x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
    return x.reshape(len(x), -1) @ params["head"]["kernel"] + params["head"]["bias"]


def test_the_cnn_in_numpy_is_the_network():
    model, variables = drawn("cnn", channels=(3, 2), batch_norm=True, padding="SAME", pool=True)
    np.testing.assert_allclose(numpy_cnn(model, variables, images(8)), apply(model, variables, images(8)), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_masks_of_a_cnn(data):
    channels = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3), label="channels"))
    flags = {flag: data.draw(st.booleans(), label=flag) for flag in ("batch_norm", "pool")}
    fields = {
        "channels": channels,
        "padding": data.draw(st.sampled_from(["SAME", "VALID"])),
        "kernel_size": data.draw(st.integers(1, 3)),
        **flags,
    }
    # 22 pixels are enough for three convolutions of 3x3 without padding, each followed by a pool.
    model, variables = drawn("cnn", 22, seed=data.draw(st.integers(0, 99)), dtype=np.float64, **fields)
    masks = no_masks(variables)
    for layer in [*(f"conv{i}" for i in range(1, len(channels) + 1)), "head"]:
        inputs, outputs = variables["params"][layer]["kernel"].shape[-2:]
        if layer == "head":
            inputs = channels[-1]  # at every pixel
        rows, columns = (data.draw(st.lists(st.booleans(), min_size=n, max_size=n)) for n in (inputs, outputs))
        repeated = np.tile(rows, variables["params"][layer]["kernel"].shape[-2] // inputs)
        prune(masks, layer, inputs=repeated, outputs=np.array(columns))
    smaller, arrays, report = shrink(model, variables, masks)
    x = images(22, 2)
    expected = numpy_cnn(model, masked(variables, masks), x)
    np.testing.assert_allclose(numpy_cnn(smaller, arrays, x), expected, rtol=1e-9, atol=1e-9)
    lost = sum(channels) - sum(smaller.channels)
    assert lost == sum(report.removed.values())
    # Every channel that is left does something, or is the last, or is a constant in front of zeros: all listed.
    for i, count in enumerate(smaller.channels, 1):
        kernel = arrays["params"][f"conv{i}"]["kernel"]
        useless = int((~kernel.any(axis=(0, 1, 2))).sum())
        assert useless <= 1
        assert not useless or any(line.startswith(f"conv{i}: ") for line in report.kept)
        assert count >= 1


def test_largest_difference_is_over_all_images():
    model, variables = drawn("dnn", size=2, widths=(3,))
    other = {"params": {**variables["params"], "head": dict(variables["params"]["head"])}}
    assert largest_difference(model, variables, model, other, images(2, 5), batch=2) == 0.0
    other["params"]["head"]["bias"] = variables["params"]["head"]["bias"] + np.float32([0, 0, -0.25, 0])
    assert largest_difference(model, variables, model, other, images(2, 5), batch=2) == pytest.approx(0.25, abs=1e-5)
    only_the_last = np.zeros((5, 2, 2, 3), np.float32)
    only_the_last[4] = 1.0
    other = masked(variables, jax.tree.map(np.ones_like, variables["params"]))
    other["params"]["hidden1"]["kernel"] = other["params"]["hidden1"]["kernel"] * 2
    assert largest_difference(model, variables, model, other, only_the_last, batch=2) > 0.01
    only_the_last[2] = np.nan
    assert np.isnan(largest_difference(model, variables, model, other, only_the_last, batch=2))


def test_what_does_not_belong_together_is_refused():
    model, variables = drawn("dnn", size=2, widths=(4, 3))
    with pytest.raises(UserError, match="Dense declares no wiring"):
        shrink(nn.Dense(3), variables)
    with pytest.raises(UserError, match=r"masks do not fit these parameters: head/bias, head/kernel$"):
        shrink(model, variables, {name: no_masks(variables)[name] for name in ("hidden1", "hidden2")})
    with pytest.raises(UserError, match="another network: there is no hidden3"):
        shrink(models.build("dnn", CLASSES, widths=(4, 3, 2)), variables)
    with pytest.raises(UserError, match=r"params/hidden1/kernel \[12, 4\] does not hold 5 channels"):
        shrink(models.build("dnn", CLASSES, widths=(5, 3)), variables)
