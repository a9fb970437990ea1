"""The rectifier against JAX's own, and what an accelerator stores of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax.models.activations import relu


@pytest.mark.parametrize("stored", [True, False])
def test_values_and_gradients_are_those_of_jax(stored):
    x = jnp.array([-2.0, -0.0, 0.0, 1e-30, 3.0])
    ours, theirs = (
        jax.value_and_grad(lambda x, f=f: (f(x) ** 3 + f(x)).sum()) for f in (lambda x: relu(x, stored), jax.nn.relu)
    )
    for got, expected in zip(ours(x), theirs(x), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("platform", "stored", "barriers"), [("cuda", True, 1), ("cuda", False, 0), ("cpu", True, 0)])
def test_a_barrier_makes_an_accelerator_store_the_result(platform, stored, barriers):
    gradient = jax.jit(jax.grad(lambda x: relu(x, stored).sum())).trace(jnp.ones(3))
    text = gradient.lower(lowering_platforms=(platform,)).as_text()
    assert text.count("optimization_barrier") == barriers
