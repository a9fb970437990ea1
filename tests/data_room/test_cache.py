"""The image cache: there whole or not at all, used the second time, rebuilt when stale or damaged."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from minjax.data import cache, folder, images
from minjax.data.dataset import Source, Split
from minjax.errors import UserError
from tests.data_room.trees import picture, save, tree


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    place = tmp_path / "cache"
    monkeypatch.setenv("MINJAX_CACHE", str(place))
    return place


def source_of(value: int, count: int = 4) -> Source:
    split = Split(np.full((count, 2, 3, 1), value, np.uint8), np.arange(count, dtype=np.int32))
    return Source(split, split, ("a", "b"))


def never() -> tuple[Source, None]:
    raise AssertionError("the cache was not used")


def entries(place) -> list[str]:
    return sorted(os.listdir(place))


def test_a_second_start_decodes_nothing(tmp_path, monkeypatch):
    root = tree(tmp_path / "pets")
    first = folder.read(str(root))
    monkeypatch.setattr(images, "read_all", lambda *arguments, **options: pytest.fail("decoded again"))
    second = folder.read(str(root))
    assert isinstance(second.train.images, np.memmap)
    assert not second.train.images.flags.writeable
    for one, other in ((first.train, second.train), (first.test, second.test)):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
    assert first.class_names == second.class_names


@pytest.mark.parametrize("change", ["new file", "removed file", "other content", "renamed", "image size"])
def test_a_changed_tree_is_read_again(tmp_path, own_cache, change):
    root = tree(tmp_path / "pets")
    folder.read(str(root))
    first = root / "train" / "cat" / "0.png"
    expected = [picture(seed) for seed in range(6)]
    if change == "new file":
        save(root / "train" / "cat" / "9.png", picture(90))
        expected.insert(3, picture(90))
    elif change == "removed file":
        first.unlink()
        expected.pop(0)
    elif change == "other content":
        save(first, picture(91))
        os.utime(first, ns=(1, 1))
        expected[0] = picture(91)
    elif change == "renamed":
        first.rename(root / "train" / "cat" / "5.png")
        expected.insert(2, expected.pop(0))
    else:
        assert folder.read(str(root), image_size=4).train.images.shape == (6, 4, 4, 3)
    np.testing.assert_array_equal(folder.read(str(root)).train.images, expected)
    assert len(entries(own_cache)) == (2 if change == "image size" else 1)  # replaced, not piled up


def damage(place, how):
    file = place / "train_images.npy"
    if how == "truncated":
        os.truncate(file, file.stat().st_size - 1)
    elif how == "flipped bit":
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    elif how == "missing array":
        file.unlink()
    elif how == "missing manifest":
        (place / "manifest.json").unlink()
    elif how == "manifest cut":
        os.truncate(place / "manifest.json", 40)
    elif how == "manifest of nothing":
        (place / "manifest.json").write_text("{}")
    elif how == "manifest a list":
        (place / "manifest.json").write_text("[]")
    elif how == "empty":
        for path in place.iterdir():
            path.unlink()
    elif how == "other format":
        manifest = json.loads((place / "manifest.json").read_text())
        (place / "manifest.json").write_text(json.dumps(manifest | {"format": 0}))
    elif how == "a file":
        for path in place.iterdir():
            path.unlink()
        place.rmdir()
        place.write_text("in the way")


DAMAGES = ["truncated", "flipped bit", "missing array", "missing manifest", "manifest cut", "manifest of nothing"]
SILENT = ["missing manifest", "empty", "other format"]  # nothing is wrong with these but that they are of no use


@pytest.mark.parametrize("how", [*DAMAGES, "manifest a list", "empty", "other format"])
def test_damage_is_noticed_and_repaired(own_cache, caplog, how):
    place = cache.directory("folder", "x")
    cache.write(place, source_of(1), "identity")
    damage(place, how)
    repaired = cache.fetch(place, "identity".__eq__, lambda: (source_of(2), "identity"))
    assert (repaired.train.images == 2).all()
    assert ("is damaged" in caplog.text) == (how not in SILENT)
    assert (cache.fetch(place, "identity".__eq__, never).test.images == 2).all()
    assert entries(own_cache) == [place.name]


def test_a_file_in_the_way_is_one_clear_error(own_cache):
    place = cache.directory("folder", "x")
    cache.write(place, source_of(1), 0)
    damage(place, "a file")
    with pytest.raises(UserError, match=r"cannot write the image cache .*MINJAX_CACHE"):
        cache.fetch(place, lambda identity: True, lambda: (source_of(2), 0))


KILLED = """
import os, signal, sys
import numpy as np
from minjax.data import cache
from tests.data_room.test_cache import source_of
saved = []
whole, rename = cache._save, os.rename
def save(path, array):
    if len(saved) == int(sys.argv[1]):
        with open(path, "wb") as file:
            file.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    saved.append(path)
    whole(path, array)
def killed(*names):
    os.kill(os.getpid(), signal.SIGKILL)
cache._save = save
if len(sys.argv) > 2:
    os.rename = killed
cache.write(cache.directory("folder", "x"), source_of(1), 0)
"""


@pytest.mark.parametrize("moment", [["0"], ["2"], ["9", "before the rename"]])
def test_killed_in_the_middle(own_cache, root, moment):
    process = subprocess.run([sys.executable, "-c", KILLED, *moment], cwd=root, check=False)
    assert process.returncode == -signal.SIGKILL
    place = cache.directory("folder", "x")
    assert not place.exists()
    (leftover,) = own_cache.iterdir()
    assert (cache.fetch(place, lambda identity: True, lambda: (source_of(2), 0)).train.images == 2).all()
    assert leftover.exists()  # it might belong to a process that is still at it ...
    place_again = cache.directory("folder", "x")
    os.utime(leftover, (time.time() - 2 * 86400,) * 2)
    cache.write(place_again, source_of(3), 0)
    assert entries(own_cache) == [place.name]  # ... but not after a day


def test_writers_at_once(own_cache):
    place = cache.directory("folder", "x")
    failures: list[BaseException] = []

    def write(value: int) -> None:
        try:
            for _ in range(5):
                stored = cache.write(place, source_of(value), value)
                assert (stored.train.images == value).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(value,)) for value in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    last = cache.fetch(place, lambda identity: True, never)
    assert len(np.unique(last.train.images)) == 1
    assert entries(own_cache) == [place.name]


def test_no_space(own_cache):
    place = cache.directory("folder", "x")
    cache.write(place, source_of(1), 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # as a full disk, a write fails half-way
    try:
        with pytest.raises(UserError, match=r"cannot write the image cache .*: File too large; .*MINJAX_CACHE"):
            cache.write(place, source_of(2, count=4000), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert entries(own_cache) == [place.name]
    assert (cache.fetch(place, lambda identity: True, never).train.images == 1).all()


def test_no_permission(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINJAX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match=r"cannot write the image cache .*Not a directory"):
        folder.read(str(tree(tmp_path / "pets")))


def test_place(monkeypatch, tmp_path):
    assert cache.directory("folder", "a", 8) != cache.directory("folder", "a", None)
    monkeypatch.delenv("MINJAX_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.directory("folder", "a").parent == tmp_path / ".cache" / "minjax"
