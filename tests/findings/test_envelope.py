"""The best accuracy within a number of parameters."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.findings.envelope import Step, best_of_each_size, envelope
from tests.findings.grids import around, candidate, knee
from tests.findings.test_sizes import grids


def within(steps: tuple[Step, ...], num_params: int) -> Step:
    """The best network with at most so many parameters."""
    return max((step for step in steps if step.num_params <= num_params), key=lambda step: step.num_params)


def test_steps():
    steps = envelope(knee())
    assert [step.num_params for step in steps] == [0, 100, 200, 400, 800, 1600]
    assert [step.point for step in steps[:2]] == ["chance", "good-100"]
    assert within(steps, 50).accuracy == 0.1
    assert within(steps, 799).point == "good-400"


def test_best_of_each_size():
    better = candidate("better", 400, around(0.96))
    steps = best_of_each_size(dataclasses.replace(knee(), candidates=(*knee().candidates, better)))
    assert [step.num_params for step in steps] == [100, 110, 200, 210, 400, 410, 800, 810, 1600, 1610]
    assert steps[4].point == "better"


def test_fresh_accuracy_is_beside_the_one_that_chose():
    step = envelope(knee(fresh=True))[-1]
    assert step.fresh is not None
    assert abs(step.fresh - 0.971) < 1e-9


@settings(deadline=None, max_examples=40)
@given(grid=grids(), mean=st.floats(0.0, 1.0), size=st.integers(1, 6))
def test_another_candidate_never_lowers_it(grid, mean, size):
    more = candidate("more", 100 * size, np.full(3, mean))
    before, after = envelope(grid), envelope(dataclasses.replace(grid, candidates=(*grid.candidates, more)))
    for step in before:
        assert within(after, step.num_params).accuracy >= step.accuracy
    if np.full(3, mean).mean() < within(before, 100 * size).accuracy:
        assert after == before


@settings(deadline=None, max_examples=40)
@given(grid=grids())
def test_sizes_and_accuracies_ascend(grid):
    steps = envelope(grid)
    assert all(one.num_params < other.num_params for one, other in itertools.pairwise(steps))
    assert all(one.accuracy < other.accuracy for one, other in itertools.pairwise(steps))


def test_ties_go_to_the_smaller():
    grid = knee()
    same = candidate("same", 3000, around(0.971))
    assert envelope(dataclasses.replace(grid, candidates=(*grid.candidates, same))) == envelope(grid)
