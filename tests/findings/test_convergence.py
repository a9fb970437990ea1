"""Learning curves whose phases are known."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.convergence import convergence, learning_phases, settled
from minjax.findings.samples import samples
from tests.findings.synthetic import history, point

# ten epochs of nothing, ten in which it falls, twenty-one at the end
THREE = np.concatenate([np.full(10, 2.3), np.linspace(2.3, 0.1, 11), np.full(20, 0.1)])


def test_settled_is_the_first_epoch_that_stays():
    assert settled([0.1, 0.5, 0.9, 0.89, 0.905, 0.9]) == 3
    assert settled([0.9, 0.5, 0.9]) == 3
    assert settled([0.9, 0.905, 0.9]) == 1
    assert settled([0.5, 0.6, 0.7]) == 3
    assert settled([0.95, 0.9], tolerance=0.1) == 1
    assert settled([0.93, 0.9, 0.9]) == 2  # above the final value is away from it too


def test_slow_fast_final():
    found = learning_phases(THREE, np.linspace(0, 1, 41))
    assert found.slow_end == pytest.approx(11, abs=1)
    assert found.fast_end == 21
    assert found.steepness > 50


def test_noise_does_not_move_the_phases():
    for seed in range(20):
        noisy = THREE + 0.05 * np.random.default_rng(seed).standard_normal(41)
        found = learning_phases(noisy, np.ones(41))
        assert abs(found.slow_end - 11) <= 2
        assert abs(found.fast_end - 21) <= 2


def test_a_usual_curve_has_no_slow_phase():
    found = learning_phases(np.exp(-np.arange(30) / 4), np.ones(30))
    assert found.slow_end == 1
    assert 6 <= found.fast_end <= 10  # where exp(-t / 4) / 4 is 1 / 29: after eight epochs
    assert found.steepness > 5


@pytest.mark.parametrize("loss", [np.linspace(2, 1, 20), np.ones(20), np.linspace(1, 2, 20), [2.0, 1.0], [np.nan] * 9])
def test_no_bend_no_phases(loss):
    found = learning_phases(loss, np.ones(len(loss)))
    assert (found.slow_end, found.fast_end, found.steepness) == (1, None, None)


def test_a_fall_at_the_end_has_no_final_phase():
    found = learning_phases(THREE[:16], np.ones(16))
    assert found.slow_end == 11  # the eleventh still has the first's loss
    assert (found.fast_end, found.steepness) == (16, None)


def test_not_a_curve():
    with pytest.raises(ValueError, match="3 losses and 2 accuracies"):
        learning_phases([3, 2, 1], [0.1, 0.2])


def test_points_over_seeds():
    curves = [history(THREE, np.r_[np.zeros(20 + seed), np.ones(21 - seed)]) for seed in range(3)]
    members = point("a", 10, [1.0] * 3, history=lambda seed: curves[seed])
    members += point("a", 10, [0.1] * 4, status="diverged", history=None)[3:]
    (found,) = convergence(samples(members))
    assert found.settled == 22
    assert (found.seeds, found.phased, found.epochs) == (3, 3, 41)
    assert found.interval == (21, 23)
