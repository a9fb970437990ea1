"""How far a study climbs: the order of sizes, and when a series gains no more."""

from __future__ import annotations

import pytest

from minjax.findings.samples import Limits
from minjax.studies.climb import gains_no_more, is_overtaken, ladders
from tests.studies.worlds import grid

LIMITS = Limits(tolerance=0.01, margin=0.05)


def test_each_series_has_a_ladder_of_its_own():
    found = ladders(
        grid(sizes=(400, 100, 200, 800)) + grid(sizes=(650,), depth=0) + grid(sizes=(100, 300), family="cnn")
    )
    assert [[p.num_params for p in one.climb()] for one in found] == [[100, 200, 400], [650], [100, 300]]
    assert [one.ended for one in found] == [False, True, True]
    assert [found[0].waits(reaching) for reaching in (None, 399, 400)] == [False, True, False]
    assert [p.num_params for p in found[0].climb()] == [800]
    assert [[p.num_params for p in rung] for rung in found[0].climbed] == [[100], [200], [400], [800]]
    assert found[0].ended
    assert found[0].climb() == []


@pytest.mark.parametrize(
    ("accuracies", "ended"),
    [
        ([0.8, 0.95], False),  # twice the parameters say nothing
        ([0.95, 0.9, 0.954], True),
        ([0.95, 0.9, 0.956], False),  # four times the parameters gain more than 0.5 points
        ([0.95, 0.956, 0.9], False),  # twice did
        ([0.95, 0.96, 0.9, 0.9], True),
        ([0.1, 0.1, 0.1, 0.1], False),  # at chance: it has not begun to learn
        ([0.14, 0.12, 0.14], False),
        ([0.16, 0.12, 0.16], True),
    ],
)
def test_when_a_series_ends(accuracies, ended):
    sizes = [100 * 2**place for place in range(len(accuracies))]
    assert gains_no_more(sizes, accuracies, 0.1, LIMITS) is ended


def test_where_sizes_are_far_apart_one_is_enough():
    assert gains_no_more([100, 399], [0.95, 0.95], 0.1, LIMITS) is False
    assert gains_no_more([100, 400], [0.95, 0.95], 0.1, LIMITS) is True


@pytest.mark.parametrize(
    ("others", "overtaken"),
    [
        ([(100, 0.95)], True),
        ([(101, 0.95)], False),  # more than a quarter of the parameters of the first of the last two
        ([(100, 0.91)], False),  # not better than 0.9 by more than a point
        ([(100, 0.89), (200, 0.95)], True),  # each of the last two by another
        ([(100, 0.89), (201, 0.95)], False),
    ],
)
def test_a_series_that_much_smaller_networks_overtake_ends(others, overtaken):
    assert is_overtaken([50, 400, 800], [0.5, 0.87, 0.9], others, LIMITS) is overtaken
    assert is_overtaken([400], [0.5], others, LIMITS) is False
