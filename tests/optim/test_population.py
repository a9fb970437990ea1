"""One compiled program over many values of a hyperparameter: equal to as many separate runs, compiled once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import optim

STEPS = 4
CASES = {
    **{(name, "learning_rate"): (1e-3, 0.1) for name in optim.NAMES},
    **{(name, "scheduled"): (1e-3, 0.1) for name in optim.NAMES},
    **{(name, "weight_decay"): (0.0, 0.5) for name in optim.NAMES},
    **{(name, "final_lr"): (0.01, 2.0) for name in ("adabound", "amsbound")},
    **{(name, "gamma"): (1e-4, 5.0) for name in ("adabound", "amsbound")},
    ("adabound", "base_lr"): (1e-6, 1e-4),
    ("adabound", "b2"): (0.5, 0.999),
    ("adam", "b1"): (0.0, 0.9),
    ("sgdm", "momentum"): (0.0, 0.9),
}


def train(name: str, key: str, value):
    """The parameters after some steps down a quadratic, with one hyperparameter set to `value`."""
    hyper = {"learning_rate": 1e-2, "weight_decay": 1e-2}
    if key == "scheduled":
        hyper["learning_rate"] = optim.schedules.build("cosine", value, total_steps=STEPS, warmup_steps=2)
    else:
        hyper[key] = value
    optimizer = optim.build(name, **hyper)
    params = jnp.linspace(-1.0, 2.0, 5)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(2 * params + 0.1, state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, optimizer.init(params)), length=STEPS)[0][0]


@pytest.mark.parametrize(("name", "key"), CASES)
def test_vmapped_equals_separate_runs(name, key):
    with jax.enable_x64(True):
        traces = []

        @jax.jit
        @jax.vmap
        def population(value):
            traces.append(value)
            return train(name, key, value)

        values = CASES[name, key]
        together = population(jnp.asarray(values))
        for member, value in enumerate(values):
            np.testing.assert_allclose(together[member], train(name, key, value), rtol=1e-12)
        assert jnp.ptp(together, axis=0).max() > 1e-7  # it matters: nothing was left at a default

        population(jnp.asarray(values) * 0.5)
        assert len(traces) == 1
