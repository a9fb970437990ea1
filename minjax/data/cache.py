"""Decoded images on disk as memory-mapped uint8 arrays, so that later starts need not read any image file.

Each data set has a directory below `$MINJAX_CACHE` or else `~/.cache/minjax`, with a `.npy` file for each array and a
manifest of their sizes and checksums. It is written under a temporary name, flushed and renamed, so that it is either
complete or absent; if two processes write at once, the later one replaces the identical copy of the earlier one. A
directory that does not match its manifest is deleted and built again. It is always safe to delete the whole cache.
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

FORMAT = 2  # increase it when the meaning of the files changes; older ones are then built again
_CHUNK = 2**24  # bytes checked or written at once
_ABANDONED = 24 * 3600  # seconds after which no process can still be writing an unfinished directory


def directory(kind: str, *key: object) -> Path:
    """The cache directory of a data set: the same for equal keys, whatever the data are now."""
    root = Path(os.environ.get("MINJAX_CACHE") or "~/.cache/minjax").expanduser()
    return root / f"{kind}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"


def fetch(folder: Path, current: Callable[[Any], bool], build: Callable[[], tuple[Source, Any]]) -> Source:
    """The data set cached in `folder`; built and stored first if it is missing, out of date or damaged.

    Args:
        folder: from `directory`.
        current: whether a stored identity still describes the data.
        build: reads the data; returns it and its identity, a JSON value.

    Raises:
        UserError: the cache cannot be written, or `build` fails.
    """
    source = read(folder, current)
    return source if source is not None else write(folder, *build())


def read(folder: Path, current: Callable[[Any], bool]) -> Source | None:
    """The data set in `folder`, its images as read-only memory maps; None if it must be built (see `fetch`)."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        if manifest["format"] != FORMAT or not current(manifest["identity"]):
            return None
        arrays = {}
        for name, entry in manifest["files"].items():
            path = folder / f"{name}.npy"
            if path.stat().st_size != entry["bytes"] or _checksum(path) != entry["crc32"]:
                raise ValueError(f"{path.name} does not match the manifest")
            arrays[name] = np.load(path, mmap_mode="r")
        return _source(arrays, tuple(manifest["class_names"]), tuple(manifest["notes"]))
    except FileNotFoundError as error:
        if (folder / "manifest.json").exists():
            _complain(folder, error)
    except (OSError, ValueError, KeyError, TypeError) as error:
        _complain(folder, error)
    return None


def write(folder: Path, source: Source, identity: Any) -> Source:
    """Store `source` in `folder` with one rename; returns it as read-only memory maps of what was stored.

    Raises:
        UserError: no space or no permission. Nothing is left behind.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            stored = _fill(unfinished, source, identity)
            _replace(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)  # gone if all went well
        return stored
    except OSError as error:
        raise UserError(
            f"cannot write the image cache {folder}: {error.strerror or error}; "
            "set the environment variable MINJAX_CACHE to another directory"
        ) from error


def _fill(unfinished: Path, source: Source, identity: Any) -> Source:
    files: dict[str, dict[str, Any]] = {}
    arrays = {}
    for name, array in _arrays(source).items():
        path = unfinished / f"{name}.npy"
        _save(path, array)
        files[name] = {"bytes": path.stat().st_size, "crc32": _checksum(path), "shape": list(array.shape)}
        # Mapped before the rename: these files stay valid even if another process replaces the directory.
        arrays[name] = np.load(path, "r")
    manifest = {
        "format": FORMAT,
        "identity": identity,
        "class_names": list(source.class_names),
        "notes": list(source.notes),
        "files": files,
    }
    with open(unfinished / "manifest.json", "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return _source(arrays, source.class_names, source.notes)


def _arrays(source: Source) -> dict[str, np.ndarray]:
    """The arrays of a data set by the names of their files."""
    splits = {"train": source.train, "test": source.test, "validation": source.validation}
    arrays: dict[str, np.ndarray] = {}
    for split, part in splits.items():
        if part is not None:
            arrays |= {f"{split}_images": part.images, f"{split}_labels": part.labels}
    return arrays if source.units is None else arrays | {"train_units": source.units}


def _source(arrays: dict[str, np.ndarray], class_names: tuple[str, ...], notes: tuple[str, ...]) -> Source:
    """The data set of such arrays."""
    splits = {
        split: Split(arrays[f"{split}_images"], arrays[f"{split}_labels"])
        for split in ("train", "test", "validation")
        if f"{split}_images" in arrays or split != "validation"
    }
    return Source(
        splits["train"], splits["test"], class_names, splits.get("validation"), arrays.get("train_units"), notes
    )


def _save(path: Path, array: np.ndarray) -> None:
    # Not np.save, whose OSError for a full disk has no errno, nor a memory map, where a full disk kills the process.
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


def _replace(unfinished: Path, folder: Path) -> None:
    for _ in range(100):
        try:
            os.rename(unfinished, folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # the target exists and is not empty
                raise
        # Move it aside under a name that `_sweep` recognises, in case of a kill between the two renames.
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            os.rename(folder, old / "old")
        except FileNotFoundError:
            pass  # another process has just moved it
        finally:
            shutil.rmtree(old, ignore_errors=True)
    raise OSError(f"other processes keep replacing {folder}")


def _sweep(folder: Path) -> None:
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        try:
            abandoned = time.time() - leftover.stat().st_mtime > _ABANDONED
        except FileNotFoundError:
            continue
        if abandoned:
            shutil.rmtree(leftover, ignore_errors=True)


def _complain(folder: Path, error: Exception) -> None:
    logging.getLogger(__name__).warning("the image cache %s is damaged (%s); building it again", folder, error)
