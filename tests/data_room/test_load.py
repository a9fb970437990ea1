"""`load`: the digits, what every set has in common, and what is refused before anything is read."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from minjax.data import AUGMENT, Split, load
from minjax.data.dataset import pixel_statistics
from minjax.errors import UserError
from tests.data_room.trees import tree


def test_digits():
    dataset = load("digits")
    assert (len(dataset.train), len(dataset.test), dataset.validation) == (1437, 360, None)
    assert dataset.image_shape == (8, 8, 1)
    assert dataset.class_names == tuple("0123456789")
    assert dataset.num_classes == 10
    assert dataset.augment == "none"
    assert (dataset.train.images.dtype, dataset.train.labels.dtype) == (np.uint8, np.int32)
    whole = np.bincount(np.concatenate([dataset.train.labels, dataset.test.labels]))
    assert np.abs(np.bincount(dataset.test.labels) - whole * 360 / 1797).max() < 1


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    dataset, bunch = load("digits"), load_digits()
    ours = np.concatenate([dataset.train.images, dataset.test.images])[..., 0]
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert set(np.unique(ours)) == {0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255}

    def sorted_rows(images, labels):
        return sorted(zip(np.rint(images / 255 * 16).reshape(len(images), -1).tolist(), labels.tolist(), strict=True))

    assert sorted_rows(ours, labels) == sorted_rows(bunch.images / 16 * 255, bunch.target)


def test_the_digits_split_never_moves():
    assert load("digits", seed=1).fingerprint == load("digits").fingerprint
    assert load("digits").fingerprint == "decfc60f307d840fc3577d68f7e9d2cff64b8f7d8df022b534720646377be44e"


def test_fingerprint_tells_splits_apart():
    found = {
        load("digits", **fields).fingerprint
        for fields in ({}, {"validation_fraction": 0.1}, {"validation_fraction": 0.1, "seed": 1}, {"limit_train": 100})
    }
    assert len(found) == 4
    one = load("digits", validation_fraction=0.1, limit_train=100, seed=5)
    assert one.fingerprint == load("digits", validation_fraction=0.1, limit_train=100, seed=5).fingerprint


def test_normalisation_is_of_what_is_trained_on():
    dataset = load("digits", validation_fraction=0.2, limit_train=50)
    assert dataset.validation is not None
    assert (len(dataset.train), len(dataset.validation)) == (50, 287)
    pixels = dataset.train.images / 255
    np.testing.assert_allclose(dataset.mean, [pixels.mean()], rtol=1e-12)
    np.testing.assert_allclose(dataset.std, [pixels.std()], rtol=1e-12)


def test_pixel_statistics_in_chunks():
    images = np.random.RandomState(0).randint(0, 256, (700, 64, 64, 2)).astype(np.uint8)
    images[..., 1] //= 3
    mean, std = pixel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-10)
    np.testing.assert_allclose(std, (images / 255).std((0, 1, 2)), rtol=1e-10)


def test_a_constant_channel_is_not_divided_by_zero():
    images = np.zeros((3, 2, 2, 2), np.uint8)
    images[..., 0] = 255
    images[0, 0, 0, 1] = 9
    mean, std = pixel_statistics(images)
    assert (mean[0], std[0]) == (1.0, 1.0)
    assert 0 < std[1] < 1


def test_paper_normalisation(tmp_path):
    dataset = load("folder", path=str(tree(tmp_path / "pets")), normalize="paper")
    assert dataset.mean == (0.4914, 0.4822, 0.4465)
    assert dataset.std == (0.2023, 0.1994, 0.2010)
    with pytest.raises(UserError, match="three colour channels; digits has 1"):
        load("digits", normalize="paper")


def test_augment():
    assert load("digits", augment="flip").augment == "flip"
    assert set(AUGMENT.values()) <= {"none", "crop", "flip", "crop_flip"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "digitz"}, r"unknown dataset 'digitz' \(did you mean 'digits'\?\); known: .*cifar10, .*folder"),
        ({"name": "cifar-10"}, r"unknown dataset 'cifar-10' \(did you mean 'cifar10'\?\)"),
        ({"name": ""}, "unknown dataset ''.*known: "),
        ({"name": "../digits"}, "'../digits'"),
        ({"normalize": "imagenet"}, "unknown dataset.normalize 'imagenet'.*known: paper, train"),
        ({"augment": "crops"}, r"unknown dataset.augment 'crops' \(did you mean 'crop'\?\)"),
        ({"path": "somewhere"}, "dataset.path is for dataset.name=folder, not digits"),
        ({"image_size": 32}, "dataset.image_size does not apply to digits"),
        ({"name": "folder", "path": "x", "image_size": 0}, "at least 1 pixel, not 0"),
        ({"validation_fraction": 1.5}, "validation_fraction must be at least 0 and below 1, not 1.5"),
        ({"limit_train": 9}, "limit_train must be between the number of classes, 10"),
        ({"limit_train": 1438}, "the number of training images, 1437; it is 1438"),
    ],
)
def test_refused(fields, message):
    with pytest.raises(UserError, match=message) as caught:
        load(**{"name": "digits"} | fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, np.int32)),
        (np.zeros((2, 4, 4, 1), np.float32), np.zeros(2, np.int32)),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(3, np.int32)),
    ],
)
def test_a_split_checks_itself(images, labels):
    with pytest.raises(ValueError, match="must be"):
        Split(images, labels)


def test_importing_and_digits_load_nothing_heavy(root):
    code = (
        "import sys, minjax.data; assert 'sklearn' not in sys.modules; minjax.data.load('digits');"
        "print([name for name in ('tensorflow', 'tensorflow_datasets', 'matplotlib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_digits_come_from_the_cache_and_without_one_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("MINJAX_CACHE", str(tmp_path))
    expected = load("digits").fingerprint
    monkeypatch.setattr("minjax.data.digits._split_of_scikit_learn", lambda: pytest.fail("decoded again"))
    assert load("digits").fingerprint == expected
    monkeypatch.undo()
    monkeypatch.setenv("MINJAX_CACHE", "/proc/minjax-cache")  # where nobody can write
    assert load("digits").fingerprint == expected
