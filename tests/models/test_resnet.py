"""The ResNets of three stages (He et al. 2016, section 4.2): counts, shapes, depths."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from minjax import models
from minjax.errors import UserError


def by_hand(depth: int, width: int, classes: int) -> int:
    """Convolutions without biases, each with a batch norm, and a linear layer."""
    conv = lambda size, inputs, outputs: size * size * inputs * outputs + 2 * outputs  # noqa: E731
    total, before = conv(3, 3, width), width
    for stage in range(3):
        channels = width * 2**stage
        for _ in range((depth - 2) // 6):
            total += conv(3, before, channels) + conv(3, channels, channels)
            total += conv(1, before, channels) if before != channels else 0
            before = channels
    return total + (before + 1) * classes


@pytest.mark.parametrize(("depth", "width"), [(8, 16), (14, 8), (20, 16), (20, 3)])
def test_counts_by_hand(depth, width):
    assert models.param_count("resnet", 10, depth=depth, width=width) == by_hand(depth, width, 10)


def test_depth_20_is_the_papers_without_the_projections_of_its_shortcuts():
    # He et al. print 0.27M; their shortcuts (option A) have no parameters, ours are 1x1 convolutions with batch norm.
    projections = (16 * 32 + 64) + (32 * 64 + 128)
    assert models.param_count("resnet", 10) - projections == 269_722
    assert models.param_count("resnet", 10, depth=8) == 78_042  # MLPerf Tiny: about 78,000


def test_images_of_any_size():
    model = models.build("resnet", 7, depth=8, width=2)
    images = jax.ShapeDtypeStruct((3, 28, 25, 1), jnp.float32)
    out, _ = jax.eval_shape(lambda key, x: model.init_with_output(key, x, train=False), jax.random.key(0), images)
    assert out.shape == (3, 7)


@pytest.mark.parametrize("depth", [2, 7, 9, 18])
def test_other_depths_are_refused(depth):
    with pytest.raises(UserError, match=rf"model.depth is {depth}; that of a resnet must be 6n \+ 2: 8, 14, 20"):
        models.build("resnet", 10, depth=depth)
