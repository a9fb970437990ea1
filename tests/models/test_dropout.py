"""Dropout: masks by position, their rate and independence, on devices and in evaluation."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from minjax.models.dropout import Dropout, keep_mask


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
