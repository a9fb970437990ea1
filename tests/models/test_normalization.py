"""Batch and layer normalisation against numpy, and moments from one sum."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax.models import normalization
from minjax.models.normalization import BatchNorm, LayerNorm


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_batch_norm_against_numpy(dtype):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(3.0, 2.0, (4, 3, 3, 5)), dtype)
    layer = BatchNorm(dtype=dtype)
    scale, bias = rng.normal(size=(2, 5)).astype(np.float32)
    start = {"mean": np.full(5, 0.5, np.float32), "var": np.full(5, 2.0, np.float32)}
    variables = {"params": {"scale": scale, "bias": bias}, "batch_stats": start}
    y, updates = layer.apply(variables, x, train=True, mutable=["batch_stats"])

    values = np.asarray(x, np.float64).reshape(-1, 5)
    mean, biased, unbiased = values.mean(0), values.var(0), values.var(0, ddof=1)
    after = updates["batch_stats"]
    np.testing.assert_allclose(after["mean"], 0.9 * start["mean"] + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(after["var"], 0.9 * start["var"] + 0.1 * unbiased, rtol=1e-5)
    assert after["var"].dtype == jnp.float32
    assert y.dtype == dtype
    expected = (values - mean) / np.sqrt(biased + 1e-5) * scale + bias
    tolerance = 2e-2 if dtype == jnp.bfloat16 else 1e-5
    np.testing.assert_allclose(np.asarray(y, np.float64).reshape(-1, 5), expected, atol=tolerance)

    running = layer.apply(variables, x, train=False)
    expected = (values - start["mean"]) / np.sqrt(start["var"] + 1e-5) * scale + bias
    np.testing.assert_allclose(np.asarray(running, np.float64).reshape(-1, 5), expected, atol=8 * tolerance)


def test_batch_norm_over_an_axis_is_that_of_the_global_batch():
    x = jax.random.normal(jax.random.key(0), (8, 2, 2, 3)) + 1.0
    whole, split = BatchNorm(), BatchNorm(axis_name="devices")
    variables = split.init(jax.random.key(1), x, train=True)
    np.testing.assert_array_equal(variables["batch_stats"]["var"], np.ones(3))  # init is no training step
    expected, after = whole.apply(variables, x, train=True, mutable=["batch_stats"])

    def part(images):
        return split.apply(variables, images, train=True, mutable=["batch_stats"])

    y, parts = jax.vmap(part, axis_name="devices")(x.reshape(4, 2, 2, 2, 3))
    np.testing.assert_allclose(y.reshape(x.shape), expected, atol=1e-5)
    for leaf in ("mean", "var"):
        for device in range(4):
            np.testing.assert_allclose(
                parts["batch_stats"][leaf][device], after["batch_stats"][leaf], rtol=1e-5, atol=1e-7
            )


def test_the_gradient_of_batch_norm_is_that_of_its_definition():
    def defined(x, scale, bias):
        mean = x.mean((0, 1, 2))
        var = jnp.square(x - mean).mean((0, 1, 2))
        return (x - mean) / jnp.sqrt(var + 1e-5) * scale + bias

    with jax.enable_x64(True):
        draw = np.random.default_rng(0)
        x, weights = draw.normal(3, 2, (4, 5, 3, 6)), draw.normal(size=(4, 5, 3, 6))
        params = {"scale": draw.normal(size=6), "bias": draw.normal(size=6)}
        layer = BatchNorm(dtype=jnp.float64)
        state = {"batch_stats": {"mean": np.zeros(6), "var": np.ones(6)}}

        def ours(x, params):
            y, _ = layer.apply({"params": params, **state}, x, train=True, mutable=["batch_stats"])
            return jnp.sum(jnp.sin(y) * weights)

        def theirs(x, params):
            return jnp.sum(jnp.sin(defined(x, **params)) * weights)

        got, expected = (jax.grad(f, argnums=(0, 1))(x, params) for f in (ours, theirs))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), got, expected)


def test_batch_norm_of_a_single_value_stays_finite():
    layer = BatchNorm()
    variables = layer.init(jax.random.key(0), jnp.ones((1, 1, 1, 2)), train=False)
    y, after = layer.apply(variables, jnp.ones((1, 1, 1, 2)), train=True, mutable=["batch_stats"])
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves((y, after)))


def test_layer_norm_against_numpy():
    x = np.random.default_rng(0).normal(1.0, 3.0, (2, 4, 6)).astype(np.float32)
    layer = LayerNorm()
    y = layer.apply(layer.init(jax.random.key(0), jnp.asarray(x)), jnp.asarray(x))
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(y, expected, atol=1e-5)


def far_from(mean, deviation, count=4096, channels=3):
    return jnp.asarray(np.random.default_rng(1).normal(mean, deviation, (count, 1, 1, channels)), jnp.float32)


@pytest.mark.parametrize(("mean", "deviation", "allowed"), [(0.0, 1.0, 1e-6), (10.0, 1.0, 1e-4), (100.0, 1.0, 1e-2)])
def test_moments_from_one_sum_err_by_the_square_of_the_distance(mean, deviation, allowed):
    """About a running mean of 0 the variance of data far away loses digits; about a close one it does not."""
    x = far_from(mean, deviation)
    exact_mean = np.asarray(x, np.float64).mean((0, 1, 2))
    exact = np.asarray(x, np.float64).var((0, 1, 2))
    for around, bound in ((jnp.zeros(3), allowed), (jnp.full(3, 0.95 * mean, jnp.float32), max(allowed / 100, 5e-6))):
        found_mean, found = normalization._moments_at_once(None, x, around)
        np.testing.assert_allclose(found_mean, exact_mean, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(found, exact, rtol=bound)


def test_constant_channels_have_no_negative_variance():
    x = jnp.full((64, 1, 1, 2), 1234.5)
    assert (normalization._moments_at_once(None, x, jnp.zeros(2))[1] >= 0).all()


def test_a_tpu_sums_images_as_they_are_and_a_gpu_pairs_of_rows():
    x = jnp.arange(120.0).reshape(2, 3, 4, 5)
    sums = jax.jit(lambda a, b: normalization._sums_at_once(None, a, b)).trace(x, x * x)
    gpu, tpu = (sums.lower(lowering_platforms=(platform,)).as_text() for platform in ("cuda", "tpu"))
    assert ("24x5xcomplex" in gpu, gpu.count("stablehlo.reduce(")) == (True, 1)
    assert ("24x5" in tpu, tpu.count("stablehlo.reduce(")) == (False, 2)


@pytest.mark.parametrize("sums", [normalization._sums_of_pairs, normalization._sums_and_global_ones])
def test_sums_of_a_device_and_of_all(sums):
    x = jnp.arange(480.0).reshape(4, 2, 3, 4, 5)
    own, whole = jax.vmap(lambda x: sums("devices", x, x + 1), axis_name="devices")(x)
    for found, expected in zip(own, (x.sum((1, 2, 3)), (x + 1).sum((1, 2, 3))), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(whole, (x.sum((0, 1, 2, 3)), (x + 1).sum((0, 1, 2, 3))), strict=True):
        np.testing.assert_array_equal(found, jnp.broadcast_to(expected, (4, 5)))


@pytest.mark.parametrize("axis_name", [None, "devices"])
def test_accelerators_take_the_moments_and_gradients_of_the_cpu(axis_name):
    def devices(function):
        """Over four of them, or on one."""
        return jax.vmap(function, axis_name=axis_name) if axis_name else lambda *parts: function(*(x[0] for x in parts))

    with jax.enable_x64(True):
        draw = np.random.default_rng(0)
        x, dy = (jnp.asarray(draw.normal(1, 2, (4, 4, 5, 3, 6))) for _ in range(2))
        mean, variance = devices(partial(normalization._moments, axis_name))(x, jnp.zeros((4, 6)))
        found = devices(partial(normalization._moments_at_once, axis_name))(x, jnp.ones((4, 6)))
        np.testing.assert_allclose(found[0], mean, rtol=1e-10)
        np.testing.assert_allclose(found[1], variance, rtol=1e-10)
        centred, inverse = x - jnp.reshape(mean, (-1, 1, 1, 1, 6)), 1 / jnp.sqrt(jnp.broadcast_to(variance, (4, 6)))
        expected, found = (
            devices(partial(f, axis_name))(dy, centred, inverse)
            for f in (normalization._gradient_sums, normalization._gradient_sums_at_once)
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), found, expected)


def test_accelerators_take_the_gradients_of_layer_norm_of_the_cpu():
    with jax.enable_x64(True):
        draw = np.random.default_rng(0)
        x, dy = (jnp.asarray(draw.normal(1, 2, (4, 5, 6))) for _ in range(2))
        scale, bias = (jnp.asarray(draw.normal(size=6)) for _ in range(2))
        forms = (normalization._layer_gradients_at_once, normalization._layer_gradients)
        found, expected = (f(1e-5, x, scale, bias, dy) for f in forms)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), found, expected)
