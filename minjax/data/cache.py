"""Decoded images on disk, so that a second start reads no image file: memory-mapped uint8 arrays.

One directory a data set, below `$MINJAX_CACHE` or else `~/.cache/minjax`, holding four `.npy` files and a manifest
with their sizes and checksums. It is written beside its place, flushed, and renamed into it, so that it is there whole
or not at all; of two processes that write at once the later one replaces the earlier one's equal copy. What does
not match its manifest is thrown away and built again. Deleting the whole cache is always safe.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minjax.data.dataset import Source, Split
from minjax.errors import UserError

FORMAT = 1  # raise it when the meaning of the files changes; older ones are then built again
_CHUNK = 2**24  # bytes checked or written at once
_ABANDONED = 24 * 3600  # seconds after which an unfinished directory cannot belong to a process still writing it


def directory(kind: str, *key: object) -> Path:
    """Where the cache of one data set is: the same for equal `key`, whatever the data now are."""
    root = Path(os.environ.get("MINJAX_CACHE") or "~/.cache/minjax").expanduser()
    return root / f"{kind}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"


def fetch(place: Path, current: Callable[[Any], bool], build: Callable[[], tuple[Source, Any]]) -> Source:
    """The data set cached at `place`, built and stored first if it is not there, out of date or damaged.

    Args:
        place: from `directory`.
        current: whether a stored identity still describes the data.
        build: reads the data; returns them and their identity, a JSON value.

    Raises:
        UserError: the cache cannot be written, or `build` fails.
    """
    source = read(place, current)
    return source if source is not None else write(place, *build())


def read(place: Path, current: Callable[[Any], bool]) -> Source | None:
    """The data set at `place`, its images as read-only memory maps, or None if it must be built (see `fetch`)."""
    try:
        manifest = json.loads((place / "manifest.json").read_text())
        if manifest["format"] != FORMAT or not current(manifest["identity"]):
            return None
        arrays = {}
        for name, entry in manifest["files"].items():
            path = place / f"{name}.npy"
            if path.stat().st_size != entry["bytes"] or _checksum(path) != entry["crc32"]:
                raise ValueError(f"{path.name} does not match the manifest")
            arrays[name] = np.load(path, mmap_mode="r")
        train, test = (Split(arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in ("train", "test"))
        return Source(train, test, tuple(manifest["class_names"]))
    except FileNotFoundError as error:
        if (place / "manifest.json").exists():
            _complain(place, error)
    except (OSError, ValueError, KeyError, TypeError) as error:
        _complain(place, error)
    return None


def write(place: Path, source: Source, identity: Any) -> Source:
    """Store `source` at `place` in one rename and give it back as read-only memory maps of what was stored.

    Raises:
        UserError: no space or no permission. Nothing is left behind.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        try:
            stored = _fill(unfinished, source, identity)
            _replace(unfinished, place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)  # no longer there if all went well
        return stored
    except OSError as error:
        raise UserError(
            f"cannot write the image cache {place}: {error.strerror or error}; "
            "the environment variable MINJAX_CACHE names another directory for it"
        ) from error


def _fill(unfinished: Path, source: Source, identity: Any) -> Source:
    files, splits = {}, {}
    for split, part in (("train", source.train), ("test", source.test)):
        for kind, array in (("images", part.images), ("labels", part.labels)):
            path = unfinished / f"{split}_{kind}.npy"
            _save(path, array)
            files[path.stem] = {"bytes": path.stat().st_size, "crc32": _checksum(path), "shape": list(array.shape)}
        # Mapped before the rename: should another process replace the directory, these files live on.
        splits[split] = Split(*(np.load(unfinished / f"{split}_{kind}.npy", "r") for kind in ("images", "labels")))
    manifest = {"format": FORMAT, "identity": identity, "class_names": list(source.class_names), "files": files}
    with open(unfinished / "manifest.json", "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return Source(splits["train"], splits["test"], source.class_names)


def _save(path: Path, array: np.ndarray) -> None:
    # Not np.save, whose OSError for a full disk has no errno, nor a map, where a full disk kills the process.
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        step = max(1, _CHUNK // max(1, array[:1].nbytes))
        for start in range(0, len(array), step):
            file.write(np.ascontiguousarray(array[start : start + step]).data)
        file.flush()
        os.fsync(file.fileno())


def _checksum(path: Path) -> int:
    total = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            total = zlib.crc32(chunk, total)
    return total


def _replace(unfinished: Path, place: Path) -> None:
    for _ in range(100):
        try:
            os.rename(unfinished, place)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # a directory with files in it is there
                raise
        # Moved aside under a name that `_sweep` knows, for a kill between the two renames.
        old = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        try:
            os.rename(place, old / "old")
        except FileNotFoundError:
            pass  # another process has just moved it
        finally:
            shutil.rmtree(old, ignore_errors=True)
    raise OSError(f"other processes keep replacing {place}")


def _sweep(place: Path) -> None:
    for leftover in place.parent.glob(f".{place.name}.*"):
        try:
            abandoned = time.time() - leftover.stat().st_mtime > _ABANDONED
        except FileNotFoundError:
            continue
        if abandoned:
            shutil.rmtree(leftover, ignore_errors=True)


def _complain(place: Path, error: Exception) -> None:
    logging.getLogger(__name__).warning("the image cache %s is damaged (%s); building it again", place, error)
