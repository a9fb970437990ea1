"""Initial weights, batch and layer normalisation against numpy, dropout by position, reduced precision."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from minjax import models
from minjax.models import initializers, normalization
from minjax.models.dropout import Dropout, keep_mask
from minjax.models.layers import Conv, Dense
from minjax.models.normalization import BatchNorm, LayerNorm


def test_paper_initialisation_is_pytorchs():
    shapes = {"kernel": (3, 3, 16, 200), "bias": (200,)}
    variables = Conv(200, use_bias=True).init(jax.random.key(0), jnp.zeros((1, 4, 4, 16)))
    dense = Dense(200).init(jax.random.key(1), jnp.zeros((1, 144)))
    for params in (variables["params"], dense["params"]):
        for leaf, value in params.items():
            assert leaf in shapes
            assert value.dtype == jnp.float32
            # Uniform in +-1/sqrt(fan-in) = 1/12, kernel and bias alike.
            assert float(jnp.abs(value).max()) <= 1 / 12
            assert float(value.std()) == pytest.approx(1 / 12 / math.sqrt(3), rel=0.15)
    assert variables["params"]["kernel"].shape == shapes["kernel"]


@pytest.mark.parametrize(
    ("draw", "deviation"),
    [
        (initializers.fan_out_normal(), math.sqrt(2 / (9 * 64))),
        (initializers.kernel("he", rectified=True), math.sqrt(2 / (9 * 32))),
        (initializers.kernel("he", rectified=False), math.sqrt(1 / (9 * 32))),
    ],
)
def test_normal_initialisers(draw, deviation):
    kernel = draw(jax.random.key(0), (3, 3, 32, 64))
    assert float(kernel.std()) == pytest.approx(deviation, rel=0.03)
    assert abs(float(kernel.mean())) < 0.03 * deviation


@pytest.mark.parametrize("name", ["cnn", "dnn", "resnet18", "resnet50", "vgg11", "vit_s"])
@pytest.mark.parametrize("init", ["paper", "he"])
def test_the_init_field_reaches_every_layer(name, init, monkeypatch):
    asked = []
    kernel, bias = initializers.kernel, initializers.bias
    monkeypatch.setattr(initializers, "kernel", lambda init, **how: asked.append(init) or kernel(init, **how))
    monkeypatch.setattr(initializers, "bias", lambda init, inputs: asked.append(init) or bias(init, inputs))
    model = models.build(name, 3, init=init)
    jax.eval_shape(lambda key: model.init(key, jnp.zeros((1, 32, 32, 1))), jax.random.key(0))
    assert set(asked) == {init}
    assert len(asked) >= 4


def test_he_has_zero_biases():
    params = Dense(5, initialization="he").init(jax.random.key(0), jnp.ones((1, 3)))["params"]
    assert not params["bias"].any()
    assert params["kernel"].any()


def test_strided_convolution_pads_as_pytorch():
    # Two zeros' worth of padding, one on each side: the first window of a stride of 2 starts before the image.
    image = jnp.arange(16.0).reshape(1, 4, 4, 1)
    layer = Conv(1, stride=2)
    y = layer.apply({"params": {"kernel": jnp.ones((3, 3, 1, 1))}}, image)
    padded = np.pad(np.asarray(image)[0, :, :, 0], 1)
    expected = [[padded[i : i + 3, j : j + 3].sum() for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_allclose(y[0, :, :, 0], expected)


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


@pytest.mark.parametrize("key", [jax.random.key(3), jax.random.PRNGKey(3)], ids=["typed", "raw"])
def test_dropout_depends_on_position_alone(key):
    whole = keep_mask(key, jnp.arange(8), (5, 3), 0.5)
    np.testing.assert_array_equal(keep_mask(key, jnp.array([6, 2]), (5, 3), 0.5), whole[jnp.array([6, 2])])
    assert not (whole[0] == whole[1]).all()
    assert not (whole == keep_mask(jax.random.fold_in(key, 1), jnp.arange(8), (5, 3), 0.5)).all()


def test_dropout_on_devices_drops_what_the_whole_batch_would():
    x = jnp.ones((8, 6))
    key = jax.random.key(0)
    whole = Dropout(0.4).apply({}, x, True, rngs={"dropout": key})
    split = Dropout(0.4, "devices")

    def part(images):
        return split.apply({}, images, True, rngs={"dropout": key})

    parts = jax.vmap(part, axis_name="devices")(x.reshape(4, 2, 6))
    np.testing.assert_array_equal(parts.reshape(8, 6), whole)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_rate_and_independence(rate):
    mask = np.asarray(keep_mask(jax.random.key(7), jnp.arange(200), (1000,), rate), np.float64)
    deviation = math.sqrt(rate * (1 - rate))
    assert abs(mask.mean() - (1 - rate)) < 5 * deviation / math.sqrt(mask.size)
    centred = (mask - mask.mean()) / deviation
    # Neighbours in either direction are uncorrelated; so are rates of images and of activations spread as they should.
    for product in (centred[:, 1:] * centred[:, :-1], centred[1:] * centred[:-1]):
        assert abs(product.mean()) < 5 / math.sqrt(product.size)
    assert centred.mean(1).std() == pytest.approx(1 / math.sqrt(1000), rel=0.3)
    assert centred.mean(0).std() == pytest.approx(1 / math.sqrt(200), rel=0.15)


def test_dropout_scales_what_is_left_and_rests_in_evaluation():
    x = jnp.ones((2, 50), jnp.bfloat16)
    y = Dropout(0.5).apply({}, x, True, rngs={"dropout": jax.random.key(0)})
    assert y.dtype == jnp.bfloat16
    assert set(np.unique(np.asarray(y, np.float32))) == {0.0, 2.0}
    np.testing.assert_array_equal(Dropout(0.5).apply({}, x, False), x)


@pytest.mark.parametrize(
    ("name", "fields", "size"),
    [
        ("dnn", {"dropout": 0.2}, 4),
        ("cnn", {"channels": (2,), "batch_norm": True, "pool": True}, 4),
        ("resnet18_s", {"width": 2, "dropout": 0.1}, 4),
        ("vit_s", {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 4}, 8),
    ],
)
def test_bfloat16_computes_in_bfloat16_and_keeps_float32(name, fields, size, drawn):
    images = jax.random.normal(jax.random.key(0), (4, size, size, 1))
    model, reduced = (models.build(name, 3, dtype=dtype, **fields) for dtype in ("float32", "bfloat16"))

    variables = drawn(reduced, images)

    @jax.jit
    def both(key):
        rngs = {"dropout": key}
        trained = reduced.apply(variables, images, train=True, rngs=rngs, mutable=["batch_stats"])
        return trained, reduced.apply(variables, images), model.apply(variables, images)

    (logits, updates), low, full = both(jax.random.key(1))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((variables, updates)))
    assert logits.dtype == low.dtype == jnp.float32
    assert bool(jnp.isfinite(logits).all())
    assert not bool((low == full).all())
    np.testing.assert_allclose(low, full, atol=0.1 * float(jnp.abs(full).max()))


def test_attention_scale_is_what_it_says(drawn):
    images = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
    fields = {"dim": 16, "depth": 1, "heads": 4, "mlp_dim": 4}
    paper = models.build("vit_s", 3, **fields)
    original = models.build("vit_s", 3, attention_scale="head_dim", **fields)
    variables = drawn(paper, images)
    expected = paper.apply(variables, images)
    assert not np.allclose(original.apply(variables, images), expected)
    # (dim / 4)**-0.5 is twice dim**-0.5: with the queries halved the two agree.
    variables["params"]["block1"]["attention"]["qkv"]["kernel"][:, :16] *= 0.5
    np.testing.assert_allclose(original.apply(variables, images), expected, atol=1e-5)


def test_position_scale_is_the_deviation_of_class_token_and_positions():
    model = models.build("vit_s", 3, position_scale=0.02, dim=64, depth=1, mlp_dim=4)

    @jax.jit
    def deviations(key):
        params = model.init(key, jnp.zeros((1, 32, 32, 1)))["params"]
        return params["positions"].std(), params["class_token"].std()

    positions, token = deviations(jax.random.key(0))
    assert float(positions) == pytest.approx(0.02, rel=0.1)
    assert float(token) == pytest.approx(0.02, rel=0.4)


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


def test_masks_of_two_sites_are_independent():
    key, positions = jax.random.key(5), jnp.arange(300)
    first, second = (
        np.asarray(keep_mask(key, positions, (1000,), 0.5, site), np.float64) - 0.5 for site in ("block1", "block2")
    )
    assert abs((first * second).mean() / 0.25) < 5 / math.sqrt(first.size)
    shifted = (first[:, 1:] * second[:, :-1]).mean() / 0.25
    across = (first[1:] * second[:-1]).mean() / 0.25
    assert max(abs(shifted), abs(across)) < 5 / math.sqrt(first.size - 1000)
    # Neither is the other with its activations in another order.
    assert (np.sort((first > 0).sum(1)) != np.sort((second > 0).sum(1))).any()


def test_each_dropout_layer_of_a_network_has_its_own_mask():
    class Two(nn.Module):
        @nn.compact
        def __call__(self, x):
            return Dropout(0.5, name="a")(x, True), Dropout(0.5, name="b")(x, True)

    ones = jnp.ones((4, 100))
    one, other = Two().apply({}, ones, rngs={"dropout": jax.random.key(0)})
    assert not (one == other).all()
    again, _ = Two().apply({}, ones, rngs={"dropout": jax.random.key(0)})
    np.testing.assert_array_equal(one, again)
