"""Claims 2 and 3: regimes over size, and a minimal size."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.claims import minimal_exists, three_regimes
from minjax.findings.samples import samples
from tests.findings.claims.simulated import ALLOWED, SIZES, accuracies, count, three
from tests.findings.synthetic import changed, history


def shuffled(seed):
    """The same networks with their sizes shuffled: the regimes have nothing to do with size."""
    sizes = dict(zip([f"p{i}" for i in range(16)], np.random.default_rng(seed).permutation(SIZES), strict=True))
    return samples([changed(one, num_params=int(sizes[one.point])) for one in three(seed)])


def test_three_regimes_in_order():
    found = three_regimes(samples(three()))
    assert found.verdict == "supported"
    assert found.interval[0] > 0.8


def test_regimes_against_size_are_contradicted():
    turned = [changed(one, num_params=int(1e7 / one.num_params)) for one in three()]
    assert three_regimes(samples(turned)).verdict == "contradicted"


def test_a_regime_that_is_not_there():
    wide = three_regimes(samples(accuracies(np.linspace(0.5, 0.9, 16))))
    assert wide.verdict == "contradicted"
    assert "unstable or overfitting" in wide.why
    narrow = three_regimes(samples(accuracies(np.linspace(0.5, 0.9, 16), sizes=np.arange(100, 116))))
    assert narrow.verdict == "inconclusive"


def test_false_alarms_of_regimes():
    assert count("supported", three_regimes, shuffled) <= ALLOWED


def curved(members, rising):
    """The same members with learning curves whose validation loss rises from its lowest value where asked for."""
    epochs = np.arange(10)
    found = []
    for one in members:
        held = np.r_[np.linspace(2, 0.5, 6), 0.5 + (0.05 if rising(one) else 0.0) * epochs[1:5]]
        losses = history(np.linspace(2, 0.1, 10), np.full(10, 0.9))
        found.append(changed(one, history=changed(losses, validation_loss=held.tolist())))
    return found


def test_both_readings_of_overfitting_that_agree_and_that_differ():
    agree = three_regimes(samples(curved(three(), lambda one: int(one.point[1:]) >= 10)))
    assert (agree.verdict, "the same by the loss" in agree.why) == ("supported", True)
    differ = three_regimes(samples(curved(three(), lambda one: False)))
    assert differ.verdict == "inconclusive"
    assert "by the gap it is supported: all three regimes occur" in differ.why
    assert "by the loss it is contradicted: no point is overfitting" in differ.why


def test_a_minimal_size_exists():
    found = minimal_exists(samples(accuracies(np.r_[np.linspace(0.3, 0.9, 8), np.full(8, 0.95)])))
    assert found.verdict == "supported"
    assert found.statistic.value == SIZES[8]


def test_no_stable_size_contradicts():
    assert minimal_exists(samples(accuracies(np.full(16, 0.7), noise=0.1))).verdict == "contradicted"


def test_rising_to_the_end_cannot_say():
    assert minimal_exists(samples(accuracies(np.linspace(0.3, 0.9, 16)))).verdict == "inconclusive"


@pytest.mark.parametrize("noise", [0.003, 0.015])
def test_false_alarms_of_a_minimal_size(noise):
    def flat(seed):
        return samples(accuracies(np.full(16, 0.9), np.random.default_rng(seed), noise))

    assert count("supported", minimal_exists, flat) <= ALLOWED
