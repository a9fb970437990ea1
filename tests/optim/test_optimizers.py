"""What every optimizer must do, and what each must be equal to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import optim

PARAMS = {"kernel": np.linspace(-1.0, 2.0, 6).reshape(2, 3), "bias": np.array([0.5, -0.25, 3.0])}


def run(optimizer: optax.GradientTransformation, steps: int = 8, dtype=jnp.float32):
    """Parameters after some steps down a quadratic whose curvature differs between the leaves."""

    def step(_, carry):
        params, state = carry
        gradients = {"kernel": params["kernel"] * 2, "bias": params["bias"] * 0.3}
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), PARAMS)
    return jax.jit(lambda: jax.lax.fori_loop(0, steps, step, (params, optimizer.init(params)))[0])()


def assert_close(one, other, rtol=1e-12):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol), one, other)


def loss(params) -> jax.Array:
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("name", optim.NAMES)
def test_descends_a_quadratic(name, decoupled):
    hyper = {**optim.DEFAULTS[name], "decoupled": decoupled}
    optimizer = optim.build(name, hyper.pop("learning_rate"), **hyper)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), PARAMS)
    start = loss(params)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), length=400)
    assert loss(params) < 0.7 * start


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgdm_is_pytorch_s(nesterov, decoupled):
    rate, decay, momentum = 0.1, 1e-2, 0.8
    param, velocity = PARAMS["bias"].copy(), None
    for _ in range(8):
        gradient = param * 0.3 + (0 if decoupled else decay * param)
        velocity = gradient if velocity is None else momentum * velocity + gradient
        direction = gradient + momentum * velocity if nesterov else velocity
        param = param - rate * (direction + (decay * param if decoupled else 0))
    with jax.enable_x64(True):
        optimizer = optim.build("sgdm", rate, decay, momentum=momentum, nesterov=nesterov, decoupled=decoupled)
        np.testing.assert_allclose(run(optimizer, dtype=jnp.float64)["bias"], param, rtol=1e-12)


def test_adam_couples_decay_as_optax_chained():
    with jax.enable_x64(True):
        ours = optim.build("adam", 1e-2, 0.1, b1=0.8, b2=0.95, eps=1e-3)
        theirs = optax.chain(optax.add_decayed_weights(0.1), optax.adam(1e-2, 0.8, 0.95, 1e-3))
        assert_close(run(ours, dtype=jnp.float64), run(theirs, dtype=jnp.float64))


def test_adam_decoupled_is_adamw():
    schedule = optim.schedules.build("cosine", 1e-2, total_steps=10)
    with jax.enable_x64(True):
        ours = optim.build("adam", schedule, 0.1, decoupled=True)
        assert_close(run(ours, dtype=jnp.float64), run(optax.adamw(schedule, weight_decay=0.1), dtype=jnp.float64))


@pytest.mark.parametrize("name", ["adabound", "amsbound"])
def test_adabound_decoupled_leaves_the_moments_alone(name):
    """With decoupled decay one step is the undecayed step and, apart from it, lr * decay * params less."""
    with jax.enable_x64(True):
        plain = run(optim.build(name, 1e-2), steps=1, dtype=jnp.float64)
        decayed = run(optim.build(name, 1e-2, 0.5, decoupled=True), steps=1, dtype=jnp.float64)
        assert_close(decayed, jax.tree.map(lambda after, before: after - 1e-2 * 0.5 * before, plain, PARAMS))


@pytest.mark.parametrize("name", optim.NAMES)
def test_a_constant_schedule_is_a_number(name):
    with jax.enable_x64(True):
        schedule = optim.schedules.build("constant", 3e-3, total_steps=8)
        number, scheduled, traced = (
            run(optim.build(name, rate, 1e-2), dtype=jnp.float64) for rate in (3e-3, schedule, jnp.float64(3e-3))
        )
        assert_close(number, scheduled)
        assert_close(number, traced)


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("name", optim.NAMES)
def test_nothing_recompiles_over_steps(name, scheduled):
    rate = optim.schedules.build("multistep", 1e-3, total_steps=9, milestones=(2, 4), warmup_steps=2)
    optimizer = optim.build(name, rate if scheduled else 1e-3, 1e-3)
    traces = []

    @jax.jit
    def step(params, state):
        traces.append(name)
        updates, state = optimizer.update(params, state, params)
        return optax.apply_updates(params, updates), state

    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), PARAMS)
    state = optimizer.init(params)
    for _ in range(6):
        params, state = step(params, state)
    assert len(traces) == 1
    assert step._cache_size() == 1


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("name", optim.NAMES)
def test_state_keeps_the_type_of_the_parameters(name, dtype, x64):
    """Also with a decay and a rate that are float32 or float64 arrays: a scan's carry may not change its type."""
    with jax.enable_x64(x64):
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), PARAMS)
        small = jnp.asarray(1e-3, float)  # with a type of its own, unlike a Python number
        optimizer = optim.build(name, optim.schedules.build("cosine", small, total_steps=9), weight_decay=small)
        before = jax.eval_shape(optimizer.init, params)
        updates, after = jax.eval_shape(optimizer.update, params, before, params)
        assert after == before
        moments = [leaf for leaf in jax.tree.leaves(after) if leaf.ndim]
        assert {leaf.dtype for leaf in moments} == {jnp.dtype(dtype)}
        assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype(dtype)}


@pytest.mark.parametrize("name", optim.NAMES)
def test_state_is_arrays_only(name):
    state = optim.build(name, optim.schedules.build("constant", 1e-3, total_steps=1), 1e-3).init(jnp.ones(3))
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("name", optim.NAMES)
def test_leaves_that_are_none_or_masked(name):
    optimizer = optim.build(name, 1e-3, 1e-2)
    params = {"trained": jnp.ones(3), "none": None, "masked": optax.MaskedNode()}
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert updates["none"] is None
    assert isinstance(updates["masked"], optax.MaskedNode)
    assert (updates["trained"] < 0).all()

    masked = optax.masked(optimizer, {"trained": True, "frozen": False})
    params = {"trained": jnp.ones(3), "frozen": jnp.ones(2)}
    updates, _ = masked.update(params, masked.init(params), params)
    np.testing.assert_array_equal(updates["frozen"], params["frozen"])
    assert (updates["trained"] < 0).all()


def test_decay_without_parameters_says_so():
    optimizer = optim.build("sgdm", 0.1, 1e-3)
    with pytest.raises(ValueError, match="needs the parameters"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
