"""Held-out parts: exact in size, even over the classes, a function of the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minjax.data.dataset import Split
from minjax.data.splits import hold_out, shares, stratified
from minjax.errors import UserError

FROZEN = [0, 2, 19, 20, 21, 41]
COUNTS = st.lists(st.integers(0, 60), min_size=1, max_size=12).map(np.array)


def split_of(counts) -> Split:
    """A split whose images are told apart by their first two pixels."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    np.random.RandomState(0).shuffle(labels)
    images = np.zeros((len(labels), 1, 2, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(len(labels)), 256)
    return Split(images, labels)


def numbers(split: Split) -> list[int]:
    return (split.images[:, 0, 0, 0].astype(int) * 256 + split.images[:, 0, 1, 0]).tolist()


@given(COUNTS, st.data(), st.integers(0, 1))
def test_shares_are_exact_and_proportional(counts, data, keep):
    spare = np.maximum(counts - keep, 0)
    total = data.draw(st.integers(0, int(spare.sum())))
    taken = shares(counts, total, keep=keep)
    assert taken.sum() == total
    assert (taken >= 0).all()
    assert (taken <= spare).all()
    if total >= np.count_nonzero(spare):
        assert (taken[spare > 0] >= 1).all()
    quota = counts * total / max(1, counts.sum())
    if (quota >= 1).all() and (np.ceil(quota) <= spare).all():  # neither bound is in the way
        assert (np.abs(taken - quota) < 1).all()


def test_shares_by_largest_remainder():
    assert shares(np.array([50, 30, 20]), 10).tolist() == [5, 3, 2]
    assert shares(np.array([5, 3, 2]), 7).tolist() == [4, 2, 1]  # quotas 3.5, 2.1, 1.4: the tie goes to the larger rest
    assert shares(np.array([990, 10]), 2).tolist() == [1, 1]
    with pytest.raises(ValueError, match="cannot take 11 of 10"):
        shares(np.array([5, 5]), 11)


@given(COUNTS.filter(lambda counts: counts.sum() > 0), st.data(), st.integers(0, 2**40))
def test_stratified_is_an_exact_part(counts, data, seed):
    labels = split_of(counts).labels
    total = data.draw(st.integers(0, len(labels)))
    chosen = stratified(labels, total, seed=seed, purpose="limit")
    assert len(chosen) == total
    assert (np.diff(chosen) > 0).all()
    assert (chosen == stratified(labels, total, seed=seed, purpose="limit")).all()
    classes = labels.max() + 1
    assert (np.bincount(labels[chosen], minlength=classes) == shares(np.bincount(labels), total)).all()


def test_every_image_may_be_chosen():
    labels = split_of([10, 10]).labels
    seen = np.zeros(20)
    for seed in range(200):
        seen[stratified(labels, 4, seed=seed, purpose="limit")] += 1
    assert seen.min() > 20  # 40 expected, deviation below 6
    assert seen.max() < 60


@given(st.integers(0, 99), st.integers(2, 8), st.floats(0.1, 0.6))
def test_hold_out_partitions(seed, classes, fraction):
    whole = split_of([20 + index for index in range(classes)])
    train, validation = hold_out(whole, num_classes=classes, validation_fraction=fraction, limit_train=None, seed=seed)
    assert validation is not None
    assert len(validation) == round(fraction * len(whole))
    assert sorted(numbers(train) + numbers(validation)) == list(range(len(whole)))
    for part in (train, validation):
        assert (whole.labels[numbers(part)] == part.labels).all()
        assert len(set(part.labels.tolist())) == classes


def test_the_limit_leaves_validation_as_it_was():
    whole = split_of([40, 40])
    split = {"num_classes": 2, "validation_fraction": 0.25, "seed": 3}
    train, validation = hold_out(whole, limit_train=None, **split)
    fewer, same = hold_out(whole, limit_train=10, **split)
    assert len(fewer) == 10
    assert set(numbers(fewer)) <= set(numbers(train))
    assert validation is not None
    assert same is not None
    assert numbers(same) == numbers(validation)


def test_seeds_differ_and_streams_are_frozen():
    labels = split_of([40, 40]).labels
    first, second = (stratified(labels, 6, seed=seed, purpose="validation").tolist() for seed in (0, 1))
    assert first != second
    assert first != stratified(labels, 6, seed=0, purpose="limit").tolist()
    # Written down: a run of an earlier version must find its validation images again.
    assert first == FROZEN


def test_validation_leaves_an_image_of_every_class_to_train_on():
    train, validation = hold_out(split_of([30, 2, 1]), num_classes=3, validation_fraction=0.9, limit_train=None, seed=0)
    assert validation is not None
    assert len(validation) == 30
    assert set(train.labels.tolist()) == {0, 1, 2}


def test_the_limit_has_a_stream_of_its_own():
    whole = split_of([40, 40])
    train, _ = hold_out(whole, num_classes=2, validation_fraction=0.0, limit_train=6, seed=0)
    assert numbers(train) == stratified(whole.labels, 6, seed=0, purpose="limit").tolist()


def test_nothing_held_out_is_the_same_object():
    whole = split_of([3, 3])
    assert hold_out(whole, num_classes=2, validation_fraction=0.0, limit_train=None, seed=0) == (whole, None)
    assert hold_out(whole, num_classes=2, validation_fraction=0.0, limit_train=6, seed=0)[0] is whole


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"validation_fraction": 1.0}, "at least 0 and below 1, not 1.0"),
        ({"validation_fraction": -0.1}, "at least 0 and below 1, not -0.1"),
        ({"validation_fraction": float("nan")}, "at least 0 and below 1, not nan"),
        ({"validation_fraction": 0.01}, "is 0: both they and the images left .* each of the 2 classes"),
        ({"validation_fraction": 0.99}, "is 20: both they and the images left"),
        ({"limit_train": 1}, "must be between the number of classes, 2, and the number of training images, 20"),
        ({"limit_train": 21}, "it is 21"),
        ({"limit_train": 20, "validation_fraction": 0.5}, "the number of training images, 10; it is 20"),
        ({"seed": -1}, "seed must not be negative, not -1"),
    ],
)
def test_refused(wrong, message):
    arguments = {"num_classes": 2, "validation_fraction": 0.0, "limit_train": None, "seed": 0} | wrong
    with pytest.raises(UserError, match=message):
        hold_out(split_of([10, 10]), **arguments)
