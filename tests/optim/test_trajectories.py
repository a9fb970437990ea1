"""The optimizers step for step against PyTorch's, under MultiStepLR: 60 steps of recorded gradients in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.recorded_vectors import DATA, TRAJECTORIES, recorded, recorded_optimizer, trajectory


@pytest.mark.parametrize("run", TRAJECTORIES)
def test_equals_pytorch_in_float64(run):
    with jax.enable_x64(True):
        params, gradients, expected, milestones = recorded(run, jnp.float64)
        actual = trajectory(recorded_optimizer(run, milestones), params, gradients)
        for leaf in "ab":
            assert actual[leaf].dtype == np.float64
            np.testing.assert_allclose(actual[leaf], expected[leaf], rtol=1e-10, atol=0)


@pytest.mark.parametrize("run", ["sgdm", "adam", "amsbound"])
def test_float32_stays_close(run):
    params, gradients, expected, milestones = recorded(run, jnp.float32)
    actual = trajectory(recorded_optimizer(run, milestones), params, gradients)
    for leaf in "ab":
        assert actual[leaf].dtype == np.float32
        np.testing.assert_allclose(actual[leaf], expected[leaf], rtol=2e-5, atol=2e-6)


def test_the_runs_can_be_told_apart():
    """AdaBound and AMSBound, and gamma, do differ in these vectors: equality above is no accident."""
    with np.load(DATA / "optimizers.npz") as vectors:
        for one, other in (("adabound", "amsbound"), ("adabound", "adabound_gamma1e-1"), ("adam", "adabound")):
            distance = np.abs(vectors[f"{one}_a"] - vectors[f"{other}_a"]) / np.abs(vectors[f"{one}_a"])
            assert distance.max() > 1e-7
