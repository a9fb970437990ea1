"""Parameters as a function of the required accuracy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.errors import UserError
from minjax.findings.answers import Asked, Subject, answers
from minjax.findings.candidates import Grid
from minjax.findings.guidance import guidance
from minjax.findings.sizes import target
from minjax.findings.staircase import _stair, staircase
from tests.findings.grids import around, candidate, knee
from tests.findings.test_sizes import grids


def test_known_stairs():
    stairs = staircase(knee(), (0.96, 0.85, 0.99))
    assert [(stair.accuracy, stair.num_params) for stair in stairs] == [(0.85, 200), (0.96, 800), (0.99, None)]
    assert stairs[1].interval == (800, 800)
    assert stairs[1].winner == target(knee(), 0.96).winner


def test_the_ladder_ends_with_the_first_accuracy_not_reached():
    stairs = staircase(knee())
    assert stairs[0].accuracy == 0.3
    assert [stair.num_params for stair in stairs].count(None) == 1
    assert stairs[-1].accuracy == 0.975


@settings(deadline=None, max_examples=15)
@given(grid=grids(), accuracies=st.lists(st.floats(0.15, 1.0), min_size=1, max_size=6))
def test_it_never_descends(grid, accuracies):
    stairs = staircase(grid, accuracies, replicates=200)
    ends = [[1e9 if one is None else one for one in (stair.num_params, *stair.interval)] for stair in stairs]
    assert (np.diff(ends, axis=0) >= 0).all()
    assert all(low <= found <= high for found, low, high in ends)


def test_where_the_commonest_class_is_nearly_all_there_is_no_stair_and_no_error():
    rare = Grid((candidate("a", 100, around(0.97)), candidate("b", 200, around(0.98))), class_counts=(960, 40))
    assert staircase(rare) == ()
    found = answers(Subject("faults", rare, Asked(), "validation", {}))
    assert (found.staircase, found.minimal.winner) == ([], None)
    assert guidance(found, []) == ()


def test_ends_are_raised_to_those_before():
    size = target(knee(), 0.94)
    before = _stair(dataclasses.replace(size, interval=(400, 800)), ())
    assert _stair(dataclasses.replace(size, interval=(200, 400)), [before]).interval == (400, 800)
    assert _stair(dataclasses.replace(size, interval=(200, None)), [before]).interval == (400, None)


def test_refused():
    with pytest.raises(UserError, match="at least one required accuracy"):
        staircase(knee(), ())
    with pytest.raises(UserError, match="must be above chance"):
        staircase(knee(), (0.05,))
