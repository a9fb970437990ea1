"""A user's own tree: what is read, in which order, and every way in which it can be wrong."""

from __future__ import annotations

import io
import os
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from minjax.data import folder, listing, load
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
    assert dataset.augment == "crop"  # mirrored only where it is asked for: classes may have a left and a right


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


LINKS = {
    "dangling link": ("train/cat/1.png", "nowhere.png"),
    "dangling class": ("train/dog", "nowhere"),
    "link to itself": ("train/cat/1.png", "1.png"),
    "class that links to itself": ("train/dog", "dog"),
    "test class that links to itself": ("test/dog", "dog"),
    "train links to itself": ("train", "train"),
}


def spoil(root, how):
    """Break a valid tree in one way."""
    cat = root / "train" / "cat"
    if how == "no directory":
        shutil.rmtree(root)
    elif how == "no train":
        shutil.rmtree(root / "train")
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
    elif how in LINKS:
        link, target = LINKS[how]
        path = root / link
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.symlink_to(target)
    elif how == "large file":
        os.truncate(cat / "1.png", 2**30 + 1)


BAD = {
    "no directory": "pets is not a directory; it must hold train/<class>/ or <class>/ with PNG or JPEG files",
    "no train": "pets has no train/ directory",
    "no classes": "pets/train holds no class directories",
    "one class": "pets/train holds only one class, 'cat'; there must be at least two",
    "empty class": "class directory .*pets/train/cat is empty",
    "hidden only": "class directory .*pets/train/cat is empty",
    "test only": "class 'emu' is in .*pets/test but not in .*pets/train",
    "stray image": "pets/train/0.png is outside the class directories",
    "other file": "pets/train/cat/0.bmp is not a PNG or JPEG file",
    "nested": "pets/train/cat/more is not a PNG or JPEG file",
    "size": r"pets/train/cat/2.png is 7x5 pixels but .*pets/train/cat/0.png is 6x5; set dataset.image_size",
    "text": "cannot read the image .*pets/train/cat/1.png: not a PNG or JPEG image, or damaged",
    "no bytes": "cannot read the image .*pets/train/cat/1.png: not a PNG or JPEG image, or damaged",
    "gif": "cannot read the image .*pets/train/cat/1.png: not a PNG or JPEG image, or damaged",
    "truncated png": "cannot read the image .*pets/train/cat/1.png: ",
    "flipped bit": "cannot read the image .*pets/train/cat/1.png: ",
    "truncated jpeg": "cannot read the image .*pets/train/cat/1.jpg: image file is truncated",
    "dangling link": "cannot read .*pets/train/cat/1.png: No such file or directory",
    "dangling class": "cannot read .*pets/train/dog: No such file or directory",
    "link to itself": "cannot read .*pets/train/cat/1.png: Too many levels of symbolic links",
    "class that links to itself": "cannot read .*pets/train/dog: Too many levels of symbolic links",
    "test class that links to itself": "cannot read .*pets/test/dog: Too many levels of symbolic links",
    "train links to itself": "pets has no train/ directory",
    "large file": "pets/train/cat/1.png has 1,073,741,825 bytes; an image may have 1,073,741,824",
}


@pytest.mark.parametrize("how", BAD)
def test_refused_in_one_line(root, how):
    spoil(root, how)
    with pytest.raises(UserError, match=BAD[how]) as caught:
        folder.read(str(root))
    assert "\n" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


def test_no_path(tmp_path):
    with pytest.raises(UserError, match=r"dataset\.path is not set"):
        load("folder")
    (tmp_path / "circle").symlink_to("circle")
    for path, reason in [("circle", "Symlink loop"), ("a\0b", "null"), ("circle/a", "Symlink loop")]:
        with pytest.raises(UserError, match=rf"dataset\.path: .*({reason}|is not a directory)"):
            load("folder", path=str(tmp_path / path))


def test_a_file_that_vanishes_is_named(root, monkeypatch):
    listed = listing.read(root)
    shutil.rmtree(root / "train" / "dog")
    monkeypatch.setattr(listing, "read", lambda root: listed)
    with pytest.raises(UserError, match=r"cannot read the image .*pets/train/dog/0.png: No such file"):
        folder.read(str(root))


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_on_a_terminal_only(root, monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stream)
    folder.read(str(root))
    assert ("decoding images" in stream.getvalue()) == terminal
