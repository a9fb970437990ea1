"""Bootstrapped errors and what they establish."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from minjax.findings.evidence import bootstrapped, established


def test_errors_have_the_covariance_they_are_given():
    images = np.array([[4.0, 3.0], [3.0, 4.0]])
    drawn = bootstrapped(images, np.array([1.0, 2.0]), np.full(2, np.inf), 20_000)
    assert np.cov(drawn, rowvar=False) == pytest.approx(images + np.diag([1.0, 2.0]), rel=0.05)


def test_few_seeds_have_the_tails_of_student():
    drawn = bootstrapped(np.zeros((1, 1)), np.ones(1), np.array([4.0]), 50_000)
    assert np.quantile(drawn, 0.975) == pytest.approx(float(stdtrit(4, 0.975)), rel=0.04)


def test_candidates_at_the_level_are_rarely_taken_to_be_above():
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(1000, 20))
    wrong = np.mean([established(rng.normal(size=20), errors, 0.025)[0].any() for _ in range(500)])
    assert 0.005 < wrong < 0.05


def test_together_they_establish_what_none_does_alone():
    errors = np.random.default_rng(0).normal(size=(2000, 16))
    settled, critical = established(np.full(16, 1.5), errors, 0.025)
    assert critical.min() > 1.5
    assert not settled[0]
    assert settled[-1]
    assert np.all(np.diff(settled.astype(int)) >= 0)
