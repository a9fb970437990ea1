"""A user's own images: `train/<class>/*` and `test/<class>/*`, PNG or JPEG."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minjax.data import images as decoding
from minjax.data.dataset import Split
from minjax.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclasses.dataclass(frozen=True)
class Tree:
    """The image files of one split in reading order: by class, then by name."""

    files: tuple[Path, ...]
    labels: tuple[int, ...]
    stats: tuple[tuple[int, int], ...]  # size in bytes and modification time in ns of each file


def read(path: str, *, image_size: int | None = None) -> tuple[Split, Split, tuple[str, ...]]:
    """The training split, the test split and the sorted class names of the tree at `path`.

    A class is a directory in `train/`; `test/` may lack some. Files that start with a dot are ignored; any other
    file that is not a PNG or JPEG by its ending (in any case) is refused, since leaving out a `.bmp` silently would
    change the data. Images are grey (one channel) if all of both splits are, else colour (three).

    Args:
        path: the directory that holds `train/` and `test/`.
        image_size: resize every image to this many pixels squared; None demands that all have one size.

    Raises:
        UserError: naming the directory or file that is missing, empty, unreadable or of another size.
    """
    root = Path(path).expanduser()
    names = class_names(root)
    train, test = (list_files(root / split, names, complete=split == "train") for split in ("train", "test"))
    pictures = decoding.read_all([*train.files, *test.files], image_size=image_size)
    cut = len(train.files)
    return (
        Split(pictures[:cut], np.asarray(train.labels, np.int32)),
        Split(pictures[cut:], np.asarray(test.labels, np.int32)),
        names,
    )


def class_names(root: Path) -> tuple[str, ...]:
    """The names of the directories in `root/train`, sorted, after checking that the tree is one.

    Raises:
        UserError: no such directory, no `train/` or `test/`, no class in it, or a class in `test/` only.
    """
    if not root.is_dir():
        raise UserError(f"dataset.path {str(root)!r} is not a directory; it must hold train/<class>/ and test/<class>/")
    found = {}
    for split in ("train", "test"):
        if not (root / split).is_dir():
            raise UserError(f"{root} has no {split}/ directory; it must hold train/<class>/ and test/<class>/")
        found[split] = sorted(entry.name for entry in visible(root / split) if entry.is_dir())
        if not found[split]:
            raise UserError(f"{root / split} holds no class directories")
    alone = [name for name in found["test"] if name not in found["train"]]
    if alone:
        raise UserError(f"class {alone[0]!r} is in {root / 'test'} but not in {root / 'train'}")
    return tuple(found["train"])


def list_files(directory: Path, names: tuple[str, ...], *, complete: bool) -> Tree:
    """The images of one split; see `read` for what is an image.

    Raises:
        UserError: a directory without images, a file that is not an image, or, if `complete`, a missing class.
    """
    files: list[Path] = []
    labels: list[int] = []
    stats: list[tuple[int, int]] = []
    for label, name in enumerate(names):
        if not complete and not (directory / name).is_dir():
            continue
        entries = sorted(visible(directory / name), key=lambda entry: entry.name)
        if not entries:
            raise UserError(f"class directory {directory / name} is empty")
        for entry in entries:
            if not entry.is_file() or not entry.name.lower().endswith(SUFFIXES):
                raise UserError(f"{entry.path} is not a PNG or JPEG file; keep only images in a class directory")
            stat = entry.stat()
            files.append(Path(entry.path))
            labels.append(label)
            stats.append((stat.st_size, stat.st_mtime_ns))
    return Tree(tuple(files), tuple(labels), tuple(stats))


def visible(directory: Path) -> Iterator[os.DirEntry]:
    """The entries of `directory` that do not start with a dot.

    Raises:
        UserError: the directory cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise UserError(f"cannot read {directory}: {error.strerror or error}") from error
