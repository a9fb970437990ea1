"""Initial weights, padding, reduced precision, and the scales of attention and positions."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import models
from minjax.models import initializers
from minjax.models.layers import Conv, Dense


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
