"""The optimizers step for step against PyTorch's, under MultiStepLR: 60 steps of recorded gradients in float64."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import optim

VECTORS = Path(__file__).parents[1] / "data" / "optimizers.npz"
RUNS = {
    "sgdm": ("sgdm", {}),
    "adam": ("adam", {}),
    "adabound": ("adabound", {}),
    "amsbound": ("amsbound", {}),
    "adabound_gamma1e-1": ("adabound", {"gamma": 0.1, "weight_decay": 0.0}),
}


def trajectory(optimizer: optax.GradientTransformation, params, gradients):
    """The parameters after each of the gradients, stacked."""

    def step(carry, gradient):
        params, state = carry
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    return jax.jit(lambda: jax.lax.scan(step, (params, optimizer.init(params)), gradients)[1])()


def recorded(run: str, dtype):
    with np.load(VECTORS) as vectors:
        params, gradients, expected = (
            {leaf: jnp.asarray(vectors[f"{part}_{leaf}"], dtype) for leaf in "ab"} for part in ("init", "grads", run)
        )
        return params, gradients, expected, [int(step) for step in vectors["milestones"]]


def build(run: str, milestones: list[int]) -> optax.GradientTransformation:
    name, changes = RUNS[run]
    hyper = {**optim.DEFAULTS[name], **changes}
    rate = hyper.pop("learning_rate")
    return optim.build(name, optim.schedules.build("multistep", rate, total_steps=60, milestones=milestones), **hyper)


@pytest.mark.parametrize("run", RUNS)
def test_equals_pytorch_in_float64(run):
    with jax.enable_x64(True):
        params, gradients, expected, milestones = recorded(run, jnp.float64)
        actual = trajectory(build(run, milestones), params, gradients)
        for leaf in "ab":
            assert actual[leaf].dtype == np.float64
            np.testing.assert_allclose(actual[leaf], expected[leaf], rtol=1e-10, atol=0)


@pytest.mark.parametrize("run", ["sgdm", "adam", "amsbound"])
def test_float32_stays_close(run):
    params, gradients, expected, milestones = recorded(run, jnp.float32)
    actual = trajectory(build(run, milestones), params, gradients)
    for leaf in "ab":
        assert actual[leaf].dtype == np.float32
        np.testing.assert_allclose(actual[leaf], expected[leaf], rtol=2e-5, atol=2e-6)


def test_the_runs_can_be_told_apart():
    """AdaBound and AMSBound, and gamma, do differ in these vectors: equality above is no accident."""
    with np.load(VECTORS) as vectors:
        for one, other in (("adabound", "amsbound"), ("adabound", "adabound_gamma1e-1"), ("adam", "adabound")):
            distance = np.abs(vectors[f"{one}_a"] - vectors[f"{other}_a"]) / np.abs(vectors[f"{one}_a"])
            assert distance.max() > 1e-7
