"""CNNs of every kind: known small networks by their layers, sizes of images, what is refused."""

from __future__ import annotations

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import models, tree
from minjax.errors import UserError

SMALL = {"padding": "SAME", "batch_norm": True, "global_pool": True}
# As c5:8s2 (5x5, 8 channels, stride 2), d5 (depthwise 5x5), w:16 (1x1), p2 (2x2 max pooling); batch norm and ReLU after
# c and w; the average of all pixels, a linear layer. Networks for MNIST that reach 96 to 99 %.
KNOWN = [
    ("c5:8s2 d5s2 w:16 d5 w:16 d3 w:16", 1866),
    ("c5:8s2 d5s2 w:12 d5 w:12 d3 w:12", 1410),
    ("c3:8p2 c3:8p2 c3:8", 1362),
    ("c5:6s2 d5s2 w:12 d5 w:12", 1006),
    ("c5:6s2 d5s2 w:8 d5 w:8", 746),
    ("c3:4p2 d5 w:8p2 d5 w:8", 562),
]


def fields_of(layers: str) -> dict:
    """The model's fields for a network in the words of `KNOWN`."""
    found = [
        (letter, int(kernel or 1), int(channels or 0), int(stride or 1), int(pool or 1))
        for letter, kernel, channels, stride, pool in re.findall(r"([cdw])(\d*)(?::(\d+))?(?:s(\d))?(?:p(\d))?", layers)
    ]
    separable = any(letter == "d" for letter, *_ in found)
    spatial = [layer for layer in found if layer[0] != "w"]
    wide = [layer for layer in found if layer[0] != "d"]
    return {
        **SMALL,
        "separable": separable,
        "channels": tuple(layer[2] for layer in wide),
        "kernel_sizes": tuple(layer[1] for layer in spatial),
        "strides": tuple(layer[3] for layer in spatial),
        "pools": tuple(layer[4] for layer in wide),
    }


@pytest.mark.parametrize(("layers", "count"), KNOWN)
def test_known_small_networks_have_the_parameters_counted_by_others(layers, count):
    assert models.param_count("cnn", 10, image_shape=(28, 28, 1), **fields_of(layers)) == count


def test_layers_of_a_separable_network():
    shapes = models.parameter_shapes("cnn", 10, (28, 28, 1), **fields_of(KNOWN[0][0]))
    kernels = {name: leaf.shape for name, leaf in tree.leaves(shapes["params"]).items() if name.endswith("kernel")}
    assert kernels == {
        "conv1/kernel": (5, 5, 1, 8),
        "depthwise2/kernel": (5, 5, 1, 8),
        "conv2/kernel": (1, 1, 8, 16),
        "depthwise3/kernel": (5, 5, 1, 16),
        "conv3/kernel": (1, 1, 16, 16),
        "depthwise4/kernel": (3, 3, 1, 16),
        "conv4/kernel": (1, 1, 16, 16),
        "head/kernel": (16, 10),
    }
    without_norm = models.parameter_shapes("cnn", 10, (28, 28, 1), channels=(4, 4), separable=True)["params"]
    assert {name for name in tree.leaves(without_norm) if name.endswith("bias")} == {
        "conv1/bias",
        "conv2/bias",
        "head/bias",
    }


def test_fields_at_their_defaults_are_the_network_of_before():
    plain = {"channels": (3, 4), "pool": True, "padding": "SAME"}
    spelt = {"channels": (3, 4), "padding": "SAME", "pools": (2, 2), "strides": (1, 1), "kernel_sizes": (3, 3)}
    images = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    outputs = []
    for fields in (plain, spelt):
        model = models.build("cnn", 10, **fields)
        outputs.append(model.init_with_output({"params": jax.random.key(0)}, images))
    jax.tree.map(np.testing.assert_array_equal, *outputs)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pools", [(1, 1, 1), (2, 1, 2)])
@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 3, 1)])
def test_the_smallest_images_that_are_taken(padding, pools, strides):
    fields = {"channels": (2, 2, 2), "kernel_sizes": (5, 3, 2), "separable": True, "padding": padding}
    model = models.build("cnn", 4, pools=pools, strides=strides, **fields)
    smallest = model.smallest_size()
    out = jax.eval_shape(
        lambda x: model.init_with_output({"params": jax.random.key(0)}, x)[0], jnp.zeros((1, smallest, smallest, 1))
    )
    assert out.shape == (1, 4)
    if smallest > 1:
        image = jnp.zeros((1, smallest - 1, smallest - 1, 1))
        with pytest.raises(UserError, match=f"at least {smallest} pixels a side"):
            jax.eval_shape(lambda x: model.init({"params": jax.random.key(0)}, x), image)


def test_smallest_size_by_hand():
    # 1 pixel, pooled: 2; from 3x3 of stride 2 without padding: 3 + 2; from 5x5 of stride 1: 5 + 4.
    model = models.build("cnn", 4, channels=(2, 2), kernel_sizes=(5, 3), strides=(1, 2), pools=(1, 2))
    assert model.smallest_size() == 9


def test_separable_network_by_its_formula():
    """In float64, with JAX's own grouped convolution."""
    with jax.enable_x64(True):
        model = models.build(
            "cnn", 3, channels=(4, 5), separable=True, global_pool=True, padding="SAME", dtype="float64"
        )
        images = jax.random.normal(jax.random.key(1), (2, 6, 6, 2), jnp.float64)
        params = model.init({"params": jax.random.key(0)}, images)["params"]

        def convolve(x, kernel, groups=1):
            layout = ("NHWC", "HWIO", "NHWC")
            kernel = kernel.astype(jnp.float64)
            return jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=layout, feature_group_count=groups
            )

        x = jax.nn.relu(convolve(images, params["conv1"]["kernel"]) + params["conv1"]["bias"])
        x = convolve(x, params["depthwise2"]["kernel"], 4)
        x = jax.nn.relu(convolve(x, params["conv2"]["kernel"]) + params["conv2"]["bias"])
        expected = x.mean((1, 2)) @ params["head"]["kernel"] + params["head"]["bias"]
        np.testing.assert_allclose(model.apply({"params": params}, images), expected, rtol=1e-12)


@pytest.mark.parametrize("init", ["paper", "he"])
def test_a_depthwise_kernel_is_drawn_for_the_inputs_of_one_channel(init):
    model = models.build("cnn", 10, channels=(64, 64), kernel_size=5, separable=True, init=init)
    params = model.init({"params": jax.random.key(0)}, jnp.zeros((1, 12, 12, 1)))["params"]
    deviation = float(params["depthwise2"]["kernel"].std())
    expected = math.sqrt(1 / 25) if init == "he" else math.sqrt(1 / 25 / 3)  # uniform within 1/sqrt(inputs)
    assert deviation == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strides": (2,)}, r"model.strides is \[2\]; it must have a number for each convolution, .* so 2"),
        ({"pools": (1, 1, 1)}, r"model.pools is \[1, 1, 1\]"),
        ({"kernel_sizes": (3,)}, r"model.kernel_sizes is \[3\]"),
        ({"pools": (1, 3)}, "model.pools has 3; each must be at most 2"),
        ({"pools": (1, 2), "pool": True}, "model.pool is for all convolutions and model.pools for each"),
        ({"separable": 1}, "model.separable is 1; it must be True or False"),
    ],
)
def test_refused_fields(fields, message):
    with pytest.raises(UserError, match=message):
        models.build("cnn", 10, channels=(4, 4), **fields)
