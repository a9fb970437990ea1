"""Intervals hold what they should as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from minjax.findings.intervals import (
    balanced_loss,
    bootstrap_mean,
    difference,
    paired_loss,
    share,
    share_difference,
    slope,
    student_mean,
    student_next,
)


def test_the_mean_of_five_is_held_as_often_as_said():
    rng = np.random.default_rng(0)
    held = {bootstrap_mean: 0, student_mean: 0}
    for _ in range(300):
        values = rng.standard_normal(5)
        for interval in held:
            found = interval(values)
            held[interval] += found.low <= 0 <= found.high
    assert held[student_mean] / 300 > 0.92
    assert held[bootstrap_mean] / 300 > 0.87  # a plain percentile bootstrap: 0.82


def test_equal_values_have_no_width():
    assert bootstrap_mean(np.array([0.5, 0.5])) == (0.5, 0.5, 0.5)


def test_difference_is_welch_s():
    one, other = np.array([32.1, 33.0, 31.2, 32.9, 31.8]), np.array([32.5, 30.1, 34.0])
    found = difference(one, other)
    known = stats.ttest_ind(one, other, equal_var=False)
    assert found.value == pytest.approx(one.mean() - other.mean())
    assert found.interval == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert difference([2.0, 2.0], [1.0, 1.0]) == (1.0, 1.0, 1.0)


def test_share_is_clopper_and_pearson():
    for hits, n in ((0, 7), (3, 7), (7, 7)):
        exact = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
        assert share(hits, n) == pytest.approx((hits / n, exact.low, exact.high))


def test_slope_is_that_of_scipy():
    x, y = np.arange(7.0), np.random.default_rng(1).standard_normal(7)
    known = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 5) * known.stderr
    assert slope(x, y) == pytest.approx((known.slope, known.slope - half, known.slope + half))
    assert slope(x[:2], y[:2]) is None
    assert slope(np.ones(5), y[:5]) is None


def test_what_a_network_loses_on_the_same_images():
    nothing = paired_loss(0, 0, 100)
    assert nothing.value == 0
    assert nothing.high == -nothing.low == pytest.approx(1.959964 / 102)  # half an image in each of four cells
    assert paired_loss(30, 20, 1000).value == 0.01
    assert paired_loss(5, 2, 200).low == -paired_loss(2, 5, 200).high
    draw = np.random.default_rng(0)
    for n, lost, gained in ((300, 0.02, 0.01), (1000, 0.03, 0.03), (5000, 0.01, 0.002)):
        drawn = draw.multinomial(n, [lost, gained, 1 - lost - gained], size=2000)
        found = [paired_loss(int(a), int(b), n) for a, b, _ in drawn]
        assert np.mean([one.low <= lost - gained <= one.high for one in found]) >= 0.94


def test_the_loss_of_balanced_accuracy_counts_every_class_alike():
    one, error = balanced_loss(np.array([10, 0]), np.array([0, 0]), np.array([100, 1000]))
    assert one.value == pytest.approx(0.05)  # a tenth of one class of two; of all images it is less than a hundredth
    assert error == pytest.approx(np.sqrt(0.1 * 0.9 / 100) / 2)
    alike, plain = balanced_loss(np.array([3, 2]), np.array([1, 1]), np.array([100, 100])), paired_loss(5, 2, 200)
    assert alike[0] == pytest.approx(plain, abs=2e-4)  # classes of one size
    absent, _ = balanced_loss(np.array([3, 0, 2]), np.array([1, 0, 1]), np.array([100, 0, 100]))
    assert absent == pytest.approx(alike[0])
    nothing, error = balanced_loss(np.zeros(2), np.zeros(2), np.array([50, 50]))
    assert nothing.high == -nothing.low == pytest.approx(paired_loss(0, 0, 100).high)
    assert error == 0


def test_the_interval_of_balanced_accuracy_holds_what_is_lost():
    draw, counts, rates = (
        np.random.default_rng(0),
        np.array([400, 100, 25]),
        np.array([[0.02, 0.01], [0.1, 0.05], [0.2, 0.1]]),
    )
    held, lost = 0, (rates[:, 0] - rates[:, 1]).mean()
    for _ in range(1000):
        drawn = [draw.multinomial(n, [*own, 1 - own.sum()]) for n, own in zip(counts, rates, strict=True)]
        found, _ = balanced_loss(*np.array(drawn).T[:2], counts)
        held += found.low <= lost <= found.high
    assert held / 1000 > 0.92


def test_one_more_value_falls_where_it_is_expected():
    rng = np.random.default_rng(2)
    draws = rng.standard_normal((400, 4))
    found = [student_next(draw[:3]) for draw in draws]
    inside = [one.low <= draw[3] <= one.high for one, draw in zip(found, draws, strict=True)]
    assert 0.92 < np.mean(inside) < 0.98


def test_the_difference_of_shares_holds_the_true_one():
    rng = np.random.default_rng(4)
    pairs = zip(rng.binomial(50, 0.9, 500) / 50, rng.binomial(80, 0.7, 500) / 80, strict=True)
    found = [share_difference(first, 50, second, 80) for first, second in pairs]
    assert 0.92 < np.mean([one.low <= 0.2 <= one.high for one in found]) < 0.98
    assert share_difference(1.0, 50, 1.0, 50).low < 0 < share_difference(1.0, 50, 1.0, 50).high
