"""2x2 max pooling against a window maximum, and PyTorch's rule for ties."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from minjax.errors import UserError
from minjax.models.pooling import max_pool2x2


def plain(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (3, 7, 5, 2), (1, 2, 3, 4)])
def test_value_and_gradient(shape):
    x = jax.random.normal(jax.random.key(0), shape)
    ours, pull = jax.vjp(max_pool2x2, x)
    theirs, pull_plain = jax.vjp(plain, x)
    np.testing.assert_array_equal(ours, theirs)
    g = jax.random.normal(jax.random.key(1), ours.shape)
    np.testing.assert_array_equal(pull(g)[0], pull_plain(g)[0])


def test_of_equal_values_the_first_takes_the_gradient():
    for values, first in ([[1, 1], [1, 1]], 0), ([[0, 1], [1, 1]], 1), ([[0, 0], [1, 1]], 2), ([[0, 0], [0, 1]], 3):
        x = jnp.asarray(values, jnp.float32).reshape(1, 2, 2, 1)
        gradient = jax.grad(lambda x: max_pool2x2(x).sum())(x).ravel()
        np.testing.assert_array_equal(gradient, np.eye(4)[first])


def test_bfloat16_and_vmap():
    x = jax.random.normal(jax.random.key(0), (2, 3, 4, 4, 2), jnp.bfloat16)
    assert max_pool2x2(x[0]).dtype == jnp.bfloat16
    population = jax.vmap(jax.grad(lambda x: max_pool2x2(x).sum()))(x)
    np.testing.assert_array_equal(population[1], jax.grad(lambda x: max_pool2x2(x).sum())(x[1]))


def test_too_small_an_image_is_named():
    with pytest.raises(UserError, match="1x4 pixels is too small"):
        max_pool2x2(jnp.zeros((1, 1, 4, 1)))
