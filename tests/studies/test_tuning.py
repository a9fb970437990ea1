"""Learning rates: which are tried, which is best, when the range is wide enough."""

from __future__ import annotations

import pytest

from minjax.studies.tuning import MOST_STEPS, Tried, best_step, first_steps, next_step, rate


def search(accuracy, count=3):
    """The steps that are tried for an accuracy by step (None: it diverges), and the best."""
    tried = {}
    wanted = list(first_steps(count))
    while wanted:
        for step in wanted:
            value = accuracy(step)
            tried[step] = Tried(0.1 if value is None else value, value is None)
        step = next_step(tried, count)
        wanted = [] if step is None else [step]
    return sorted(tried), best_step(tried)


@pytest.mark.parametrize(
    ("configured", "expected"),
    [(0.1, [0.01, 0.0316, 0.1, 0.316, 1.0]), (0.03, [0.003, 0.00949, 0.03, 0.0949, 0.3])],
)
def test_rates_are_half_a_decade_apart_and_readable(configured, expected):
    assert [rate(configured, step) for step in range(-2, 3)] == expected


def test_the_configured_rate_is_taken_as_it_is():
    assert rate(0.012345, 0) == 0.012345


def test_a_best_rate_inside_ends_it_at_once():
    assert search(lambda step: 0.9 - 0.1 * step**2) == ([-1, 0, 1], 0)


@pytest.mark.parametrize("best", [-3, 2, 3])
def test_the_range_is_extended_to_one_beyond_the_best(best):
    tried, found = search(lambda step: 0.9 - 0.1 * (step - best) ** 2)
    assert found == best
    assert {best - 1, best, best + 1} <= set(tried)
    assert len(tried) == max(abs(best) + 1, 1) + 2


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_extension_is_bounded(sign):
    tried, best = search(lambda step: 0.5 + 0.01 * sign * step)
    assert best == sign * (1 + MOST_STEPS)
    assert len(tried) == 3 + MOST_STEPS


def test_a_rate_that_diverges_ends_the_extension_on_its_side():
    tried, best = search(lambda step: None if step > 1 else 0.8 + 0.05 * step)
    assert (tried, best) == ([-1, 0, 1, 2], 1)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_where_every_rate_diverges_nothing_is_extended(count):
    assert search(lambda step: None, count)[0] == list(first_steps(count))


def test_on_a_plateau_the_configured_rate_stands():
    assert search(lambda step: 0.7) == ([-1, 0, 1], 0)


def test_of_equal_rates_the_nearer_and_then_the_lower_is_best():
    tried = {step: Tried(0.9 if step else 0.5, False) for step in (-2, -1, 0, 1)}
    assert best_step(tried) == -1


@pytest.mark.parametrize("count", [2, 4])
def test_an_even_number_of_rates_has_one_more_below(count):
    steps = list(first_steps(count))
    assert len(steps) == count
    assert abs(steps[0]) == steps[-1] + 1
