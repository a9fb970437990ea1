"""Claim 4: phases of convergence and of pruning, and what cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.claims import distinct_phases
from minjax.findings.samples import samples
from tests.findings.claims.simulated import ALLOWED, accuracies, count
from tests.findings.synthetic import AMOUNTS, changed, curves, history, point, pruning

FALLING = history(np.exp(-np.arange(30) / 3), np.ones(30))
LINEAR = history(np.linspace(2, 1, 30), np.ones(30))


def phased(chance_of_phases, seed=0, n=16):
    rng = np.random.default_rng(seed)
    members = []
    for i in range(n):
        has = rng.random() < chance_of_phases
        curves = {"pruning": pruning(0.5) if has else [[float(a), 0.95 - 0.85 * float(a)] for a in AMOUNTS]}
        members += point(f"p{i}", 100 + i, [0.95] * 3, curves=curves, history=FALLING)
    return samples(members)


def test_phases_there_and_not():
    assert distinct_phases(phased(1.0)).verdict == "supported"
    assert distinct_phases(phased(0.0)).verdict == "contradicted"
    no_bend = [changed(m, history=LINEAR) for sample in phased(1.0) for m in sample.members]
    assert distinct_phases(samples(no_bend)).verdict == "contradicted"
    assert distinct_phases(phased(1.0, n=4)).verdict == "inconclusive"  # four of four are no majority yet
    assert distinct_phases(samples(accuracies(np.full(16, 0.9)))).statistic.value is None


def with_curves(study, pruned=None, learned=None, every=2):
    """The same points; every other one with a pruning curve or a learning curve instead."""
    members = []
    for number, sample in enumerate(study):
        for one in sample.members:
            if number % every == 0:
                one = changed(one, history=learned or one.history, curves=curves(pruned) if pruned else one.curves)
            members.append(one)
    return samples(members)


COARSE = [[0.0, 0.95], [0.25, 0.5], [0.5, 0.1], [0.75, 0.1], [1.0, 0.1]]  # may hide a plateau of 20 %


@pytest.mark.parametrize(
    "unknown",
    [
        {"learned": history([2, 1, 0.5, 0.4], np.ones(4))},  # too few epochs
        {"learned": history([2.0, 1.99, 1.97, 1.9, 1.6, 1.0, 0.2], np.ones(7))},  # ends while it falls fast
        {"pruned": COARSE},
        {"pruned": [[0.0, 0.95], [0.25, 0.95], [0.5, 0.1], [0.75, 0.1], [1.0, 0.1]]},  # may hide a decline
    ],
    ids=["few epochs", "unfinished", "coarse plateau", "coarse decline"],
)
def test_what_cannot_be_judged_counts_for_neither_side(unknown):
    found = distinct_phases(with_curves(phased(1.0, n=24), **unknown))
    assert (found.verdict, found.statistic.value) == ("supported", 1.0)
    assert "12 of 12 stable points" in found.statistic.text
    assert "12 stable points left out that cannot be judged" in found.why
    against = distinct_phases(with_curves(phased(0.0, n=24), **unknown))
    assert (against.verdict, against.statistic.value) == ("contradicted", 0.0)
    assert distinct_phases(with_curves(phased(1.0), every=1, **unknown)).statistic.value is None


def test_false_alarms_of_phases_at_a_half():
    assert count("supported", distinct_phases, lambda seed: phased(0.5, seed)) <= ALLOWED
