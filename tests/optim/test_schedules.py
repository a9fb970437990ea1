"""Learning rates over steps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax.errors import UserError
from minjax.optim import schedules


def rates(schedule, steps) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(schedule))(np.array(steps)))


# How to update: print `rates` of the three schedules below. A change here changes every run's result.
GOLDEN = {
    "constant": [0.0333333, 0.0666667, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
    "multistep": [0.0333333, 0.0666667, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001],
    "cosine": [0.0333333, 0.0666667, 0.1, 0.1, 0.0950484, 0.0811745, 0.0611261, 0.0388740, 0.0188255, 0.00495156],
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden(kind):
    schedule = schedules.build(kind, 0.1, total_steps=10, warmup_steps=3, milestones=(5, 8))
    np.testing.assert_allclose(rates(schedule, range(10)), GOLDEN[kind], rtol=1e-5)


@pytest.mark.parametrize("kind", GOLDEN)
@pytest.mark.parametrize("warmup_steps", [1, 7])
def test_warm_up_is_a_line_that_starts_above_zero(kind, warmup_steps):
    schedule = schedules.build(kind, 0.2, total_steps=20, warmup_steps=warmup_steps, milestones=(15,))
    line = 0.2 * np.arange(1, warmup_steps + 1) / warmup_steps
    np.testing.assert_allclose(rates(schedule, range(warmup_steps)), line, rtol=1e-6)
    assert float(schedule(warmup_steps)) == pytest.approx(0.2)


def test_cosine_ends_at_zero_and_stays():
    schedule = schedules.build("cosine", 0.1, total_steps=10)
    assert float(schedule(0)) == pytest.approx(0.1)
    assert float(schedule(5)) == pytest.approx(0.05)
    assert float(schedule(9)) > 0
    assert rates(schedule, (10, 11, 1000)).tolist() == [0, 0, 0]


def test_a_run_shorter_than_its_warm_up_ends_in_it():
    schedule = schedules.build("cosine", 1.0, total_steps=3, warmup_steps=10)
    np.testing.assert_allclose(rates(schedule, range(3)), [0.1, 0.2, 0.3], rtol=1e-6)


def test_no_milestones_is_constant():
    assert rates(schedules.build("multistep", 0.5, total_steps=9), range(9)).tolist() == [0.5] * 9


def test_decay_factor():
    schedule = schedules.build("multistep", 1.0, total_steps=9, milestones=(1, 2), decay_factor=0.5)
    assert rates(schedule, range(4)).tolist() == [1, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("kind", GOLDEN)
def test_double_precision(kind):
    with jax.enable_x64(True):
        schedule = schedules.build(kind, 0.1, total_steps=7, warmup_steps=3, milestones=(5,))
        rate = schedule(jnp.int32(1))
        assert rate.dtype == np.float64
        np.testing.assert_allclose(rate, 0.1 * 2 / 3, rtol=1e-15)
    assert schedule(jnp.int32(1)).dtype == np.float32


@pytest.mark.parametrize("kind", GOLDEN)
def test_late_steps_are_exact_in_float32(kind):
    """Sixteen million steps: 2,600 epochs of CIFAR-10 at batch 8."""
    schedule = schedules.build(kind, 1.0, total_steps=2**24, milestones=(2**24 - 1,))
    at_end, before = schedule(2**24 - 1), schedule(2**24 - 2)
    assert at_end <= before
    assert float(at_end / before) == pytest.approx({"constant": 1, "multistep": 0.1, "cosine": 0.25}[kind], rel=1e-5)


@pytest.mark.parametrize("kind", GOLDEN)
def test_the_rate_may_be_traced(kind):
    def rate(learning_rate, step):
        return schedules.build(kind, learning_rate, total_steps=10, warmup_steps=2, milestones=(4,))(step)

    batched = jax.jit(jax.vmap(rate, (0, None)))(jnp.array([0.1, 1.0]), 6)
    np.testing.assert_allclose(batched, [rate(0.1, 6), rate(1.0, 6)], rtol=1e-6)


def test_unknown_kind():
    with pytest.raises(
        UserError, match=r"unknown schedule 'cosin' \(did you mean 'cosine'\?\); known: constant, cosine"
    ):
        schedules.build("cosin", 0.1, total_steps=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": -1.0}, "learning_rate is -1.0; it must be at least 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it must be a number"),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1'; it must be a number"),
        ({"decay_factor": 0.0}, "decay_factor is 0.0; it must be greater than 0"),
        ({"total_steps": 0}, "total_steps is 0; it must be at least 1"),
        ({"total_steps": 2**31}, "total_steps is 2147483648; it must be at most 2,147,483,647"),
        ({"warmup_steps": 10**300}, "warmup_steps is 1000.*; it must be at most 2,147,483,647"),
        ({"total_steps": 2.5}, "total_steps is 2.5; it must be an integer"),
        ({"warmup_steps": -1}, "warmup_steps is -1; it must be at least 0"),
        ({"milestones": (1, 2.5)}, "milestones has 2.5; each must be an integer"),
    ],
)
def test_bad_numbers(change, message):
    arguments = {"learning_rate": 0.1, "total_steps": 10, **change}
    with pytest.raises(UserError, match=message):
        schedules.build("multistep", **arguments)
