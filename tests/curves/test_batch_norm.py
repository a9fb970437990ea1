"""Re-estimated statistics are the means of the batches' own."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from minjax.curves.batch_norm import reestimate
from tests.curves.conftest import INPUTS


def test_statistics_are_those_of_the_batches(network):
    model, params, model_state, _, calibration = network
    state = reestimate(model.apply, params, model_state, jnp.asarray(calibration), INPUTS, 50)
    x = (calibration / 255 - np.array(INPUTS.mean)) / np.array(INPUTS.std)
    y = jax.lax.conv_general_dilated(
        jnp.asarray(x, jnp.float32), params["conv1"]["kernel"], (1, 1), "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    halves = np.asarray(y).reshape(2, -1, 6)
    found = state["batch_stats"]["norm1"]
    np.testing.assert_allclose(found["mean"], halves.mean(1).mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["var"], halves.var(1, ddof=1).mean(0), rtol=1e-4)
    assert reestimate(model.apply, params, {}, jnp.asarray(calibration), INPUTS, 50) == {}
