"""Stability: deviations known from few seeds."""

from __future__ import annotations

import numpy as np

from minjax.findings.candidates import Grid
from minjax.findings.sizes import stable
from minjax.findings.stability import judge_stability, moderated
from minjax.findings.verdicts import REACHES, SHORT
from tests.findings.grids import around, candidate


def ladder(deviations) -> Grid:
    found = [
        candidate(f"p{number}", 100 * (number + 1), around(0.95 - 0.5 * deviation, deviation))
        for number, deviation in enumerate(deviations)
    ]
    return Grid(tuple(found), (1000,) * 10)


def test_agreement_of_many_decides_what_five_seeds_do_not():
    many = judge_stability(ladder([0.2, 0.1, *[0.01] * 12]))
    few = judge_stability(ladder([0.2, 0.1, 0.01]))
    assert many.verdict[2] == REACHES
    assert few.verdict[2] != REACHES
    assert few.verdict[0] == many.verdict[0] == SHORT


def test_near_the_limit_it_is_undecided():
    size = stable(ladder([0.2, 0.03, 0.018, 0.004, 0.004, 0.004, 0.003, 0.003]))
    assert size.num_params == 300
    assert size.interval[0] == 200
    assert size.interval[1] > 300


def test_the_images_part_is_no_instability():
    """At 70 % of 400 images, an accuracy scatters by 2.3 points without any instability."""
    rng = np.random.default_rng(0)
    correct = rng.random((40, 400)) < 0.7
    splits = {seed: np.arange(400 * seed, 400 * (seed + 1)) for seed in range(40)}
    one = candidate("a", 100, correct.mean(1), correct=np.packbits(correct, axis=1))
    found = judge_stability(Grid((one,), (40,) * 10, images=splits))
    assert found.measured.variance[0] > 0.02**2
    assert found.deviation[0] < 0.012


def test_variances_follow_their_trend():
    rng = np.random.default_rng(0)
    wrong = np.geomspace(0.02, 0.5, 40)
    total, degrees = moderated((0.1 * wrong) ** 2 * rng.chisquare(4, 40) / 4, np.full(40, 4), wrong, np.ones(40, bool))
    assert degrees.min() > 30
    assert np.abs(np.log(np.sqrt(total) / (0.1 * wrong))).max() < 0.4
