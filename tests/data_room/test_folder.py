"""A user's own tree: what is read, in which order, and every way in which it can be wrong."""

from __future__ import annotations

import io
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from minjax.data import folder, load
from minjax.data import images as decoding
from minjax.errors import UserError
from tests.data_room.trees import picture, save, tree


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINJAX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    return tree(tmp_path / "pets")


def test_images_labels_and_names(root):
    source = folder.read(str(root))
    assert source.class_names == ("cat", "dog")
    assert source.train.images.shape == (6, 5, 6, 3)
    for seed in range(6):
        np.testing.assert_array_equal(source.train.images[seed], picture(seed))
    np.testing.assert_array_equal(source.test.images[3], picture(9))
    assert source.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.test.labels.tolist() == [0, 0, 1, 1]


def test_load_normalises_by_the_training_images(root):
    dataset = load("folder", path=str(root))
    pixels = dataset.train.images / 255
    np.testing.assert_allclose(dataset.mean, pixels.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(dataset.std, pixels.std((0, 1, 2)), rtol=1e-12)
    assert dataset.augment == "crop_flip"


def test_test_may_lack_a_class(root):
    shutil.rmtree(root / "test" / "cat")
    assert folder.read(str(root)).test.labels.tolist() == [1, 1]


def test_names_are_sorted_and_hidden_files_ignored(tmp_path):
    root = tree(tmp_path / "t", classes=("b", "a", "C"))
    for litter in (".DS_Store", "train/.DS_Store", "train/a/.hidden.png", "train/a/Thumbs.db", "train/notes.txt"):
        (root / litter).write_text("litter")
    (root / "train" / ".git").mkdir()
    source = folder.read(str(root))
    assert source.class_names == ("C", "a", "b")
    assert len(source.train) == 9


def test_endings_in_any_case_and_jpeg(root):
    (root / "train" / "cat" / "0.png").rename(root / "train" / "cat" / "0.PNG")
    smooth = np.full((5, 6, 3), (200, 100, 50), np.uint8)
    save(root / "train" / "cat" / "1.png", smooth)
    (root / "train" / "cat" / "1.png").unlink()
    Image.fromarray(smooth).save(root / "train" / "cat" / "1.JPeG", format="JPEG")
    images = folder.read(str(root)).train.images
    np.testing.assert_array_equal(images[0], picture(0))
    assert np.abs(images[1].astype(int) - smooth).max() < 4


def test_grey_is_one_channel_unless_any_is_coloured(tmp_path):
    root = tree(tmp_path / "grey", channels=1)
    assert load("folder", path=str(root)).image_shape == (5, 6, 1)
    assert load("folder", path=str(root)).augment == "crop"
    save(root / "test" / "dog" / "1.png", picture(50))
    source = folder.read(str(root))
    assert source.train.images.shape == (6, 5, 6, 3)
    np.testing.assert_array_equal(source.train.images[0], np.repeat(picture(0, channels=1), 3, 2))
    np.testing.assert_array_equal(source.test.images[3], picture(50))


def test_image_size_resizes(root):
    save(root / "train" / "cat" / "1.png", np.full((40, 20, 3), 77, np.uint8))
    source = folder.read(str(root), image_size=4)
    assert source.train.images.shape == (6, 4, 4, 3)
    assert (source.train.images[1] == 77).all()
    stripes = np.zeros((8, 8, 1), np.uint8)
    stripes[:, ::2] = 200
    data = io.BytesIO()
    Image.fromarray(stripes[..., 0]).save(data, "PNG")
    small = decoding.decode(data.getvalue(), "stripes", 4)
    assert np.abs(small[:, 1:3].astype(int) - 100).max() < 15  # antialiased: without it, all 0 or all 200


def test_a_symbolic_link_is_followed(root, tmp_path):
    (root / "train" / "dog").rename(tmp_path / "elsewhere")
    (root / "train" / "dog").symlink_to(tmp_path / "elsewhere")
    assert len(folder.read(str(root)).train) == 6


def spoil(root, how):
    """Break a valid tree in one way."""
    cat = root / "train" / "cat"
    if how == "no directory":
        shutil.rmtree(root)
    elif how in ("no train", "no test"):
        shutil.rmtree(root / how[3:])
    elif how == "no classes":
        shutil.rmtree(root / "train")
        (root / "train").mkdir()
    elif how == "one class":
        shutil.rmtree(root / "train" / "dog")
        shutil.rmtree(root / "test" / "dog")
    elif how == "empty class":
        shutil.rmtree(cat)
        cat.mkdir()
    elif how == "hidden only":
        shutil.rmtree(cat)
        cat.mkdir()
        (cat / ".keep").write_text("")
    elif how == "test only":
        save(root / "test" / "emu" / "0.png", picture(0))
    elif how == "stray image":
        save(root / "train" / "0.png", picture(0))
    elif how == "other file":
        (cat / "0.bmp").write_bytes(b"BM")
    elif how == "nested":
        (cat / "more").mkdir()
    elif how == "size":
        save(cat / "2.png", picture(0, size=(7, 5)))
        save(root / "train" / "dog" / "1.png", picture(0, size=(9, 9)))
    elif how == "text":
        (cat / "1.png").write_text("not an image")
    elif how == "no bytes":
        (cat / "1.png").write_bytes(b"")
    elif how == "gif":
        Image.fromarray(picture(0)).save(cat / "1.png", format="GIF")
    elif how == "truncated png":
        (cat / "1.png").write_bytes((cat / "1.png").read_bytes()[:-30])
    elif how == "flipped bit":
        data = bytearray((cat / "1.png").read_bytes())
        data[60] ^= 0x40
        (cat / "1.png").write_bytes(data)
    elif how == "truncated jpeg":
        (cat / "1.png").unlink()
        save(cat / "1.jpg", picture(0, size=(64, 64)))
        (cat / "1.jpg").write_bytes((cat / "1.jpg").read_bytes()[:700])
    elif how == "dangling link":
        (cat / "1.png").unlink()
        (cat / "1.png").symlink_to("nowhere.png")


BAD = {
    "no directory": "pets is not a directory; it must hold train/<class>/ and test/<class>/",
    "no train": "pets has no train/ directory",
    "no test": "pets has no test/ directory",
    "no classes": "pets/train holds no class directories",
    "one class": "pets/train holds one class, 'cat'; there must be at least two",
    "empty class": "class directory .*pets/train/cat is empty",
    "hidden only": "class directory .*pets/train/cat is empty",
    "test only": "class 'emu' is in .*pets/test but not in .*pets/train",
    "stray image": "pets/train/0.png lies outside of the class directories",
    "other file": "pets/train/cat/0.bmp is not a PNG or JPEG file",
    "nested": "pets/train/cat/more is not a PNG or JPEG file",
    "size": r"pets/train/cat/2.png is 7x5 pixels but .*pets/train/cat/0.png is 6x5; set dataset.image_size",
    "text": "cannot read the image .*pets/train/cat/1.png: not a PNG or JPEG image, or damaged",
    "no bytes": "cannot read the image .*pets/train/cat/1.png: not a PNG or JPEG image, or damaged",
    "gif": "cannot read the image .*pets/train/cat/1.png: not a PNG or JPEG image, or damaged",
    "truncated png": "cannot read the image .*pets/train/cat/1.png: ",
    "flipped bit": "cannot read the image .*pets/train/cat/1.png: ",
    "truncated jpeg": "cannot read the image .*pets/train/cat/1.jpg: image file is truncated",
    "dangling link": "pets/train/cat/1.png is not a PNG or JPEG file",
}


@pytest.mark.parametrize("how", BAD)
def test_refused_in_one_line(root, how):
    spoil(root, how)
    with pytest.raises(UserError, match=BAD[how]) as caught:
        folder.read(str(root))
    assert "\n" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


def test_no_path():
    with pytest.raises(UserError, match=r"dataset\.path is not set"):
        load("folder")


def test_a_file_that_vanishes_is_named(root, monkeypatch):
    listed = folder.list_images(root / "train", ("cat", "dog"))
    shutil.rmtree(root / "train" / "dog")
    monkeypatch.setattr(folder, "class_names", lambda root: ("cat", "dog"))
    monkeypatch.setattr(folder, "list_images", lambda *arguments: listed)
    with pytest.raises(UserError, match=r"cannot read the image .*pets/train/dog/0.png: No such file"):
        folder.read(str(root))


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_on_a_terminal_only(root, monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stream)
    folder.read(str(root))
    assert ("decoding images" in stream.getvalue()) == terminal


def encoded(image: Image.Image, **options) -> bytes:
    data = io.BytesIO()
    image.save(data, options.pop("format", "PNG"), **options)
    return data.getvalue()


class TestModes:
    """Pixels of every kind that PNG and JPEG know, against what they mean."""

    def test_sixteen_bits(self):
        wide = np.array([[0, 128, 257, 32768, 65535]], np.uint16)
        got = decoding.decode(encoded(Image.fromarray(wide)), "x")
        assert got[..., 0].tolist() == [[0, 0, 1, 128, 255]]

    def test_one_bit(self):
        image = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert("1")
        assert decoding.decode(encoded(image), "x")[..., 0].tolist() == [[0, 255, 255]]

    def test_palette(self):
        image = Image.fromarray(np.array([[0, 1]], np.uint8), "L")
        image = image.convert("P")
        image.putpalette([255, 0, 0, 0, 0, 255])
        assert decoding.decode(encoded(image), "x").tolist() == [[[255, 0, 0], [0, 0, 255]]]
        image.putpalette([9, 9, 9, 200, 200, 200])
        assert decoding.decode(encoded(image), "x").tolist() == [[[9], [200]]]

    def test_palette_with_transparency(self):
        image = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
        image.putpalette([255, 0, 0, 0, 0, 255])
        assert decoding.decode(encoded(image, transparency=0), "x").tolist() == [[[255, 255, 255], [0, 0, 255]]]

    def test_alpha_lies_over_white(self):
        array = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
        assert decoding.decode(encoded(Image.fromarray(array)), "x").tolist() == [[[10, 20, 30], [255, 255, 255]]]

    def test_grey_with_alpha_stays_grey(self):
        array = np.array([[[10, 255], [10, 0]]], np.uint8)
        assert decoding.decode(encoded(Image.fromarray(array, "LA")), "x").tolist() == [[[10], [255]]]

    def test_grey_with_a_transparent_value(self):
        image = Image.fromarray(np.array([[3, 4]], np.uint8))
        assert decoding.decode(encoded(image, transparency=3), "x").tolist() == [[[255], [4]]]

    def test_cmyk(self):
        image = Image.new("RGB", (8, 8), (255, 0, 0)).convert("CMYK")
        got = decoding.decode(encoded(image, format="JPEG"), "x")
        assert got.shape == (8, 8, 3)
        assert np.abs(got.astype(int) - [255, 0, 0]).max() < 6

    def test_orientation_is_applied(self):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned a quarter clockwise for viewing
        image = Image.new("RGB", (16, 8), (0, 0, 0))
        image.paste((255, 255, 255), (0, 0, 8, 8))  # the left half is white ...
        got = decoding.decode(encoded(image, format="JPEG", exif=exif), "x")
        assert got.shape == (16, 8, 3)
        assert got[:8].min() > 200  # ... and so the upper one when turned
        assert got[8:].max() < 50
