"""depthwise_conv2d against JAX's grouped convolution and its gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from minjax.errors import UserError
from minjax.models.depthwise import depthwise_conv2d

CASES = [
    # height, width, kernel, channels, strides, padding
    (8, 8, (3, 3), 6, (1, 1), "SAME"),
    (9, 7, (5, 5), 3, (2, 2), "SAME"),
    (14, 14, (5, 5), 8, (2, 2), ((2, 2), (2, 2))),
    (9, 10, (3, 3), 4, (1, 1), "VALID"),
    (11, 10, (4, 2), 2, (3, 2), "VALID"),
    (10, 11, (4, 2), 2, (3, 2), "SAME"),
    (2, 2, (5, 5), 4, (1, 1), "SAME"),
    (8, 8, (1, 1), 4, (2, 2), ((0, 0), (0, 0))),
    (7, 7, (3, 3), 1, (1, 1), "SAME"),
]


def grouped(x, kernel, strides, padding):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=layout, feature_group_count=x.shape[-1]
    )


def arrays(case, dtype=np.float32):
    height, width, window, channels, strides, padding = case
    draw = np.random.default_rng(0).standard_normal
    x, kernel = jnp.asarray(draw((3, height, width, channels)), dtype), jnp.asarray(draw((*window, 1, channels)), dtype)
    g = jnp.asarray(draw(jax.eval_shape(lambda a, k: grouped(a, k, strides, padding), x, kernel).shape), dtype)
    return x, kernel, g, strides, padding


def with_gradients(convolve, x, kernel, g):
    value, pull = jax.vjp(convolve, x, kernel)
    return value, *pull(g)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_value_and_gradients_are_those_of_the_grouped_convolution(case):
    x, kernel, g, strides, padding = arrays(case)

    @jax.jit
    def both(x, kernel, g):
        ours = with_gradients(lambda a, k: depthwise_conv2d(a, k, strides=strides, padding=padding), x, kernel, g)
        return ours, with_gradients(lambda a, k: grouped(a, k, strides, padding), x, kernel, g)

    for ours, theirs in zip(*both(x, kernel, g), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", [CASES[1], CASES[3]], ids=["products", "shifts"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("bfloat16", 0.02)])
def test_other_precisions(case, dtype, tolerance):
    with jax.enable_x64(True):
        x, kernel, g, strides, padding = arrays(case, np.float64)
        expected = with_gradients(lambda a, k: grouped(a, k, strides, padding), x, kernel, g)
        convolve = lambda a, k: depthwise_conv2d(a, k, strides=strides, padding=padding)  # noqa: E731
        found = with_gradients(convolve, *(a.astype(dtype) for a in (x, kernel, g)))
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == dtype
            scale = float(jnp.abs(theirs).max())
            np.testing.assert_allclose(ours.astype("float64") / scale, theirs / scale, atol=tolerance)


@pytest.mark.slow
def test_a_population_of_kernels_and_a_loop():
    x, kernel, _, strides, padding = arrays(CASES[1])
    kernels = jnp.stack([kernel, 2 * kernel, -kernel])
    gradient = jax.grad(lambda k: (depthwise_conv2d(x, k, strides=strides, padding=padding) ** 2).sum())
    one_by_one = jnp.stack([gradient(k) for k in kernels])
    np.testing.assert_allclose(jax.vmap(gradient)(kernels), one_by_one, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(jax.jit(lambda ks: lax.map(gradient, ks))(kernels), one_by_one, rtol=1e-4, atol=1e-3)


def test_too_small_an_image_is_named():
    with pytest.raises(UserError, match="2x2 pixels is smaller than the 3x3"):
        depthwise_conv2d(jnp.zeros((1, 2, 2, 1)), jnp.zeros((3, 3, 1, 1)), padding="VALID")
