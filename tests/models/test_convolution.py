"""conv2d against JAX's own convolution and gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from minjax.errors import UserError
from minjax.models import convolution
from minjax.models.convolution import conv2d

CASES = [
    # height, width, kernel, cin, cout, strides, padding
    (8, 8, (3, 3), 3, 16, (1, 1), "SAME"),
    (8, 8, (3, 3), 16, 16, (1, 1), ((1, 1), (1, 1))),
    (8, 8, (3, 3), 4, 8, (2, 2), "SAME"),
    (8, 8, (3, 3), 4, 8, (2, 2), ((1, 1), (1, 1))),
    (9, 7, (3, 3), 4, 8, (2, 2), ((1, 1), (1, 1))),
    (9, 8, (3, 3), 6, 8, (2, 2), "SAME"),
    (8, 8, (1, 1), 4, 8, (2, 2), ((0, 0), (0, 0))),
    (9, 7, (1, 1), 6, 8, (2, 2), "SAME"),
    (8, 8, (1, 1), 6, 8, (1, 1), "VALID"),
    (9, 9, (3, 3), 6, 8, (1, 1), "VALID"),
    (9, 10, (5, 5), 2, 3, (1, 1), "SAME"),
    (9, 10, (5, 5), 5, 3, (1, 1), "SAME"),
    (11, 10, (4, 4), 2, 3, (3, 2), "VALID"),
    (11, 10, (4, 2), 6, 3, (3, 2), "SAME"),
    (8, 8, (4, 4), 3, 8, (4, 4), "VALID"),
    (2, 2, (3, 3), 4, 4, (2, 2), ((1, 1), (1, 1))),
    (2, 2, (3, 3), 4, 5, (1, 1), ((1, 1), (1, 1))),
    (2, 5, (3, 3), 4, 5, (1, 2), "SAME"),
    (1, 1, (3, 3), 4, 5, (1, 1), ((1, 1), (1, 1))),
    (5, 5, (1, 1), 2, 3, (1, 1), ((1, 1), (2, 0))),
]


def plain(x, kernel, strides, padding):
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def arrays(case, dtype=np.float32, batch=5):
    height, width, window, cin, cout, strides, padding = case
    draw = np.random.default_rng(0).standard_normal
    x = jnp.asarray(draw((batch, height, width, cin)), dtype)
    kernel = jnp.asarray(draw((*window, cin, cout)), dtype)
    g = jnp.asarray(draw(jax.eval_shape(lambda a, k: plain(a, k, strides, padding), x, kernel).shape), dtype)
    return x, kernel, g, strides, padding


@pytest.mark.parametrize("case", CASES, ids=str)
def test_value_and_gradients_are_those_of_the_plain_convolution(case):
    x, kernel, g, strides, padding = arrays(case)

    @jax.jit
    def both(x, kernel, g):
        ours = jax.vjp(lambda a, k: conv2d(a, k, strides=strides, padding=padding), x, kernel)
        theirs = jax.vjp(lambda a, k: plain(a, k, strides, padding), x, kernel)
        return (ours[0], *ours[1](g)), (theirs[0], *theirs[1](g))

    for ours, theirs in zip(*both(x, kernel, g), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("bfloat16", 0.05)])
def test_other_precisions(dtype, tolerance):
    with jax.enable_x64(True):
        x, kernel, g, strides, padding = arrays(CASES[4], np.float64)
        theirs, pull = jax.vjp(lambda a, k: plain(a, k, strides, padding), x, kernel)
        expected = (theirs, *pull(g))
        x, kernel, g = (a.astype(dtype) for a in (x, kernel, g))
        ours, pull = jax.vjp(lambda a, k: conv2d(a, k, strides=strides, padding=padding), x, kernel)
        for a, b in zip((ours, *pull(g)), expected, strict=True):
            assert a.dtype == dtype
            scale = float(jnp.abs(b).max())
            np.testing.assert_allclose(a.astype("float64") / scale, b / scale, atol=tolerance)


@pytest.mark.parametrize("batch", [12, 13])  # four images at a time; all of a prime number
@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5), ("bfloat16", 0.01)])
def test_weight_gradient_a_few_images_at_a_time(batch, strides, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(convolution, "_CACHED_BYTES", 40 * 10 * 10 * np.dtype(jnp.dtype(dtype)).itemsize)
    with jax.enable_x64(True):
        case = (8, 8, (3, 3), 10, 7, strides, ((1, 1), (1, 1)))
        x, kernel, g, strides, padding = arrays(case, np.float64, batch=batch)
        expected = jax.vjp(lambda k: plain(x, k, strides, padding), kernel)[1](g)[0]
        x, kernel, g = (a.astype(dtype) for a in (x, kernel, g))
        weights = jax.jit(lambda x, k, g: jax.vjp(lambda k: conv2d(x, k, strides=strides, padding=padding), k)[1](g)[0])
        ours = weights(x, kernel, g)
        loops = weights.lower(x, kernel, g).as_text().count("stablehlo.while")
        assert ours.dtype == dtype
        assert loops == (1 if batch == 12 else 0)
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(ours.astype("float64") / scale, expected / scale, atol=tolerance)


def test_a_population_of_kernels_and_a_loop():
    x, kernel, _, strides, padding = arrays(CASES[3])
    kernels = jnp.stack([kernel, 2 * kernel, -kernel])

    def loss(kernel, x):
        return (conv2d(x, kernel, strides=strides, padding=padding) ** 2).sum()

    one_by_one = jnp.stack([jax.grad(loss)(k, x) for k in kernels])
    np.testing.assert_allclose(jax.vmap(jax.grad(loss), (0, None))(kernels, x), one_by_one, rtol=1e-4, atol=1e-3)
    looped = jax.jit(lambda ks: lax.map(lambda k: jax.grad(loss)(k, x), ks))(kernels)
    np.testing.assert_allclose(looped, one_by_one, rtol=1e-4, atol=1e-3)
    per_image = jax.vmap(jax.grad(loss), (None, 0))(kernel, x[:, None])
    np.testing.assert_allclose(per_image.sum(0), one_by_one[0], rtol=1e-4, atol=1e-3)


def test_bad_padding_and_too_small_an_image_are_named():
    x, kernel = jnp.zeros((1, 2, 2, 1)), jnp.zeros((3, 3, 1, 1))
    with pytest.raises(UserError, match="padding must be"):
        conv2d(x, kernel, padding="CAUSAL")
    with pytest.raises(UserError, match="2x2 pixels is smaller than the 3x3"):
        conv2d(x, kernel, padding="VALID")


def test_a_first_convolution_can_be_exported_for_any_batch():
    import jax.export  # not an attribute of jax before it is imported

    (batch,) = jax.export.symbolic_shape("batch")
    kernel = jnp.ones((3, 3, 3, 8))
    images = jax.ShapeDtypeStruct((batch, 24, 32, 3), jnp.float32)
    exported = jax.export.export(jax.jit(lambda x: conv2d(x, kernel)), platforms=("cpu", "cuda"))(images)
    some = jax.random.normal(jax.random.key(0), (5, 24, 32, 3))
    np.testing.assert_allclose(exported.call(some), conv2d(some, kernel), rtol=1e-5, atol=1e-5)
