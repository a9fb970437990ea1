"""Calibration of classifiers whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.calibration import calibration


def test_by_hand():
    confidence = np.array([0.55, 0.65, 0.95, 1.0])
    found = calibration(confidence, np.array([True, False, True, True]), bins=2)
    assert found.images.tolist() == [0, 4]
    assert np.isnan(found.accuracy[0])
    assert found.accuracy[1] == 0.75
    assert found.error == pytest.approx(abs(0.75 - 0.7875))
    assert found.overconfidence == pytest.approx(0.7875 - 0.75)


def test_each_bin_counts_by_its_images():
    confidence = np.array([0.4, 0.4, 0.4, 0.9])
    found = calibration(confidence, np.array([True, True, True, False]), bins=2)
    assert found.error == pytest.approx((3 * 0.6 + 1 * 0.9) / 4)


@pytest.mark.parametrize(("power", "low", "high"), [(1.0, 0.0, 0.01), (2.0, 0.1, 0.2)])
def test_a_calibrated_classifier_has_no_error_and_an_overconfident_one_has(power, low, high):
    draw = np.random.default_rng(0)
    confidence = draw.uniform(0.2, 1, 100_000)
    found = calibration(confidence, draw.random(100_000) < confidence**power)
    assert low <= found.error <= high
    assert found.overconfidence == pytest.approx(found.error if power > 1 else 0, abs=0.01)


def test_the_ends_of_the_scale_have_bins():
    found = calibration(np.array([0.0, 1.0]), np.array([False, True]))
    assert found.images[[0, -1]].tolist() == [1, 1]
    assert found.error == 0
