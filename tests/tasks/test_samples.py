"""The images that a run keeps for its page."""

from __future__ import annotations

import numpy as np
import pytest

from minjax import data
from minjax.records.run import Predictions
from minjax.records.samples import INPUTS, MISTAKES, SIDE
from minjax.tasks import samples
from minjax.train.epoch import Input


@pytest.fixture(scope="module", name="dataset")
def _dataset():
    return data.load("digits")


def wrong(dataset, count, confidence=None):
    labels = np.asarray(dataset.test.labels)
    predicted = labels.copy()
    predicted[:count] = (predicted[:count] + 1) % 10
    return Predictions(labels, predicted, dataset.class_names, confidence)


def inputs(dataset, augment):
    return Input(mean=dataset.mean, std=dataset.std, augment=augment, crop_padding=4, dtype="float32")


@pytest.mark.parametrize("count", [0, 3, 100])
def test_the_surest_mistakes_come_first(dataset, count):
    confidence = np.linspace(0.2, 0.9, len(dataset.test)).astype(np.float32)
    found = samples.of_run(dataset, wrong(dataset, count, confidence), inputs(dataset, "none"), 3)
    assert found.places.tolist() == list(range(count))[::-1][:MISTAKES]
    np.testing.assert_array_equal(found.mistakes, dataset.test.images[found.places])
    assert samples.mistakes(wrong(dataset, count)).tolist() == list(range(count))[:MISTAKES]


def test_inputs_are_training_images_of_every_class_as_training_sees_them(dataset):
    plain, again, moved = (
        samples.of_run(dataset, wrong(dataset, 1), inputs(dataset, kind), 3) for kind in ("none", "none", "crop")
    )
    assert len(plain.inputs) == INPUTS
    assert set(plain.labels.tolist()) == set(range(10))
    training = {image.tobytes() for image in dataset.train.images}
    assert all(image.tobytes() in training for image in plain.inputs)
    np.testing.assert_array_equal(plain.inputs, again.inputs)
    np.testing.assert_array_equal(plain.labels, moved.labels)
    assert (plain.inputs != moved.inputs).any()


@pytest.mark.parametrize(("shape", "kept"), [((2, 300, 150, 3), (2, 128, 64, 3)), ((0, 300, 150, 1), (0, 128, 128, 1))])
def test_large_images_are_kept_small(shape, kept):
    assert samples.fitted(np.zeros(shape, np.uint8)).shape == kept
    assert samples.fitted(np.zeros((1, SIDE, 9, 1), np.uint8)).shape == (1, SIDE, 9, 1)
