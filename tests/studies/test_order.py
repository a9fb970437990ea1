"""The order of a study: a coarse grid first, then where the knee is."""

from __future__ import annotations

import math

import pytest

from minjax.errors import UserError
from minjax.studies import families, grid
from minjax.studies.order import coarse, refine
from tests.studies.grids import digits


def test_the_coarse_grid_comes_first():
    dnns = digits(families.dnn())
    first, rest = coarse(dnns)
    assert len(first) + len(rest) == 114
    assert not {p.id for p in first} & {p.id for p in rest}
    widths = [p.labels["width"] for p in first if (p.labels["depth"], p.labels["shape"]) == (2, "equal")]
    assert widths == [1, 3, 10, 30, 100, 500, 1000]
    assert len(first) == 10 * 7 - 6  # ten series of depth and shape; width 1 is one network in three of them
    assert [p.labels["width"] for p in coarse(dnns[:12], every=4)[0]] == [1, 10, 100, 1000]
    assert coarse(dnns, every=1)[1] == []
    assert coarse(reversed(dnns[:12]))[0] == list(reversed(coarse(dnns[:12])[0]))
    with pytest.raises(UserError, match=r"study\.coarse is 0"):
        coarse(dnns, every=0)


def test_every_setting_outside_the_model_has_its_own_coarse_grid():
    rates = grid.sweep({"optimizer.learning_rate": [0.1, 0.01]})
    found = digits(grid.product(families.dnn((1,), (1, 2, 3, 5)), rates))
    names = [(p.labels["width"], p.labels["learning_rate"]) for p in coarse(found)[0]]
    assert names == [(1, 0.1), (1, 0.01), (3, 0.1), (3, 0.01), (5, 0.1), (5, 0.01)]
    slow, fast = (grid.sweep({"optimizer.learning_rate": [rate]}) for rate in (0.01, 0.1))
    both = grid.product(families.dnn((1,), (1, 2, 3)), slow) + grid.product(families.dnn((1,), (2, 3, 5)), fast)
    names = [(p.labels["width"], p.labels["learning_rate"]) for p in coarse(digits(both))[0]]
    assert names == [(1, 0.01), (3, 0.01), (2, 0.1), (5, 0.1)]


def test_refinement_by_hand():
    sizes = [10, 20, 40, 80, 160, 320, 640]
    assert refine(sizes, 3, {10, 80, 640}) == [20, 160]  # 28.3 is as near to 20 as to 40, 226 to 160 as to 320
    assert refine(sizes, 3, {10, 640}) == [80, 20, 160]
    assert refine(sizes, 3, {40, 80, 160}) == []
    assert refine(sizes, 3, {10, 40, 80, 160, 640}, reach=2) == [20, 320]
    assert refine(sizes, 0, {10}) == [640]
    assert refine(sizes, 6, {640}) == [10]
    assert refine(sizes, 3, {80}) == [10, 640]
    assert refine(sizes, 0, set(sizes), reach=9) == []
    assert refine([1, 50, 99, 100], 3, {1, 100}) == [50]  # the middle of the log scale is 10


@pytest.mark.parametrize("reach", [1, 2])
@pytest.mark.parametrize("count", [2, 12, 64])
def test_refinement_finds_the_knee_in_a_few_rounds(count, reach):
    sizes = [round(100 * 1.3**i) for i in range(count)]
    for truth in sizes:
        done, rounds = {sizes[0], sizes[-1]}, 0
        while asked := refine(sizes, sizes.index(min(s for s in done if s >= truth)), done, reach):
            assert not done & set(asked)
            assert len(asked) == len(set(asked))
            done |= set(asked)
            rounds += 1
        assert min(s for s in done if s >= truth) == truth
        assert rounds <= math.ceil(math.log2(count)) + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([2, 1], 0, ()), "ascend"),
        (([0, 1], 0, ()), "positive"),
        (([1, 2], 2, ()), "no size 2 of 2"),
        (([], 0, ()), "0"),
    ],
)
def test_refinement_of_what_is_no_grid(arguments, message):
    with pytest.raises(ValueError, match=message):
        refine(*arguments)
