"""Claim 1: networks of similar size that perform alike, and those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.claims import invariance
from minjax.findings.samples import samples
from tests.findings.claims.simulated import ALLOWED, SIZES, accuracies, count, sweep
from tests.findings.synthetic import point


def families(offset, seed=0, scatter=0.01):
    rng = np.random.default_rng(seed)
    means = 0.9 + scatter * rng.standard_normal((2, len(SIZES)))
    return samples([*accuracies(means[0], rng), *accuracies(means[1] - offset, rng, family="cnn")])


def test_families_alike_and_not():
    assert invariance(families(0.01)).verdict == "supported"
    found = invariance(families(0.15))
    assert found.verdict == "contradicted"
    assert found.interval[0] <= 0.15 <= found.interval[1]


def test_shapes_of_one_family_alike_and_not():
    found = invariance(sweep(0.01))
    assert found.verdict == "supported"
    assert "between 2 architectures at similar size" in found.statistic.text
    found = invariance(sweep(0.15))
    assert found.verdict == "contradicted"
    assert found.interval[0] <= 0.15 <= found.interval[1]


@pytest.mark.slow  # simulations
def test_false_alarms_of_invariance_within_a_family():
    assert count("supported", invariance, lambda seed: sweep(0.051, seed)) <= ALLOWED
    assert count("contradicted", invariance, lambda seed: sweep(0.049, seed)) <= ALLOWED


def test_sizes_of_one_kind_are_no_pairs():
    """Widths of one shape are networks of one architecture, and so are learning rates of one network."""
    sizes = np.geomspace(100, 300, 16).astype(int)
    of_width = [{"depth": 1, "shape": "equal", "width": n} for n in range(16)]
    members = [one for n, size in enumerate(sizes) for one in point(f"a{n}", int(size), [0.9] * 5, labels=of_width[n])]
    found = invariance(samples(members))
    assert (found.verdict, found.statistic.value) == ("inconclusive", None)
    assert "0 stable points of similar size and different architecture" in found.why
    rates = [
        one
        for n, size in enumerate(sizes)
        for one in point(
            f"a{n}", int(size), [0.9] * 5, labels={"learning_rate": n}, settings={"optimizer.learning_rate": n}
        )
    ]
    assert invariance(samples(rates)).statistic.value is None


def test_between_families_and_within_them_are_answered_together():
    rng = np.random.default_rng(0)
    other = accuracies(np.full(16, 0.75), rng, family="cnn")
    found = invariance(samples([*(one for sample in sweep(0.0) for one in sample.members), *other]))
    assert found.verdict == "inconclusive"
    assert "digits: contradicted" in found.why
    assert "within dnn on digits: supported" in found.why
    assert "within cnn on digits: inconclusive" in found.why


def test_sizes_that_are_not_alike_cannot_say():
    rng = np.random.default_rng(0)
    small, large = (
        accuracies(np.full(16, 0.9), rng),
        accuracies(np.full(16, 0.9), rng, sizes=SIZES * 5000, family="cnn"),
    )
    assert invariance(samples([*small, *large])).statistic.value is None


@pytest.mark.slow  # simulations
def test_false_alarms_of_invariance_at_the_margin():
    assert count("supported", invariance, lambda seed: families(0.051, seed)) <= ALLOWED
    assert count("contradicted", invariance, lambda seed: families(0.049, seed)) <= ALLOWED
