"""The predictor: what it takes, what it makes of it, what it refuses."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from minjax.data.augment import preprocess
from minjax.deploy.predictor import Predictor, image_files, read_many, softmax
from minjax.errors import UserError
from tests.deploy.networks import CLASSES, images, network, reference

SHAPE = (9, 11, 3)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(network("cnn"))


def test_classes_and_probabilities(predictor):
    pixels = images(SHAPE, 21)
    wanted = reference(predictor.network, pixels)
    probabilities = predictor.probabilities(pixels)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (21, 5)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(probabilities, np.asarray(jax.nn.softmax(wanted)), atol=1e-6)
    assert predictor.predict(pixels) == [CLASSES[i] for i in wanted.argmax(1)]
    assert "9x11x3 images, 5 classes" in repr(predictor)


def test_preprocessing_has_the_bits_of_evaluation(predictor):
    pixels, network_ = images(SHAPE), predictor.network
    wanted = jax.jit(lambda x: preprocess(x, mean=network_.mean, std=network_.std, dtype="float32"))(pixels)
    np.testing.assert_array_equal(predictor.preprocess(pixels), wanted)


def test_every_way_to_give_images_is_the_same(predictor, tmp_path):
    pixels = images(SHAPE, 3)
    paths = []
    for i, image in enumerate(pixels):
        (tmp_path / "deep").mkdir(exist_ok=True)
        paths.append(tmp_path / ("deep" if i == 1 else ".") / f"{i}.png")
        Image.fromarray(image).save(paths[-1])
    order = [1, 0, 2] if (tmp_path / "deep") < (tmp_path / "0.png") else [0, 2, 1]
    wanted = predictor.pixels(pixels)
    np.testing.assert_array_equal(wanted, pixels)
    for given in (list(pixels), paths, map(str, paths), [Image.fromarray(image) for image in pixels]):
        np.testing.assert_array_equal(predictor.pixels(given), wanted)
    np.testing.assert_array_equal(predictor.pixels(tmp_path), wanted[order])
    np.testing.assert_array_equal(predictor.pixels(pixels[0]), wanted[:1])
    np.testing.assert_array_equal(predictor.pixels(str(paths[2])), wanted[2:])


def test_grey_and_colour():
    grey = Predictor(network("cnn_valid"))
    pixels = images((7, 6, 1), 2)
    np.testing.assert_array_equal(grey.pixels(pixels[0, :, :, 0]), pixels[:1])
    np.testing.assert_array_equal(grey.pixels(np.repeat(pixels, 3, axis=3)), pixels)
    colour = Predictor(network("cnn"))
    one = images((9, 11, 1), 1)
    np.testing.assert_array_equal(colour.pixels(one), np.repeat(one, 3, axis=3))


def test_other_sizes_are_refused_unless_the_data_were_resized(predictor):
    large = images((20, 30, 3), 2)
    with pytest.raises(UserError, match=r"30x20 pixels .* the network takes 11x9.*resize=True"):
        predictor.predict(large)
    resized = Predictor(dataclasses.replace(predictor.network, resized=True)).pixels(large)
    wanted = Image.fromarray(large[1]).resize((11, 9), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(resized[1], np.asarray(wanted))
    np.testing.assert_array_equal(Predictor(predictor.network, resize=True).pixels(large), resized)


def test_no_images_and_many(predictor):
    assert predictor.predict([]) == []
    assert predictor.probabilities(np.zeros((0, *SHAPE), np.uint8)).shape == (0, 5)
    pixels = images(SHAPE, 517)  # more than one batch
    alone = np.concatenate([predictor.logits(pixels[i : i + 1]) for i in (0, 499, 500, 516)])
    np.testing.assert_allclose(predictor.logits(pixels)[[0, 499, 500, 516]], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((9, 11, 3), np.float32), "an image array of float32: pixels are uint8"),
        (np.zeros((9, 11, 4), np.uint8), r"shape \(1, 9, 11, 4\)"),
        (3, "int is not an image"),
        ("no/such.png", "no/such.png: no such image or folder"),
    ],
)
def test_what_is_no_image(predictor, given, message):
    with pytest.raises(UserError, match=message):
        predictor.predict(given)


def test_damaged_files_and_empty_folders(predictor, tmp_path):
    with pytest.raises(UserError, match="holds no PNG or JPEG files"):
        image_files(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    Image.fromarray(images(SHAPE, 1)[0]).save(tmp_path / "b.png")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.png").write_bytes(b"not looked at")
    with pytest.raises(UserError, match=r"a\.png: not a PNG or JPEG image"):
        predictor.predict(tmp_path)
    skipped = []
    ((kept, pixels),) = read_many(predictor, image_files(tmp_path), skip=lambda path, error: skipped.append(path.name))
    assert (skipped, [path.name for path in kept], pixels.shape) == (["a.png"], ["b.png"], (1, *SHAPE))


def test_softmax_of_large_logits():
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0, -1000.0]], np.float32)), [[0.5, 0.5, 0]])


def test_importing_minjax_is_fast():
    code = "import sys, minjax; assert 'jax' not in sys.modules; minjax.models.NAMES; minjax.load; minjax.data.load"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_minjax_has_no_other_names():
    import minjax

    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = minjax.lod
