"""How members divide the training split: by their seed alone, every class alike, as task=train does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from minjax import data
from minjax.data.splits import hold_out
from minjax.errors import UserError
from minjax.tasks.study.partitions import Partitions

SEEDS = (42, 43, 44)


@pytest.fixture(scope="module", name="digits")
def _digits():
    return data.load("digits")


def make(digits, seeds=SEEDS, *, curve_images=None, metric="accuracy", **fields):
    dataset = {"validation_fraction": 0.2, "limit_train": None, "normalize": "train", **fields}
    return Partitions(digits, {"dataset": dataset, "study": {"curve_images": curve_images, "metric": metric}}, seeds)


def test_each_seed_has_the_division_that_a_run_with_this_seed_has(digits):
    found = make(digits).of(SEEDS)
    for place, seed in enumerate(SEEDS):
        run = data.load("digits", validation_fraction=0.2, seed=seed)
        np.testing.assert_array_equal(digits.train.images[found.train[place]], run.train.images)
        np.testing.assert_array_equal(digits.train.images[found.validation[place]], run.validation.images)
        np.testing.assert_array_equal(digits.train.labels[found.validation[place]], run.validation.labels)
        assert (tuple(found.mean[place]), tuple(found.std[place])) == (run.mean, run.std)
    assert len({tuple(one) for one in found.validation}) == 3


def test_it_depends_on_nothing_but_the_seed(digits):
    whole, few = make(digits).of(SEEDS), make(digits, SEEDS[1:]).of([44])
    np.testing.assert_array_equal(whole.train[2], few.train[0])
    np.testing.assert_array_equal(whole.validation[2], few.validation[0])
    limited = make(digits, limit_train=300)
    assert limited.sizes == {"train": 300, "validation": 287, "curves": 287}
    np.testing.assert_array_equal(limited.of([44]).validation[0], few.validation[0])


def test_findings_get_the_images_of_the_validation_splits(digits):
    partitions = make(digits)
    found = partitions.images(SEEDS)
    assert sum(found.class_counts) == 287
    np.testing.assert_array_equal(found.splits[43], partitions.of([43]).validation[0])
    np.testing.assert_array_equal(found.labels, digits.train.labels)


def test_other_limits_divide_as_a_study_with_that_limit_does(digits):
    whole = make(digits)
    assert whole.limited(None) is whole
    limited = whole.limited(300)
    assert limited is whole.limited(300)
    assert limited.sizes == {"train": 300, "validation": 287, "curves": 287}
    np.testing.assert_array_equal(limited.of(SEEDS).train, make(digits, limit_train=300).of(SEEDS).train)
    np.testing.assert_array_equal(limited.of(SEEDS).validation, whole.of(SEEDS).validation)
    assert limited.of(SEEDS).mean[0] != whole.of(SEEDS).mean[0]


def test_sizes_are_those_of_every_seed_and_every_class_has_its_share(digits):
    partitions = make(digits, range(20), curve_images=100)
    assert partitions.sizes == {"train": 1150, "validation": 287, "curves": 100}
    found, curves = partitions.of(range(20)), partitions.curves(range(20))
    assert found.train.shape == (20, 1150)
    for train, validation, few in zip(found.train, found.validation, curves.validation, strict=True):
        assert sorted([*train, *validation]) == list(range(1437))
        assert set(few) < set(validation)
        assert len(few) == 100
        for part in (validation, few):
            counts = np.bincount(digits.train.labels[part])
            np.testing.assert_allclose(counts / len(part), np.bincount(digits.train.labels) / 1437, atol=0.01)
    np.testing.assert_array_equal(curves.train, found.train)


def test_too_few_images_are_one_clear_error(digits):
    with pytest.raises(UserError, match=r"validation_fraction=0\.001 of 1437 images is 1: both they and"):
        make(digits, validation_fraction=0.001)
    with pytest.raises(UserError, match="limit_train must be between"):
        make(digits, limit_train=1200)


def test_a_run_divides_with_the_same_function(digits):
    train, held = hold_out(digits.train, num_classes=10, validation_fraction=0.0, limit_train=None, seed=0)
    assert train is digits.train
    assert held is None


def test_images_that_the_source_chose_validate_for_every_seed():
    divided = data.load("digits", validation_fraction=0.1)
    pooled = divided.with_validation()
    divisions = make(pooled, range(3), limit_train=100)
    train, validation = len(divided.train), len(divided.validation)
    assert (divisions.sizes["train"], divisions.sizes["validation"]) == (100, validation)
    for seed in range(3):
        part = divisions.of([seed])
        assert part.validation[0].tolist() == list(range(train, train + validation))
        assert part.train[0].max() < train
    np.testing.assert_array_equal(pooled.train.images[train:], divided.validation.images)


def test_units_that_cannot_be_divided_alike_are_refused(digits):
    uneven = np.repeat(np.arange(300), 1 + np.arange(300) % 13)[: len(digits.train)]
    with pytest.raises(UserError, match="cannot be divided into parts of the same size for every seed"):
        make(dataclasses.replace(digits, units=uneven), range(5))
    pairs = np.arange(len(digits.train))
    pairs[1] = pairs[0]
    make(dataclasses.replace(digits, units=pairs), range(5))


def test_where_classes_count_alike_curves_have_as_many_images_of_each(digits):
    # of the threes only a tenth
    rare = np.flatnonzero((digits.train.labels != 3) | (np.arange(len(digits.train)) % 10 == 0))
    few = dataclasses.replace(digits, train=digits.train.take(rare))
    plain, balanced = make(few), make(few, metric="balanced_accuracy")
    assert balanced.chance == 0.1
    commonest = np.bincount(few.train.labels).max() / len(few.train)
    assert plain.chance == commonest > 0.11
    right = few.test.labels != 3
    assert (plain.score(right, few.test.labels), balanced.score(right, few.test.labels)) == (right.mean(), 0.9)
    with pytest.raises(UserError, match=rf"wanted is 0\.11; it must be above {commonest:.4g}: always answering the"):
        few.check_target("wanted", 0.11, balanced=False)
    few.check_target("wanted", 0.11, balanced=True)
    with pytest.raises(UserError, match=r"wanted is 0\.1; it must be above 0\.1: guessing reaches that"):
        few.check_target("wanted", 0.1, balanced=True)
    np.testing.assert_array_equal(plain.of(SEEDS).validation, balanced.of(SEEDS).validation)
    for seed in SEEDS:
        (chosen,) = balanced.curves([seed]).validation
        assert len(chosen) == balanced.sizes["curves"]
        assert set(chosen) <= set(balanced.of([seed]).validation[0])
        assert len(set(np.bincount(few.train.labels[chosen]))) == 1
        threes = np.bincount(chosen[few.train.labels[chosen] == 3])
        assert np.ptp(threes[threes > 0]) <= 1
        assert sorted(set(chosen[few.train.labels[chosen] == 3])) == sorted(
            index for index in balanced.of([seed]).validation[0] if few.train.labels[index] == 3
        )
    assert make(few, metric="balanced_accuracy", curve_images=57).sizes["curves"] == 50
