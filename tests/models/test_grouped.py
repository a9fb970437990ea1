"""Convolutions of several members as one grouped convolution: the numbers are those of `vmap`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from minjax.errors import UserError
from minjax.models import grouped, patches
from minjax.models.convolution import conv2d

MEMBERS = 3


def drawn(*shape):
    return jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape))


def plain(strides, pads, x, kernel):
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=grouped.LAYOUT)


CASES = [((1, 1), ((1, 1), (1, 1))), ((2, 2), ((0, 1), (1, 0))), ((1, 2), ((0, 0), (0, 0)))]
SIDES = {3: CASES, 1: [((2, 2), ((0, 0), (0, 0)))], 5: [((3, 2), ((2, 2), (2, 1)))], 2: [((2, 2), ((0, 1), (1, 1)))]}


@pytest.mark.parametrize("form", grouped.FORMS)
@pytest.mark.parametrize(("strides", "pads"), CASES)
@pytest.mark.parametrize(("x_batched", "kernel_batched"), [(True, True), (False, True), (True, False)])
def test_members_share_one_convolution(strides, pads, x_batched, kernel_batched, form):
    with jax.enable_x64(True), grouped.members_as(form):
        x = drawn(*[MEMBERS] * x_batched, 2, 6, 7, 4)
        kernel = drawn(*[MEMBERS] * kernel_batched, 3, 3, 4, 5)
        axes = (0 if x_batched else None, 0 if kernel_batched else None)
        run = jax.vmap(lambda *args: grouped.convolution(strides, pads, *args), axes)
        expected = jax.vmap(lambda *args: plain(strides, pads, *args), axes)(x, kernel)
        np.testing.assert_allclose(run(x, kernel), expected, atol=1e-12)


@pytest.mark.parametrize("form", grouped.FORMS)
@pytest.mark.parametrize(("side", "strides", "pads"), [(side, *case) for side in SIDES for case in SIDES[side]])
def test_gradients_of_members_are_their_own(side, strides, pads, form):
    with jax.enable_x64(True), grouped.members_as(form):
        x, kernel = drawn(MEMBERS, 2, 6, 7, 4), drawn(MEMBERS, side, side, 4, 5)
        g = drawn(*jax.eval_shape(jax.vmap(lambda *args: plain(strides, pads, *args)), x, kernel).shape)
        found = jax.vmap(lambda *args: grouped.gradients(strides, pads, *args))(x, kernel, g)
        for place in range(MEMBERS):
            own = jax.vjp(lambda *args: plain(strides, pads, *args), x[place], kernel[place])[1](g[place])
            for mine, expected in zip(found, own, strict=True):
                np.testing.assert_allclose(mine[place], expected, atol=1e-12)


def test_weight_gradients_stay_grouped():
    """Differentiated first and batched then, the weight gradient has the image as its window and no groups of a batch,
    which cuDNN has no kernel for."""
    x, kernel, g = drawn(MEMBERS, 2, 16, 16, 4), drawn(MEMBERS, 3, 3, 4, 5), drawn(MEMBERS, 2, 16, 16, 5)
    same = ((1, 1), (1, 1))

    def batched_last(*args):
        return jax.vjp(lambda *own: plain((1, 1), same, *own), *args[:2])[1](args[2])

    def text(function):
        return str(jax.make_jaxpr(jax.vmap(function))(x, kernel, g))

    assert f"batch_group_count={MEMBERS}" in text(lambda *args: grouped.gradients((1, 1), same, *args))
    assert f"batch_group_count={MEMBERS}" not in text(batched_last)


@pytest.mark.parametrize("side", [3, 1])
def test_members_gradients_write_out_no_zeros_between_pixels(side):
    """Which XLA would do for groups, four times the bytes of the gradient for strides of 2."""
    pads = ((side // 2, side // 2),) * 2
    x, kernel, g = drawn(MEMBERS, 2, 8, 8, 4), drawn(MEMBERS, side, side, 4, 5), drawn(MEMBERS, 2, 4, 4, 5)
    of_images = jax.vmap(lambda *args: grouped.gradients((2, 2), pads, *args)[0])
    text = jax.jit(of_images).trace(x, kernel, g).lower(lowering_platforms=("cuda",)).as_text()
    assert "stablehlo.convolution" in text
    assert "lhs_dilate = [2, 2]" not in text
    plainly = jax.vmap(lambda x, kernel, g: jax.vjp(lambda x: plain((2, 2), pads, x, kernel), x)[1](g)[0])
    assert "lhs_dilate = [2, 2]" in jax.jit(plainly).trace(x, kernel, g).lower().as_text()


TINY = [
    ((2, 2), 3, (1, 1), ((1, 1), (1, 1))),
    ((1, 2), 3, (1, 1), ((1, 1), (1, 1))),
    ((2, 2), 3, (2, 2), ((0, 1), (1, 1))),
]


@pytest.mark.parametrize(("size", "side", "strides", "pads"), TINY)
def test_tiny_images_are_products_of_whole_images(size, side, strides, pads):
    with jax.enable_x64(True):
        x, kernel = drawn(5, *size, 4), drawn(side, side, 4, 3)
        expected, pulled = jax.vjp(lambda *args: plain(strides, pads, *args), x, kernel)
        g = drawn(*expected.shape)
        np.testing.assert_allclose(grouped.convolution(strides, pads, x, kernel), expected, atol=1e-12)
        for found, own in zip(grouped.gradients(strides, pads, x, kernel, g), pulled(g), strict=True):
            np.testing.assert_allclose(found, own, atol=1e-12)
        traced = jax.jit(lambda *args: grouped.gradients(strides, pads, *args)).trace(x, kernel, g)
        assert "stablehlo.convolution" not in traced.lower(lowering_platforms=("cuda",)).as_text()
        assert "stablehlo.convolution" in traced.lower(lowering_platforms=("tpu",)).as_text()
    assert not patches.is_tiny((4, 4), (4, 4), (3, 3))
    assert not patches.is_tiny((4, 4), (4, 4), (5, 5))  # 256 products of channels instead of 25 kernel elements


def test_products_leave_no_convolution():
    x, kernel, g = drawn(MEMBERS, 2, 6, 6, 4), drawn(MEMBERS, 3, 3, 4, 5), drawn(MEMBERS, 2, 6, 6, 5)
    same = ((1, 1), (1, 1))

    def step(*args):
        return grouped.convolution((1, 1), same, *args[:2]), grouped.gradients((1, 1), same, *args)

    for form, convolutions in (("groups", True), ("products", False)):
        with grouped.members_as(form):
            text = str(jax.make_jaxpr(jax.vmap(lambda *args: step(*args)))(x, kernel, g))
        assert ("conv_general_dilated" in text) is convolutions
    with pytest.raises(UserError, match="groups, products"), grouped.members_as("rows"):
        pass


@pytest.mark.parametrize("form", grouped.FORMS)
def test_a_population_on_a_gpu_has_the_form_that_is_asked_for(form):
    def loss(kernel, x):
        return jnp.sum(conv2d(jax.nn.relu(conv2d(x, kernel)), kernel, strides=(2, 2)))

    several = jax.jit(jax.vmap(jax.value_and_grad(loss)))
    with grouped.members_as(form):
        traced = several.trace(drawn(MEMBERS, 3, 3, 4, 4), drawn(MEMBERS, 2, 8, 8, 4))
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert (f"feature_group_count = {MEMBERS}" in text) is (form == "groups")
    assert ("stablehlo.convolution" in text) is (form == "groups")
    assert ("batching_dims" in text) is (form == "products")
