"""Folders as people have them: undivided, with val/, from CSV files, with equal images, groups and damaged files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from minjax.data import equal, folder, load
from minjax.data.splits import divide, whole_units
from minjax.errors import UserError
from tests.data_room.trees import picture, save, tree


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINJAX_CACHE", str(tmp_path / "cache"))


def keys(split):
    return [image.tobytes() for image in split.images]


def undivided(root, *, bare, count=10):
    """`count` different images in each of two classes, below train/ or at the top."""
    tree(root, train=count)
    shutil.rmtree(root / "test")
    if bare:
        for name in ("cat", "dog"):
            (root / "train" / name).rename(root / name)
        (root / "train").rmdir()
    return root


@pytest.mark.parametrize("bare", [False, True])
def test_without_test_images_a_stratified_fifth_is_the_same_for_every_seed(tmp_path, bare):
    root = undivided(tmp_path / "pets", bare=bare)
    first, second = (load("folder", path=str(root), seed=seed) for seed in (0, 1))
    assert np.bincount(first.test.labels).tolist() == [2, 2]
    assert np.bincount(first.train.labels).tolist() == [8, 8]
    assert keys(first.test) == keys(second.test)
    assert sorted(keys(first.train) + keys(first.test)) == sorted(picture(seed).tobytes() for seed in range(20))
    for split in (first.train, first.test):  # images and labels went the same way
        for image, label in zip(split.images, split.labels, strict=True):
            seed = next(seed for seed in range(20) if (picture(seed) == image).all())
            assert label == seed // 10
    again = load("folder", path=str(root))  # from the cache
    assert keys(again.test) == keys(first.test)
    assert again.fingerprint == first.fingerprint


def test_the_fraction_can_be_set_where_there_is_no_test_split(tmp_path):
    root = undivided(tmp_path / "pets", bare=True)
    assert np.bincount(load("folder", path=str(root), test_fraction=0.4).test.labels).tolist() == [4, 4]
    with pytest.raises(UserError, match=r"test_fraction=0\.95 of 20 images is 19: both they and the images left"):
        load("folder", path=str(root), test_fraction=0.95)
    with pytest.raises(UserError, match=r"test_fraction=0\.4 is for a folder without test images"):
        load("folder", path=str(tree(tmp_path / "divided")), test_fraction=0.4)
    with pytest.raises(UserError, match=r"dataset\.test_fraction is for dataset\.name=folder, not digits"):
        load("digits", test_fraction=0.4)


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_val_validates(tmp_path, name):
    root = tree(tmp_path / "pets")
    for index, label in enumerate(("cat", "cat", "dog")):
        save(root / name / label / f"{index}.png", picture(100 + index))
    dataset = load("folder", path=str(root), validation_fraction=0.5)
    assert dataset.validation is not None
    assert keys(dataset.validation) == [picture(100 + index).tobytes() for index in range(3)]
    assert (len(dataset.train), len(dataset.test)) == (6, 4)
    assert load("folder", path=str(root)).validation is not None


def test_two_validation_splits_are_refused(tmp_path):
    root = tree(tmp_path / "pets")
    for name in ("val", "valid"):
        save(root / name / "cat" / "0.png", picture(0))
    with pytest.raises(UserError, match="has both val/ and valid/; one split validates"):
        load("folder", path=str(root))


def test_equal_images_are_on_one_side(tmp_path):
    root = undivided(tmp_path / "pets", bare=True)
    for index in range(5):  # each of five cats is there three times, once under other bytes
        shutil.copy(root / "cat" / f"{index}.png", root / "cat" / f"copy-{index}.png")
        with Image.open(root / "cat" / f"{index}.png") as image:
            image.save(root / "cat" / f"bytes-{index}.png", compress_level=0)
    dataset = load("folder", path=str(root), test_fraction=0.3, validation_fraction=0.3)
    assert dataset.validation is not None
    sides = [set(keys(split)) for split in (dataset.train, dataset.validation, dataset.test)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 20
    assert sum(len(split) for split in (dataset.train, dataset.validation, dataset.test)) == 30
    assert not dataset.notes


def test_equal_images_in_a_divided_folder_are_warned_of(tmp_path):
    root = tree(tmp_path / "pets")
    shutil.copy(root / "train" / "cat" / "1.png", root / "test" / "cat" / "0.png")
    shutil.copy(root / "train" / "cat" / "2.png", root / "train" / "dog" / "2.png")
    torn, across = sorted(load("folder", path=str(root)).notes)
    assert "1 image is in another class too, for example " in torn
    assert "1 image of the test split is in the training split too, for example " in across
    assert "test/cat/0.png and " in across
    assert "the test accuracy is too high by up to 25.0 points" in across
    assert load("folder", path=str(root)).notes == (across, torn)  # from the cache


def table(root, name, rows, header="path,label,group"):
    (root / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")


def files(root, count):
    for seed in range(count):
        save(root / "images" / f"{seed}.png", picture(seed))


def test_a_table_says_which_images_there_are(tmp_path):
    files(tmp_path, 6)
    table(tmp_path, "train", [f"images/{n}.png,{'left' if n % 2 else 'right'}" for n in range(4)], "path,label")
    table(tmp_path, "test", ["images/4.png,right", "images/5.png,left"], "path,label")
    dataset = load("folder", path=str(tmp_path))
    assert dataset.class_names == ("left", "right")
    assert dataset.train.labels.tolist() == [1, 0, 1, 0]
    assert keys(dataset.train) == [picture(seed).tobytes() for seed in range(4)]
    assert dataset.test.labels.tolist() == [1, 0]
    table(tmp_path, "train", [f"images/{n}.png,{'right' if n % 2 else 'left'}" for n in range(4)], "path,label")
    assert load("folder", path=str(tmp_path)).train.labels.tolist() == [0, 1, 0, 1]  # the cache notices


def test_a_group_is_never_divided(tmp_path):
    files(tmp_path, 40)
    person = [n // 4 for n in range(40)]
    table(tmp_path, "train", [f"images/{n}.png,{'ab'[n % 2]},p{person[n]}" for n in range(40)])
    dataset = load("folder", path=str(tmp_path), validation_fraction=0.25)
    assert dataset.validation is not None
    owner = {picture(n).tobytes(): person[n] for n in range(40)}
    sides = [{owner[key] for key in keys(split)} for split in (dataset.train, dataset.validation, dataset.test)]
    assert sum(map(len, sides)) == 10
    assert len(set.union(*sides)) == 10
    assert len(dataset.test) == 8


def test_a_group_in_two_tables_is_warned_of(tmp_path):
    files(tmp_path, 6)
    table(tmp_path, "train", [f"images/{n}.png,{'ab'[n % 2]},p{n}" for n in range(4)])
    table(tmp_path, "test", ["images/4.png,a,p1", "images/5.png,b,p9"])
    (note,) = load("folder", path=str(tmp_path)).notes
    assert note == "1 group of the test split is in the training split too, for example 'p1'"


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["images/0.png,a"], "file,label", "train.csv begins with 'file,label'; it must begin with path,label"),
        ([], "path,label", "train.csv lists no images"),
        (["images/0.png,a", "images/1.png"], "path,label", "train.csv, line 3: the label is empty"),
        (["images/0.png,a", ",b"], "path,label", "train.csv, line 3: the path is empty"),
        (["images/0.png,a", "images/9.png,b"], "path,label", "train.csv: cannot read .*images/9.png: No such file"),
        (["images/0.png,a", "images/1.bmp,b"], "path,label", "images/1.bmp is not a PNG or JPEG file"),
        (["images/0.png,a", "images/1.png,a"], "path,label", "train.csv holds only one class, 'a'"),
        (['images/0.png,"a'], "path,label", "cannot read .*train.csv: unexpected end of data"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path, rows, header, message):
    files(tmp_path, 3)
    table(tmp_path, "train", rows, header)
    with pytest.raises(UserError, match=message) as caught:
        load("folder", path=str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_damaged_image_is_named_or_left_out(tmp_path):
    root = tree(tmp_path / "pets", train=5)
    for damaged in ("cat/0.png", "dog/3.png"):  # the very first file among them
        (root / "train" / damaged).write_bytes(b"no image")
    with pytest.raises(UserError, match=r"cat/0.png: not a PNG .*; dataset\.skip_damaged=True leaves damaged"):
        load("folder", path=str(root))
    dataset = load("folder", path=str(root), skip_damaged=True)
    assert keys(dataset.train) == [picture(seed).tobytes() for seed in (1, 2, 3, 4, 5, 6, 7, 9)]
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4
    (note,) = dataset.notes
    assert note.startswith("2 of 14 images cannot be read and are left out: ")
    assert "cat/0.png" in note
    assert "dog/3.png" in note


def test_a_class_without_a_readable_image_is_refused(tmp_path):
    root = tree(tmp_path / "pets")
    for file in (root / "train" / "dog").iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(UserError, match="class 'dog' has no image that can be read"):
        load("folder", path=str(root), skip_damaged=True)


def test_many_damaged_images_are_counted(tmp_path):
    root = tree(tmp_path / "pets", train=30)
    for index in range(20):
        (root / "train" / "dog" / f"{index}.png").write_bytes(b"no image")
    (note,) = load("folder", path=str(root), skip_damaged=True).notes
    assert note.count("not a PNG") == 10
    assert note.endswith("; and 10 more")


def test_height_and_width(tmp_path):
    root = tree(tmp_path / "pets")
    save(root / "train" / "cat" / "1.png", np.full((40, 20, 3), 77, np.uint8))
    source = folder.read(str(root), image_size=(4, 7))
    assert source.train.images.shape == (6, 4, 7, 3)
    assert (source.train.images[1] == 77).all()


class TestUnits:
    def test_groups_and_equal_images_join(self):
        assert equal.units([b"a", b"b", b"a", b"c"]).tolist() == [0, 1, 0, 2]
        assert equal.units([b"a", b"b", b"c", b"d"], ["x", "", "x", ""]).tolist() == [0, 1, 0, 2]
        # the second and the third are equal, so the groups of both belong together
        assert equal.units([b"a", b"b", b"b", b"d"], ["x", "x", "y", "y"]).tolist() == [0, 0, 0, 0]

    def test_single_images_are_taken_as_ever(self):
        labels = np.repeat([0, 1], 20)
        alone = whole_units(labels, np.arange(40), 8, seed=3, purpose="validation")
        assert alone.tolist() == whole_units(labels, None, 8, seed=3, purpose="validation").tolist()

    @pytest.mark.parametrize("seed", range(5))
    def test_pairs_fill_the_share_and_no_unit_is_divided(self, seed):
        labels = np.repeat([0, 1], 30)
        units = np.array([*range(20), *range(10), *range(20, 50)])  # ten pairs in the first class
        kept, validation = divide(
            labels, num_classes=2, validation_fraction=0.2, limit_train=None, seed=seed, units=units
        )
        assert validation is not None
        assert np.bincount(labels[validation]).tolist() == [6, 6]
        assert not {*units[kept]} & {*units[validation]}

    def test_a_class_of_one_unit_stays_in_training(self):
        labels, units = np.array([0] * 5 + [1] * 5), np.array([0] * 5 + [1, 2, 3, 4, 5])
        chosen = whole_units(labels, units, 4, seed=0, purpose="folder")
        assert set(labels[chosen]) == {1}
