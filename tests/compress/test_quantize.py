"""Fake quantization against numbers computed elsewhere, and its properties."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minjax import compress
from minjax.errors import UserError

VECTORS = np.load(Path(__file__).parents[1] / "data" / "fake_quant.npz")
X = jnp.asarray(VECTORS["x"])
CASES = [name for name in VECTORS.files if name != "x"]
SCHEMES = [(symmetric, axis, clip) for symmetric in (True, False) for axis in (None, 1) for clip in ("minmax", "mse")]


MINMAX = [scheme for scheme in SCHEMES if scheme[2] == "minmax"]


@jax.jit
def _fake(x, bits):
    return [compress.fake_quantize_array(x, bits, symmetric=s, channel_axis=a, clip=c) for s, a, c in SCHEMES]


def fake(x, bits):
    """Under every scheme."""
    return dict(zip(SCHEMES, _fake(x, bits), strict=True))


@jax.jit
def _integers(x, bits):
    return [compress.quantize_array(x, bits, symmetric=s, channel_axis=a, clip=c) for s, a, c in MINMAX]


def integers(x, bits):
    return dict(zip(MINMAX, _integers(x, bits), strict=True))


def draws(seed: int, scale: float = 1.0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=(40, 6)) * scale, jnp.float32)


@pytest.mark.parametrize("case", CASES)
def test_as_computed_elsewhere(case):
    sides, span, bits = case.split("_")
    kwargs = {"symmetric": sides == "sym", "channel_axis": 0 if span == "channel" else None}
    ours = compress.fake_quantize_array(X, int(bits), **kwargs)
    limit = 1e-6 * float(X.max() - X.min())
    np.testing.assert_allclose(ours, VECTORS[case], rtol=0, atol=limit)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), bits=st.integers(1, 16), scale=st.sampled_from([1e-6, 1.0, 1e4]))
@example(seed=16402, bits=16, scale=1e-6)
def test_few_values_monotone_idempotent_and_within_half_a_step(seed, bits, scale):
    x = draws(seed, scale)
    for (symmetric, axis, clip), y in fake(x, bits).items():
        columns = np.asarray(y).T if axis == 1 else np.asarray(y).reshape(1, -1)
        given_columns = np.asarray(x).T if axis == 1 else np.asarray(x).reshape(1, -1)
        for before, after in zip(given_columns, columns, strict=True):
            assert len(np.unique(after)) <= 2**bits
            order = np.argsort(before, kind="stable")
            assert (np.diff(after[order]) >= 0).all()
            if clip == "minmax" and bits >= 2:
                low, high = min(before.min(), 0), max(before.max(), 0)
                most = 2 ** (bits - 1) - 1 if symmetric else 2**bits - 1
                step = np.abs(before).max() / most if symmetric else (high - low) / most
                # Asymmetric: the zero point too is rounded, which moves both ends by up to half a step.
                reach = 0.5 if symmetric else 1.0
                assert np.abs(after - before).max() <= step * (reach + 1e-3) + np.abs(before).max() * 1e-6
    again = fake(fake(x, bits)[True, 1, "minmax"], bits)[True, 1, "minmax"]
    np.testing.assert_allclose(again, fake(x, bits)[True, 1, "minmax"], rtol=1e-6, atol=0)
    once = fake(x, bits)[False, None, "minmax"]
    if bits > 1:  # float32 may round the zero point of many levels to the next one: then the step differs by a level
        level = 2.0**-bits if bits > 12 else 0.0
        twice = fake(once, bits)[False, None, "minmax"]
        np.testing.assert_allclose(twice, once, rtol=1e-5 + level, atol=1e-5 * scale)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), bits=st.integers(2, 16))
def test_integers_are_in_range_and_zero_is_a_value(seed, bits):
    for (symmetric, _, _), q in integers(draws(seed), bits).items():
        most = 2 ** (bits - 1) - 1 if symmetric else 2**bits - 1
        values, zero = np.asarray(q.values), np.asarray(q.zero)
        assert values.max() <= most
        assert values.min() >= (-most if symmetric else 0)
        assert (zero == 0).all() if symmetric else ((zero >= 0) & (zero <= most)).all()
    assert (compress.fake_quantize_array(jnp.zeros((3, 3)), bits, symmetric=False) == 0).all()


def test_one_bit_is_the_sign_times_the_mean():
    x = draws(3).at[0, 0].set(0.0)
    y = compress.fake_quantize_array(x, 1, channel_axis=1)
    mean = np.abs(np.asarray(x)).mean(0)
    np.testing.assert_allclose(y, np.where(np.asarray(x) >= 0, mean, -mean), rtol=1e-6)


def test_clipping_costs_less_where_there_are_outliers():
    x = draws(4).at[0].mul(30.0)
    errors = {
        clip: float(jnp.square(compress.fake_quantize_array(x, 4, clip=clip) - x).sum()) for clip in ("minmax", "mse")
    }
    assert errors["mse"] < errors["minmax"]
    wide = jnp.concatenate([jnp.linspace(-1, 1, 4001), jnp.array([100.0])])
    clipped = compress.fake_quantize_array(wide, 8, clip="percentile")
    assert float(clipped.max()) < 2.0
    assert float(jnp.abs(clipped[:-1] - wide[:-1]).max()) < 0.01


def test_masks_stay_zero_and_do_not_count():
    params = {"conv": {"kernel": draws(5).reshape(2, 2, 10, 6)}, "head": {"kernel": draws(6)}}
    masks = compress.masks(params, "l1", 0.7)
    for bits in (1, 4):
        y = compress.fake_quantize(params, bits, masks=masks)
        assert (np.asarray(y["conv"]["kernel"])[~np.asarray(masks["conv"]["kernel"])] == 0).all()
        assert (y["head"]["kernel"] == params["head"]["kernel"]).all()
    kernel, mask = np.asarray(params["conv"]["kernel"]), np.asarray(masks["conv"]["kernel"])
    mean = np.abs(kernel * mask).sum((0, 1, 2)) / mask.sum((0, 1, 2))
    ones = compress.fake_quantize(params, 1, masks=masks)["conv"]["kernel"]
    np.testing.assert_allclose(np.abs(ones).max((0, 1, 2)), mean, rtol=1e-6)


def test_traced_bits_equal_the_plain_ones():
    x = draws(7)
    for bits in (1, 2, 5, 16):
        for (symmetric, axis, clip), y in fake(x, jnp.int32(bits)).items():
            plain = compress.fake_quantize_array(x, bits, symmetric=symmetric, channel_axis=axis, clip=clip)
            np.testing.assert_allclose(y, plain, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", sorted(compress.FORMATS))
def test_formats(name):
    x = draws(8, 1e-3).at[0, 0].set(5.0)
    y = np.asarray(compress.round_to_format(x, name, channel_axis=1))
    relative = np.abs(y - np.asarray(x)).max(0) / np.abs(np.asarray(x)).max(0)
    assert relative.max() < {"float16": 2**-10, "bfloat16": 2**-8, "float8_e4m3": 2**-4, "float8_e5m2": 2**-3}[name]
    np.testing.assert_allclose(compress.round_to_format(jnp.asarray(y), name, channel_axis=1), y, rtol=1e-6)
    assert np.isfinite(compress.round_to_format(jnp.array([1e30, -1e30]), name)).all()


def test_straight_through_has_the_identity_as_gradient():
    params = {"conv": {"kernel": draws(9).reshape(2, 2, 10, 6)}}
    through = compress.straight_through(lambda p: compress.fake_quantize(p, 2))
    rounded = through(params)["conv"]["kernel"]
    np.testing.assert_allclose(rounded, compress.fake_quantize(params, 2)["conv"]["kernel"], atol=1e-6)
    gradient = jax.grad(lambda p: (through(p)["conv"]["kernel"] * 3).sum())(params)
    assert (gradient["conv"]["kernel"] == 3).all()


def test_mistakes():
    params = {"conv": {"kernel": jnp.ones((1, 1, 2, 2))}}
    for bits in (0, 17, 2.5, True):
        with pytest.raises(UserError, match="must be an integer from 1 to 16"):
            compress.fake_quantize(params, bits)
    with pytest.raises(UserError, match="unknown clipping 'max'"):
        compress.fake_quantize(params, 4, clip="max")
    with pytest.raises(UserError, match="matches no parameter"):
        compress.fake_quantize(params, 4, include="dense*")
    with pytest.raises(UserError, match="unknown number format 'float4'"):
        compress.round_to_format(jnp.ones(3), "float4")
