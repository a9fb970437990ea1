"""Multiply-adds against the layers' formulas, written out by hand."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from jax import lax

from minjax import models, tree
from minjax.compress.macs import multiply_adds
from minjax.errors import UserError


def count(name: str, image_shape=(32, 32, 3), classes: int = 10, **fields):
    model = models.build(name, classes, **fields)
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    variables = jax.eval_shape(partial(model.init, train=False), jax.random.key(0), images)
    return multiply_adds(partial(model.apply, train=False), variables, image_shape), variables["params"]


def resnet_by_hand(width: int) -> dict[str, int]:
    """Basic blocks of two 3x3 convolutions; in stages 2 to 4 the first halves the image and has a 1x1 shortcut."""
    layers = {"conv": 32 * 32 * 9 * 3 * width}
    before = width
    for stage, side in enumerate((32, 16, 8, 4), 1):
        channels = width * 2 ** (stage - 1)
        for block in (1, 2):
            name = f"stage{stage}_block{block}"
            layers[f"{name}/conv1"] = side * side * 9 * before * channels
            layers[f"{name}/conv2"] = side * side * 9 * channels * channels
            if before != channels:
                layers[f"{name}/shortcut_conv"] = side * side * before * channels
            before = channels
    return {f"{name}/kernel": n for name, n in {**layers, "head": before * 10}.items()}


@pytest.mark.parametrize(("name", "width", "total"), [("resnet18", 64, 555_422_720), ("resnet18_s", 16, 35_046_656)])
def test_resnet(name, width, total):
    found, _ = count(name)
    assert found.kernels == resnet_by_hand(width)
    assert found.total == total
    assert found.activations == 0


def test_vit_counts_the_products_of_attention():
    found, _ = count("vit_s")
    tokens, dim, mlp, depth = 8 * 8 + 1, 192, 128, 4
    block = {
        "attention/qkv": tokens * dim * 3 * dim,
        "attention/out": tokens * dim * dim,
        "hidden": tokens * dim * mlp,
        "out": tokens * mlp * dim,
    }
    layers = {f"block{i}/{name}/kernel": n for i in range(1, depth + 1) for name, n in block.items()}
    layers |= {"embedding/kernel": 64 * 48 * dim, "hidden/kernel": dim * mlp, "head/kernel": mlp * 10}
    assert found.kernels == layers
    assert found.activations == depth * 2 * tokens * tokens * dim
    assert found.total == sum(layers.values()) + found.activations == 58_223_360


def test_networks_without_anything_special():
    assert count("dnn", (28, 28, 1), widths=(20, 10))[0].kernels == {
        "hidden1/kernel": 784 * 20,
        "hidden2/kernel": 20 * 10,
        "head/kernel": 10 * 10,
    }
    assert count("cnn", (9, 7, 2), channels=(4,))[0].kernels == {
        "conv1/kernel": 7 * 5 * 9 * 2 * 4,
        "head/kernel": 7 * 5 * 4 * 10,
    }


def test_a_depthwise_convolution_reads_one_channel():
    fields = {"padding": "SAME", "separable": True, "global_pool": True, "batch_norm": True}
    found, params = count("cnn", (28, 28, 1), channels=(8, 16, 16, 16), kernel_sizes=(5, 5, 5, 3), strides=(2, 2, 1, 1),
                          **fields)  # fmt: skip
    assert found.kernels == {
        "conv1/kernel": 14 * 14 * 25 * 8,
        "depthwise2/kernel": 7 * 7 * 25 * 8,
        "conv2/kernel": 7 * 7 * 8 * 16,
        "depthwise3/kernel": 7 * 7 * 25 * 16,
        "conv3/kernel": 7 * 7 * 16 * 16,
        "depthwise4/kernel": 7 * 7 * 9 * 16,
        "conv4/kernel": 7 * 7 * 16 * 16,
        "head/kernel": 16 * 10,
    }
    assert set(found.kernels) == {leaf for leaf in tree.leaves(params) if leaf.endswith("/kernel")}


def test_a_program_for_each_platform_counts_once():
    """At 2x2 pixels, fewer than the kernel has, the CPU's convolution is written as a matrix product."""
    found, _ = count("vgg16_s")
    assert found.kernels["conv5_3/kernel"] == 2 * 2 * 9 * 128 * 128


