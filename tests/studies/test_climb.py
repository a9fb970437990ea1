"""How far a study climbs: the order of sizes, and when a series gains no more."""

from __future__ import annotations

import pytest

from minjax.findings.samples import Limits
from minjax.studies.climb import gains_no_more, ladders
from tests.studies.worlds import grid

LIMITS = Limits(tolerance=0.01, margin=0.05)


def test_each_series_has_a_ladder_of_its_own():
    found = ladders(
        grid(sizes=(400, 100, 200, 800)) + grid(sizes=(650,), depth=0) + grid(sizes=(100, 300), family="cnn")
    )
    assert [[p.num_params for p in one.climb()] for one in found] == [[100, 200, 400], [650], [100, 300]]
    assert [one.ended for one in found] == [False, True, True]
    assert found[0].next_size == 800
    assert [p.num_params for p in found[0].climb()] == [800]
    assert [[p.num_params for p in rung] for rung in found[0].climbed] == [[100], [200], [400], [800]]
    assert found[0].ended
    assert found[0].climb() == []


@pytest.mark.parametrize(
    ("accuracies", "ended"),
    [
        ([0.8, 0.9], False),  # too few to say
        ([0.8, 0.9, 0.95], False),
        ([0.95, 0.9, 0.954], True),
        ([0.95, 0.9, 0.956], False),  # the last gains more than 0.5 points
        ([0.95, 0.956, 0.9], False),  # the one before did
        ([0.95, 0.96, 0.9, 0.9], True),
        ([0.1, 0.1, 0.1, 0.1], False),  # at chance: it has not begun to learn
        ([0.14, 0.12, 0.14], False),
        ([0.16, 0.12, 0.16], True),
    ],
)
def test_when_a_series_ends(accuracies, ended):
    assert gains_no_more(accuracies, 0.1, LIMITS) is ended
