"""Phases of synthetic curves whose ends are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minjax.findings.phases import pareto, phases

AMOUNTS = np.linspace(0, 1, 21)


def test_plateau_decline_collapse():
    accuracies = [0.9] * 12 + [0.85, 0.6, 0.3] + [0.1] * 6
    found = phases(AMOUNTS, accuracies, 0.1)
    assert found.plateau_end == pytest.approx(0.55)
    assert found.collapse_start == pytest.approx(0.75)
    assert found.knee == pytest.approx(0.55)


def test_the_plateau_ends_at_the_first_fall_and_collapse_is_for_good():
    accuracies = [0.9, 0.9, 0.5, 0.9] + [0.12, 0.5] + [0.1] * 15
    found = phases(AMOUNTS, accuracies, 0.1)
    assert found.plateau_end == pytest.approx(0.05)
    assert found.collapse_start == pytest.approx(0.30)


def test_bits_fall():
    found = phases([16, 8, 4, 3, 2, 1], [0.9, 0.9, 0.895, 0.7, 0.12, 0.1], 0.1)
    assert (found.plateau_end, found.collapse_start) == (4, 2)
    assert found.knee == 4


def test_a_curve_that_does_not_fall_and_one_that_falls_at_once():
    flat = phases(AMOUNTS, [0.9] * 21, 0.1)
    assert (flat.plateau_end, flat.knee, flat.collapse_start) == (1.0, None, None)
    convex = phases(AMOUNTS, 0.1 + 0.8 * (1 - AMOUNTS) ** 4, 0.1)
    assert (convex.plateau_end, convex.knee) == (0.0, None)
    guessing = phases(AMOUNTS, [0.1] * 21, 0.1)
    assert guessing.collapse_start == 0.0


def test_exactly_the_tolerance_is_on_the_plateau_and_exactly_the_margin_is_collapsed():
    for right in range(11, 1001):  # of 1,000 images; in floating point some differences of 10 images are above 0.01
        found = phases([0, 0.5, 1], [right / 1000, (right - 10) / 1000, 0.0], 0.0)
        assert found.plateau_end == 0.5, right
    for classes in range(2, 101):
        chance = 1 / classes
        assert phases([0, 1], [1.0, (1000 * chance + 50) / 1000], chance).collapse_start == 1.0, classes


def test_not_a_curve():
    with pytest.raises(ValueError, match="0 amounts"):
        phases([], [], 0.1)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), min_size=1, max_size=30))
def test_the_front_is_what_nothing_beats(pairs):
    front = {pairs[i] for i in pareto([size for size, _ in pairs], [accuracy / 30 for _, accuracy in pairs])}
    for size, accuracy in pairs:
        beaten = any(s <= size and a >= accuracy and (s, a) != (size, accuracy) for s, a in pairs)
        assert ((size, accuracy) in front) == (not beaten)
