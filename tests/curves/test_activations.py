"""Activations are observed and rounded in every layer that has a kernel."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

from minjax.curves import activations
from minjax.data.augment import preprocess
from tests.curves.conftest import INPUTS


@pytest.mark.slow
def test_activations_of_many_bits_change_little_and_of_one_bit_much(network):
    model, params, model_state, _, calibration = network
    x = preprocess(jnp.asarray(calibration), mean=INPUTS.mean, std=INPUTS.std, dtype="float32")
    variables = {"params": params, **model_state}
    ranges = activations.observe(model.apply, variables, x)
    assert set(ranges) == {"conv1", "conv2", "head"}
    assert all(low <= 0 <= high for low, high in ranges.values())
    plain = model.apply(variables, x, train=False)
    for bits, limit in ((0, 0.0), (16, 1e-3), (8, 0.1)):
        rounded = activations.quantized(model.apply, ranges, jnp.int32(bits))(variables, x, train=False)
        assert float(jnp.abs(rounded - plain).max()) <= limit
    coarse = activations.quantized(model.apply, ranges, jnp.int32(1))(variables, x, train=False)
    assert float(jnp.abs(coarse - plain).max()) > 0.1