def test_zeros_of_a_convolution_that_is_written_as_a_product_do_not_count():
    """On CPU a stem is a product with patches, and a depthwise convolution of few pixels one with a matrix of zeros."""
    found, _ = count("cnn", (8, 8, 1), channels=(4, 6), padding="SAME", separable=True)
    assert found.kernels["conv1/kernel"] == 64 * 9 * 4
    assert found.kernels["depthwise2/kernel"] == 64 * 9 * 4
    assert found.activations == 0


@pytest.mark.parametrize("name", ["resnet18_s", "vgg16_s", "vit_s"])
def test_every_kernel_is_counted_and_nothing_else(name):
    found, params = count(name)
    assert set(found.kernels) == {leaf for leaf in tree.leaves(params) if leaf.endswith("/kernel")}
    assert all(found.kernels.values())


def test_the_type_of_the_computation_changes_nothing():
    assert count("resnet18_s", dtype="bfloat16")[0] == count("resnet18_s")[0]


def test_sparse_leaves_out_what_pruned_weights_take_part_in():
    found, params = count("cnn", (9, 7, 2), channels=(4,))
    counts = {name: leaf.size for name, leaf in tree.leaves(params).items()}
    assert found.sparse({}, {}) == found.sparse(counts, counts) == found.total
    half = {"conv1/kernel": counts["conv1/kernel"] // 2, "conv1/bias": 0}
    assert found.sparse(half, counts) == found.total - found.kernels["conv1/kernel"] // 2
    assert found.sparse(dict.fromkeys(counts, 0), counts) == 0
    vit, params = count("vit_s")
    counts = {name: leaf.size for name, leaf in tree.leaves(params).items()}
    assert vit.sparse(dict.fromkeys(counts, 0), counts) == vit.activations


class Others(nn.Module):
    """Flax's own layers, grouped and shared ones too."""

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(8, (3, 3), feature_group_count=2, name="grouped")(x)
        shared = nn.Dense(8, name="shared")
        x = shared(shared(x)).reshape(1, -1, 8)
        return nn.MultiHeadDotProductAttention(num_heads=2, name="attention")(x).mean(1)


def test_layers_of_others():
    variables = jax.eval_shape(Others().init, jax.random.key(0), jax.ShapeDtypeStruct((1, 3, 5, 4), jnp.float32))
    found = multiply_adds(Others().apply, variables, (3, 5, 4))
    assert found.kernels == {
        "grouped/kernel": 15 * 9 * 2 * 8,
        "shared/kernel": 2 * 15 * 8 * 8,
        **{f"attention/{name}/kernel": 15 * 8 * 8 for name in ("query", "key", "value", "out")},
    }
    assert found.activations == 2 * 15 * 15 * 8


def looping(loop):
    def apply(variables, images):
        return loop(lambda x: x @ variables["params"]["kernel"], images)

    variables = {"params": {"kernel": jax.ShapeDtypeStruct((3, 3), jnp.float32)}}
    return multiply_adds(apply, variables, (2, 2, 3))


def test_loops():
    scanned = looping(lambda step, x: lax.scan(lambda x, _: (step(x), None), x, None, length=5)[0])
    assert scanned.kernels == {"kernel": 5 * 4 * 9}
    with pytest.raises(ValueError, match="unknown length"):
        looping(lambda step, x: lax.while_loop(lambda x: x.sum() < 9, step, x))


def test_images_that_the_network_cannot_take():
    model = models.build("vit_s", 10)
    with pytest.raises(UserError, match="cannot take 30x30 images"):
        multiply_adds(partial(model.apply, train=False), {"params": {}}, (30, 30, 3))
