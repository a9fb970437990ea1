"""Augmentation: what it does to each image, and that it depends on nothing but the key and the position."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.data.augment import KINDS, augment, draws, preprocess


def pictures(count: int, height: int = 6, width: int = 5, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Random images without a black pixel, so that padding shows."""
    return np.random.RandomState(seed).randint(1, 256, (count, height, width, channels)).astype(np.uint8)


@functools.partial(jax.jit, static_argnames=("kind", "crop_padding"))
def augmented(key, positions, images, kind, crop_padding):
    return augment(key, positions, images, kind=kind, crop_padding=crop_padding)


def reference(images, offsets, flips, kind, padding):
    """The same in NumPy, image by image, as torchvision does it: pad, cut, mirror."""
    out = []
    for image, (row, column), flip in zip(images, np.asarray(offsets), np.asarray(flips), strict=True):
        if "crop" in kind:
            padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
            image = padded[row : row + image.shape[0], column : column + image.shape[1]]
        if "flip" in kind and flip:
            image = image[:, ::-1]
        out.append(image)
    return np.stack(out)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("shape", [(6, 5, 3), (4, 7, 1)])
def test_equals_numpy(kind, padding, shape):
    images = pictures(40, *shape)
    key, positions = jax.random.key(1), jnp.arange(40)
    got = augmented(key, positions, images, kind, padding)
    assert got.dtype == jnp.uint8
    np.testing.assert_array_equal(got, reference(images, *draws(key, positions, padding), kind, padding))


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(12)), st.integers(0, 5), st.integers(0, 2**31 - 1))
def test_depends_on_key_and_position_alone(order, start, seed):
    images, key = pictures(12), jax.random.key(seed)
    positions = jnp.arange(12) + 1000
    whole = np.asarray(augmented(key, positions, images, "crop_flip", 2))
    shuffled = augmented(key, positions[np.array(order)], images[order], "crop_flip", 2)
    np.testing.assert_array_equal(shuffled, whole[order])
    part = augmented(key, positions[start : start + 4], images[start : start + 4], "crop_flip", 2)
    np.testing.assert_array_equal(part, whole[start : start + 4])


def test_keys_and_positions_matter():
    first, _ = draws(jax.random.key(0), jnp.arange(64), 4)
    assert not np.array_equal(first, draws(jax.random.key(1), jnp.arange(64), 4)[0])
    assert not np.array_equal(first, draws(jax.random.key(0), jnp.arange(64) + 64, 4)[0])


def test_offsets_are_uniform_and_flips_even():
    count, side = 20_000, 2 * 2 + 1
    offsets, flips = draws(jax.random.key(0), jnp.arange(count), 2)
    places = np.bincount(np.asarray(offsets) @ np.array([side, 1]), minlength=side**2)
    assert len(places) == side**2
    expected = count / side**2
    assert ((places - expected) ** 2 / expected).sum() < 60  # chi squared, 24 degrees: 1 in 10^4 above 58
    assert abs(np.asarray(flips).mean() - 0.5) < 0.015
    joint = np.corrcoef(np.stack([*np.asarray(offsets).T, np.asarray(flips)]))
    assert np.abs(joint - np.eye(3)).max() < 0.03  # row, column and flip know nothing of one another


def test_same_draws_in_float64_mode():
    plain = draws(jax.random.key(0), jnp.arange(16), 4)
    with jax.enable_x64(True):
        wide = draws(jax.random.key(0), jnp.arange(16), 4)
    for one, other in zip(plain, wide, strict=True):
        np.testing.assert_array_equal(one, other)


def test_inside_scan_equals_step_by_step():
    images, keys = pictures(8), jax.random.split(jax.random.key(0), 3)

    def step(carry, key):
        return carry, augment(key, jnp.arange(8), jnp.asarray(images), kind="crop_flip", crop_padding=4)

    _, scanned = jax.jit(lambda: jax.lax.scan(step, 0, keys))()
    for key, got in zip(keys, scanned, strict=True):
        np.testing.assert_array_equal(got, augmented(key, jnp.arange(8), images, "crop_flip", 4))


def test_unknown_kind():
    with pytest.raises(ValueError, match="not 'rotate'"):
        augment(jax.random.key(0), jnp.arange(2), jnp.asarray(pictures(2)), kind="rotate", crop_padding=2)


@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 1e-6), (jnp.bfloat16, 2e-2)])
def test_preprocess(dtype, tolerance):
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 8, 2)
    mean, std = (0.25, 0.5), (0.2, 0.3)
    got = preprocess(jnp.asarray(images), mean=mean, std=std, dtype=dtype)
    assert got.dtype == dtype
    np.testing.assert_allclose(np.float32(got), (images / 255 - mean) / np.array(std), atol=tolerance, rtol=tolerance)


def test_preprocess_in_float64():
    images = pictures(2)
    with jax.enable_x64(True):
        got = preprocess(jnp.asarray(images), mean=(0.1, 0.2, 0.3), std=(0.3, 0.2, 0.1), dtype=jnp.float64)
        assert got.dtype == jnp.float64
        np.testing.assert_allclose(got, (images / 255 - [0.1, 0.2, 0.3]) / [0.3, 0.2, 0.1], rtol=1e-12, atol=1e-13)
