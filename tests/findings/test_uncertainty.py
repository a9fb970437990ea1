"""Errors by images and by seeds, against brute force: many studies of the same networks."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.candidates import Grid, measure
from minjax.findings.uncertainty import Row, image_noise, inverse_trigamma, prior_freedom, seed_noise
from tests.findings.grids import CLASSES, around, candidate, imaged


def rows(grid: Grid) -> list[Row]:
    return [
        Row(place, one, np.arange(len(one.seeds)), float(one.accuracy.mean()))
        for place, one in enumerate(grid.candidates)
    ]


@pytest.mark.parametrize("own", [False, True])
def test_covariance_by_images_is_that_over_studies(own):
    """Over 400 studies with images of their own, the errors scatter as each study says."""
    networks = {"a": (10, 0.75), "b": (20, 0.8)}
    studies = [imaged(np.random.default_rng(number), networks, own=own) for number in range(400)]
    seen = np.cov([measure(grid).mean for grid in studies], rowvar=False) - np.eye(2) * 0.002**2 / 5
    said = np.mean([image_noise(grid, rows(grid)).covariance for grid in studies], axis=0)
    assert np.diag(said) == pytest.approx(np.diag(seen), rel=0.2)
    assert said[0, 1] == pytest.approx(seen[0, 1], abs=1.2e-5)
    assert said[0, 0] + said[1, 1] - 2 * said[0, 1] == pytest.approx(seen[0, 0] + seen[1, 1] - 2 * seen[0, 1], rel=0.2)


@pytest.mark.parametrize("own", [False, True])
def test_images_part_of_the_variance_over_seeds(own):
    networks = {"a": (10, 0.75), "b": (20, 0.8)}
    studies = [imaged(np.random.default_rng(number), networks, own=own) for number in range(300)]
    seen = np.mean([measure(grid).variance for grid in studies], axis=0) - 0.002**2
    said = np.mean([image_noise(grid, rows(grid)).between_seeds(np.array([5, 5])) for grid in studies], axis=0)
    assert said == pytest.approx(seen, rel=0.1)


def test_balanced_accuracy_weighs_the_images_of_rare_classes():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [380, 20])
    correct = rng.random((5, 400)) < 0.8
    one = (candidate("a", 10, correct.mean(1), correct=np.packbits(correct, axis=1)),)
    plain = Grid(one, (380, 20))
    balanced = Grid(one, (380, 20), metric="balanced_accuracy", labels=labels)
    ratio = image_noise(balanced, rows(balanced)).one_seed / image_noise(plain, rows(plain)).one_seed
    assert ratio == pytest.approx([(1 / 380 + 1 / 20) / 4 * 400], rel=0.25)


def test_without_images_binomial_errors_are_assumed():
    grid = Grid((candidate("a", 10, around(0.9)), candidate("b", 20, around(0.9))), CLASSES)
    covariance = image_noise(grid, rows(grid)).covariance
    assert np.diag(covariance) == pytest.approx([0.65 * 0.09 / 400] * 2)
    assert covariance[0, 1] == pytest.approx(0.6 * 0.09 / 400)


def moderated(seen: np.ndarray, images: float = 0.0, wild: tuple[int, ...] = (), means: float | np.ndarray = 0.9):
    """Variances over five seeds, moderated; all of them support each other but the `wild`."""
    count = len(seen)
    is_wild = np.isin(np.arange(count), wild)
    return seed_noise(
        np.broadcast_to(means, count), seen, np.full(count, 4), np.full(count, images), ~is_wild, is_wild
    )  # fmt: skip


def test_variances_that_agree_support_each_other():
    rng = np.random.default_rng(1)
    seen = 0.01**2 * rng.chisquare(4, 30) / 4
    found = moderated(seen)
    assert found.freedom.min() > 20
    assert np.sqrt(found.variance) == pytest.approx(np.full(30, 0.01), rel=0.25)


def test_variances_that_differ_keep_to_themselves():
    rng = np.random.default_rng(1)
    seen = 0.01**2 * np.exp(rng.normal(0, 1.5, 30)) * rng.chisquare(4, 30) / 4
    assert moderated(seen).freedom.max() < 10


def test_the_images_part_is_taken_off():
    assert moderated(np.full(8, 5e-4), 4e-4).variance == pytest.approx(np.full(8, 1e-4))
    assert moderated(np.array([5e-4, 3e-4]), 4e-4).variance == pytest.approx([1e-4, 0])  # two are too few to agree


def test_an_erratic_candidate_is_left_out_of_the_common_variance():
    found = moderated(np.array([1e-4, 1.2e-4, 0.9e-4, 0.04]), wild=(3,))
    assert found.variance[:3].max() < 1.3e-4
    assert found.variance[3] > 0.01


def test_the_variance_of_erratic_candidates_follows_their_error():
    """A deviation of 0.3 in log-odds at every accuracy, seen with two seeds: it is known from all of them together."""
    rng = np.random.default_rng(3)
    means = np.concatenate([np.full(40, 0.97), np.linspace(0.6, 0.85, 10)])
    true = 0.3 * means * (1 - means)
    seen = true**2 * rng.chisquare(1, 50)
    wild = np.arange(50) >= 40
    found = seed_noise(means, seen, np.ones(50), np.zeros(50), ~wild, wild)
    assert found.freedom[wild].min() > 10
    assert np.sqrt(found.variance[wild]) == pytest.approx(true[wild], rel=0.35)
    apart = seen * np.where(wild, 100, 1)  # ten times the deviation: they do not agree, and keep to themselves
    alone = seed_noise(means, apart, np.ones(50), np.zeros(50), ~wild, wild)
    assert alone.freedom[wild].max() < 6


def test_the_prior_is_worth_as_much_as_the_variances_agree():
    rng = np.random.default_rng(2)
    known, truth = np.full(4000, 4.0), 8.0
    ratio = (truth / rng.chisquare(truth, 4000)) * rng.chisquare(4, 4000) / 4
    assert prior_freedom(ratio, known) == pytest.approx(truth, rel=0.3)


@pytest.mark.parametrize("x", [0.2, 1.0, 7.0, 300.0])
def test_inverse_trigamma(x):
    from scipy.special import polygamma

    assert inverse_trigamma(float(polygamma(1, x))) == pytest.approx(x, rel=1e-6)
