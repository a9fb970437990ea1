"""Candidates: what is refused, means over seeds and stages, balanced accuracy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from minjax.errors import UserError
from minjax.findings.candidates import Candidate, Grid, measure
from tests.findings.grids import CLASSES, around, candidate, imaged


def test_means_of_both_stages():
    measured = measure(Grid((candidate("a", 10, [0.8, 0.9], fresh=[0.7, 0.6, 0.8]),), CLASSES))
    assert measured.first == pytest.approx([0.85])
    assert measured.fresh == pytest.approx([0.7])
    assert measured.stated == pytest.approx([0.7])
    assert measured.mean == pytest.approx([0.76])
    assert measured.freedom == [3]
    assert measured.variance == pytest.approx([(2 * 0.05**2 + 2 * 0.1**2) / 3])  # about the mean of each stage


def test_without_fresh_seeds_the_first_stage_is_stated():
    measured = measure(Grid((candidate("a", 10, [0.8, 0.9]),), CLASSES))
    assert np.isnan(measured.fresh).all()
    assert measured.stated == pytest.approx([0.85])


def test_failed_seeds():
    found = candidate("a", 10, [0.12, 0.9, 0.9], diverged=frozenset({1}))
    assert measure(Grid((found,), CLASSES)).failed == [2]


def test_chance_is_that_of_the_commonest_class():
    one = (candidate("a", 10, [0.8, 0.9]),)
    assert Grid(one, (70, 30)).chance == 0.7
    assert Grid(one, (70, 30), metric="balanced_accuracy").chance == 0.5


def test_balanced_accuracy_from_images():
    correct = np.packbits(np.array([[1, 1, 1, 0], [1, 1, 0, 1]], bool), axis=1)
    grid = Grid(
        (candidate("a", 10, [0.75, 0.75], correct=correct),),
        (3, 1),
        metric="balanced_accuracy",
        labels=np.array([0, 0, 0, 1]),
    )
    assert grid.scores(grid.candidates[0]) == pytest.approx([0.5, 5 / 6])


def test_order_of_seeds_and_candidates_changes_no_bit():
    grid = imaged(np.random.default_rng(0), {"a": (10, 0.8), "b": (20, 0.9)})
    turned = tuple(
        dataclasses.replace(
            one, seeds=one.seeds[::-1], accuracy=one.accuracy[::-1].copy(), correct=one.correct[::-1].copy()
        )
        for one in reversed(grid.candidates)
    )
    for field, values in vars(measure(grid)).items():
        assert np.array_equal(values, getattr(measure(dataclasses.replace(grid, candidates=turned)), field), True), (
            field
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"accuracy": np.array([0.5])}, "1 accuracies for the seeds"),
        ({"seeds": (1, 1)}, "for the seeds"),
        ({"fresh": frozenset({0})}, "1 first-stage seeds; at least 2"),
        ({"accuracy": np.array([0.5, np.nan])}, "not a number"),
    ],
)
def test_a_bad_candidate_is_refused(change, says):
    good = {"point": "a", "num_params": 10, "family": "dnn", "seeds": (0, 1), "accuracy": np.array([0.5, 0.6])}
    with pytest.raises(UserError, match=says):
        Candidate(**(good | change))


def test_a_bad_grid_is_refused():
    plain, images = candidate("a", 10, around(0.9)), np.zeros((5, 50), np.uint8)
    with pytest.raises(UserError, match="'f1'"):
        Grid((plain,), CLASSES, metric="f1")
    with pytest.raises(UserError, match="at least one"):
        Grid((), CLASSES)
    with pytest.raises(UserError, match="a is among the candidates twice"):
        Grid((plain, plain), CLASSES)
    with pytest.raises(UserError, match="a has no record"):
        Grid((plain, candidate("b", 20, around(0.9), correct=images)), CLASSES)
    with pytest.raises(UserError, match=r"packed as \[5, 7\]"):
        Grid((candidate("b", 20, around(0.9), correct=images[:, :7]),), CLASSES)
    with pytest.raises(UserError, match="seed 0 was trained with"):
        Grid((candidate("b", 20, around(0.9), correct=images),), CLASSES, images={1: np.arange(400)})
    with pytest.raises(UserError, match="needs the images' labels"):
        Grid((candidate("b", 20, around(0.9), correct=images),), CLASSES, metric="balanced_accuracy")
