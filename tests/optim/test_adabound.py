"""Properties of AdaBound: its band, its two limits, its scaling by the learning rate."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minjax import optim
from minjax.errors import UserError
from minjax.optim.adabound import bounds, scale_by_adabound

quick = settings(max_examples=25, deadline=None, derandomize=True)
rates = st.floats(1e-4, 10.0)
gammas = st.floats(1e-5, 10.0)
# Steps x parameters; nothing so small that its square is no normal float32
sizes = st.floats(2**-20, 100, width=32)
gradients = arrays(np.float32, (5, 4), elements=st.one_of(sizes, sizes.map(lambda size: -size)))


def unroll(optimizer: optax.GradientTransformation, grads):
    """(updates, state) after each of the gradients, stacked."""

    def step(state, gradient):
        updates, state = optimizer.update(gradient, state)
        return state, (updates, state)

    return jax.lax.scan(step, optimizer.init(jnp.zeros_like(grads[0])), grads)[1]


@partial(jax.jit, static_argnames="amsbound")  # compiled once for all examples
def walk(grads, final_scale, gamma, eps=1e-8, amsbound=False):
    return unroll(scale_by_adabound(final_scale, gamma, eps=eps, amsbound=amsbound), jnp.asarray(grads))


band = jax.jit(bounds)
adam_walk = jax.jit(lambda grads: unroll(optax.scale_by_adam(eps=1e-20), grads)[0])


@jax.jit
def rated_walk(grads, rate, gamma):
    """With the learning rate `rate` in a schedule, relative to a base rate of 1e-3."""
    return unroll(optim.build("adabound", lambda _: rate, final_lr=0.1, gamma=gamma, base_lr=1e-3), grads)[0]


@quick
@given(final=rates, gamma=gammas)
def test_band_holds_its_limit_and_closes(final, gamma):
    lower, upper = band(np.array([1, 2, 10, 1000, 2**30]), final, gamma)
    assert (lower <= np.float32(final)).all()
    assert (upper >= np.float32(final)).all()
    assert (jnp.diff(lower) >= 0).all()
    assert (jnp.diff(upper) <= 0).all()
    np.testing.assert_allclose([lower[-1], upper[-1]], final, rtol=2e-4)


@pytest.mark.parametrize("step", [1, 2, 1000])
def test_band_is_luo_s(step):
    with jax.enable_x64(True):
        lower, upper = bounds(jnp.asarray(step), 0.1, 1e-3)
        np.testing.assert_allclose(lower, 0.1 * (1 - 1 / (1e-3 * step + 1)), rtol=1e-12)
        np.testing.assert_allclose(upper, 0.1 * (1 + 1 / (1e-3 * step)), rtol=1e-12)


@quick
@given(grads=gradients, final=rates, gamma=gammas, amsbound=st.booleans())
def test_step_sizes_stay_in_the_band(grads, final, gamma, amsbound):
    updates, state = walk(grads, final, gamma, amsbound=amsbound)
    lower, upper = (np.asarray(bound)[:, None] for bound in band(state.count, final, gamma))
    updates, mu = np.abs(updates), np.abs(state.mu)
    assert (updates >= lower * mu * (1 - 1e-5)).all()
    assert (updates <= upper * mu * (1 + 1e-5)).all()


@quick
@given(grads=gradients, final=rates)
def test_a_large_gamma_is_sgd_with_the_final_rate(grads, final):
    updates, state = walk(grads, final, 1e12)
    np.testing.assert_allclose(updates, np.float32(final) * np.asarray(state.mu), rtol=1e-5)


@quick
@given(grads=gradients)
def test_gamma_zero_is_adam(grads):
    """Up to eps, which AdaBound adds before it corrects the second moment's bias and Adam after: here it is nothing."""
    np.testing.assert_allclose(walk(grads, 1.0, 0.0, eps=1e-20)[0], adam_walk(grads), rtol=1e-4)


@quick
@given(grads=gradients)
def test_amsbound_keeps_the_largest_second_moment(grads):
    _, state = walk(grads, 1.0, 1e-3, amsbound=True)
    np.testing.assert_array_equal(state.nu_max, np.maximum.accumulate(np.asarray(state.nu)))


def test_amsbound_differs_once_gradients_shrink():
    grads = np.array([[100.0], [1e-3], [1e-3]], np.float32)
    plain, ams = walk(grads, 1e-6, 1e-6)[0], walk(grads, 1e-6, 1e-6, amsbound=True)[0]
    assert abs(ams[-1]) < abs(plain[-1])


@quick
@given(grads=gradients, factor=st.floats(0.01, 100), gamma=gammas)
def test_the_schedule_scales_the_bounds(grads, factor, gamma):
    """Against the base rate, a rate `factor` times as large gives steps `factor` times as large, clipped or not."""
    scaled = rated_walk(grads, 1e-3 * factor, gamma)
    np.testing.assert_allclose(scaled, factor * np.asarray(rated_walk(grads, 1e-3, gamma)), rtol=1e-5)


def first_update(rate, **hyper):
    optimizer = optim.build("adabound", rate, **hyper)
    return float(optimizer.update(jnp.ones(1), optimizer.init(jnp.ones(1)))[0][0])


def test_base_lr_of_a_number_and_of_a_schedule():
    assert first_update(1e-3) == pytest.approx(first_update(1e-3, base_lr=1e-3))
    assert first_update(lambda step: 1e-3 / (step + 1)) == pytest.approx(first_update(1e-3), rel=1e-5)
    assert first_update(1e-3, base_lr=None) == first_update(1e-3)


def test_base_lr_of_a_warm_up_is_the_rate_it_warms_up_to():
    """Were it schedule(0), a warm-up of 100 steps would make final_lr a hundred times too large."""
    schedule = optim.schedules.build("cosine", 1e-3, total_steps=1000, warmup_steps=100)
    assert first_update(schedule, gamma=1e9) == pytest.approx(first_update(1e-3, gamma=1e9) / 100, rel=1e-5)


def test_a_schedule_from_zero_needs_base_lr():
    rising = optax.linear_schedule(0.0, 1e-3, 10)
    with pytest.raises(UserError, match="give base_lr"):
        optim.build("adabound", rising)
    with pytest.raises(UserError, match="give base_lr"):
        optim.build("amsbound", 0.0)
    with pytest.raises(UserError, match="give base_lr"):
        optim.build("adabound", optim.schedules.build("constant", 0.0, total_steps=3))
    assert first_update(rising, base_lr=1e-3) == 0
