"""All seven claims on one study, and how several answers become one."""

from __future__ import annotations

import numpy as np

from minjax.findings.claims import at_their_best, claims, minimal_exists
from minjax.findings.samples import samples
from tests.findings.claims.simulated import accuracies, sweep, three
from tests.findings.synthetic import changed, final


def test_all_seven_are_answered_on_one_study():
    found = claims(samples(three()))
    assert [one.number for one in found] == [1, 2, 3, 4, 5, 5, 6, 7]
    assert {one.verdict for one in found} <= {"supported", "contradicted", "inconclusive"}
    assert all(one.why and one.statement for one in found)


def test_an_architecture_is_judged_by_the_best_way_in_which_it_was_trained():
    """A learning rate that was tried with two seeds and left counts for nothing."""
    tuned = samples(sweep_at_two_rates())
    assert [sample.name for sample in at_their_best(tuned)] == [one.name for one in sweep(0.01)]
    assert claims(tuned) == claims(sweep(0.01))


def sweep_at_two_rates():
    members = [one for sample in sweep(0.01) for one in sample.members]
    for one in [one for one in members if one.seed < 2]:
        accuracy = 0.3 + 0.4 * one.seed
        members.append(
            changed(
                one,
                point=one.point + "-fast",
                name=one.name + "-fast",
                settings={"optimizer.learning_rate": 10.0},
                final=final(accuracy, accuracy),
            )
        )
    return members


def test_groups_that_disagree_are_inconclusive():
    good = accuracies(np.r_[np.linspace(0.3, 0.9, 8), np.full(8, 0.95)])
    bad = accuracies(np.full(16, 0.7), noise=0.1, family="cnn")
    found = minimal_exists(samples([*good, *bad]))
    assert found.verdict == "inconclusive"
    assert "digits cnn: contradicted" in found.why
