"""Grids from samples: names and hyperparameters, fresh seeds, correct images, families."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.errors import UserError
from minjax.findings.candidates import unpacked
from minjax.findings.grids import Images, architecture, candidate_of, envelope, within
from minjax.findings.samples import samples
from tests.findings import synthetic

LABELS = np.repeat(np.arange(4), 5)
SPLITS = {seed: np.random.default_rng(seed).permutation(20)[:10] for seed in range(7)}
SPLIT_COUNTS = (3, 3, 2, 2)
IMAGES = Images(SPLIT_COUNTS, LABELS, SPLITS)
RIGHT = np.random.default_rng(9).random((7, 10)) < 0.7


def recorded(name="dnn-1-equal-4", seeds=5, fresh=2, **fields):
    """A point with so many seeds, `fresh` of them fresh, and correct images by seed as in `RIGHT`."""
    rows = RIGHT[: seeds + fresh]
    return synthetic.point(
        name,
        310,
        [float(row.mean()) for row in rows],
        correct=lambda seed: np.packbits(rows[seed]).tobytes(),
        fresh=lambda seed: seed >= seeds,
        **fields,
    )


def test_a_point_of_a_study_is_a_candidate():
    members = synthetic.point(
        "dnn-1-equal-4-learning_rate=0.3-epochs=60",
        310,
        [0.7, 0.8, 0.1],
        settings={"optimizer.learning_rate": 0.3, "epochs": 60},
    )
    found = candidate_of(samples(members)[0])
    assert found.key == (310, "dnn", "dnn-1-equal-4", "epochs=60, learning_rate=0.3")
    assert found.accuracy == pytest.approx([0.7, 0.8, 0.1])
    assert found.correct is None
    assert found.id == "dnn-1-equal-4-learning_rate=0.3-epochs=60"


def test_the_linear_classifier_is_a_family():
    assert candidate_of(samples(synthetic.point("dnn-0", 650, [0.9, 0.9], fields={"widths": []}))[0]).family == "linear"


@pytest.mark.parametrize(
    ("name", "settings", "left"),
    [
        ("cnn-2-equal-4", {}, "cnn-2-equal-4"),
        ("cnn-2-equal-4-learning_rate=1e-05", {"optimizer.learning_rate": 1e-05}, "cnn-2-equal-4"),
        ("learning_rate=0.31622776601683794-widths=20", {"optimizer.learning_rate": 0.31622776601683794}, "widths=20"),
        ("learning_rate=0.1", {"optimizer.learning_rate": 0.1}, "learning_rate=0.1"),
        ("a-optimizer.name=adam-b", {"optimizer.name": "adam"}, "a-b"),
    ],
)
def test_the_name_of_an_architecture(name, settings, left):
    assert architecture(name, settings) == left


def test_correct_images_fresh_seeds_and_seeds_that_are_enough():
    (one,) = samples(recorded())
    grid = envelope([one], IMAGES, least_seeds=5)
    (found,) = grid.candidates
    assert found.fresh == {5, 6}
    np.testing.assert_array_equal(unpacked(found, 10), RIGHT)
    assert (grid.least_seeds, grid.num_images) == (5, 10)
    np.testing.assert_array_equal(grid.split(3), SPLITS[3])


def test_a_diverged_seed_knows_the_commonest_class():
    members = recorded()
    members[1] = synthetic.changed(members[1], status="diverged", final=None, correct=None, diverged_step=3)
    grid = envelope(samples(members), IMAGES, metric="balanced_accuracy")
    np.testing.assert_array_equal(unpacked(grid.candidates[0], 10)[1], LABELS[SPLITS[1]] == 0)


def test_without_every_record_the_images_are_assumed():
    old = samples([*recorded(), *synthetic.point("old", 500, [0.7, 0.8])])
    assert not envelope(old, IMAGES).recorded
    assert not envelope(samples(recorded()), Images(SPLIT_COUNTS)).recorded
    with pytest.raises(UserError, match="balanced_accuracy"):
        envelope(old, IMAGES, metric="balanced_accuracy")


def test_without_the_images_records_say_what_balanced_accuracy_and_guessing_are():
    plain = recorded()
    members = [
        synthetic.changed(one, chance=0.5, final=synthetic.changed(one.final, balanced_accuracy=0.6)) for one in plain
    ]
    grid = envelope(samples(members), Images.unknown(10, 2), metric="balanced_accuracy")
    assert (grid.recorded, grid.chance) == (False, 0.5)
    np.testing.assert_array_equal(grid.scores(grid.candidates[0]), 0.6)
    rare = [synthetic.changed(one, chance=0.8) for one in plain]
    assert envelope(samples(rare), Images.unknown(10, 2)).chance == 0.8
    assert envelope(samples(rare), IMAGES).chance == max(SPLIT_COUNTS) / 10


def test_points_with_one_first_stage_seed_are_left_out():
    found = samples([*recorded("few", 1, 5), *recorded("many")])
    assert [one.point for one in envelope(found, IMAGES).candidates] == ["many"]
    with pytest.raises(UserError, match="no network has 2 seeds"):
        envelope(found[:1], IMAGES)


def test_one_family_alone():
    found = samples([*recorded("a"), *recorded("b", family="cnn")])
    assert [one.point for one in within(envelope(found, IMAGES), {"b"}).candidates] == ["b"]


def test_points_of_one_name_are_told_apart_by_their_ids():
    """Two studies with other epochs, say, on one page."""
    found = samples([synthetic.changed(one, point=id) for id in ("a1", "a2") for one in recorded("a")])
    assert [str(one) for one in envelope(found, IMAGES).candidates] == ["a point a1", "a point a2"]


def test_images():
    assert Images.unknown(10, 4).class_counts == SPLIT_COUNTS
    found = Images.of(LABELS, SPLITS, 5)
    assert found.class_counts == (*np.bincount(LABELS[SPLITS[0]]), 0)
