"""The user's own images: `train/<class>/*` and `test/<class>/*`, PNG or JPEG."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from pathlib import Path

import numpy as np

from minjax.data import cache, images
from minjax.data.dataset import Source, Split
from minjax.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg")
_LITTER = ("thumbs.db", "desktop.ini")  # what Windows leaves beside pictures; ignored like dot files
_LAYOUT = "it must hold train/<class>/ and test/<class>/ with PNG or JPEG files"


@dataclasses.dataclass(frozen=True)
class Listing:
    """The image files of one split, sorted by class, then by name.

    Attributes:
        files: their paths.
        labels: int32 [N], the class of each.
        digest: hash of every file's class, name, size and modification time.
    """

    files: tuple[str, ...]
    labels: np.ndarray
    digest: str


def read(path: str, *, image_size: int | None = None) -> Source:
    """The images in the tree at `path`, decoded once and cached until a file changes.

    A class is a directory in `train/`; `test/` may lack some of them. Names that start with a dot are ignored. Any
    other file in a class directory whose ending is not that of a PNG or JPEG (in upper or lower case) is refused:
    leaving out a `.bmp` silently would change the data. Images are grey (one channel) if all images of both splits
    are, else colour (three); `minjax.data.images.decode` says how each is read.

    Args:
        path: the directory that holds `train/` and `test/`.
        image_size: width and height in pixels to resize every image to; None: all must have one size.

    Raises:
        UserError: naming the directory or file that is missing, empty, unreadable or of another size; or images that
            take more memory than there is.
    """
    if not path:
        raise UserError(f"dataset.path is not set; it is the directory to read: {_LAYOUT}")
    try:
        root = Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, no home directory, a zero byte
        raise UserError(f"dataset.path: cannot read {path!r}: {error}") from error
    names = class_names(root)
    train = list_images(root / "train", names)
    test = list_images(root / "test", [name for name in names if (root / "test" / name).is_dir()], names)
    identity = [train.digest, test.digest]

    def build() -> tuple[Source, list[str]]:
        files = [*train.files, *test.files]
        pictures = images.read_all(files, _read_file, name=str, image_size=image_size)
        cut = len(train.files)
        return Source(Split(pictures[:cut], train.labels), Split(pictures[cut:], test.labels), names), identity

    return cache.fetch(cache.directory("folder", str(root), image_size), lambda stored: stored == identity, build)


def class_names(root: Path) -> tuple[str, ...]:
    """The names of the directories in `root/train`, sorted, after checking the tree.

    Raises:
        UserError: no such directory, no `train/` or `test/`, fewer than two classes, a class in `test/` only, images
            outside of a class, or an entry that cannot be read.
    """
    if not os.path.isdir(root):
        raise UserError(f"dataset.path: {root} is not a directory; {_LAYOUT}")
    found: dict[str, list[str]] = {}
    for split in ("train", "test"):
        if not os.path.isdir(root / split):
            raise UserError(f"dataset.path: {root} has no {split}/ directory; {_LAYOUT}")
        entries = visible(root / split)
        directories = {entry.name for entry in entries if stat.S_ISDIR(_status(entry).st_mode)}
        found[split] = sorted(directories)
        if not found[split]:
            raise UserError(f"{root / split} holds no class directories; {_LAYOUT}")
        stray = [e.path for e in entries if e.name.lower().endswith(SUFFIXES) and e.name not in directories]
        if stray:
            raise UserError(f"{min(stray)} is outside the class directories")
    alone = [name for name in found["test"] if name not in found["train"]]
    if alone:
        raise UserError(f"class {alone[0]!r} is in {root / 'test'} but not in {root / 'train'}")
    if len(found["train"]) < 2:
        raise UserError(f"{root / 'train'} holds only one class, {found['train'][0]!r}; there must be at least two")
    return tuple(found["train"])


def list_images(directory: Path, classes: list[str] | tuple[str, ...], names: tuple[str, ...] = ()) -> Listing:
    """The images of `classes` in `directory`; labels are indices into `names`, by default `classes`.

    Raises:
        UserError: a class directory without images, or an entry in it that is not an image, cannot be read, or is
            larger than any image that is read.
    """
    files: list[str] = []
    labels: list[int] = []
    digest = hashlib.sha256()
    for name in classes:
        entries = sorted(visible(directory / name), key=lambda entry: entry.name)
        if not entries:
            raise UserError(f"class directory {directory / name} is empty")
        for entry in entries:
            status = _status(entry)
            if not entry.name.lower().endswith(SUFFIXES) or not stat.S_ISREG(status.st_mode):
                raise UserError(f"{entry.path} is not a PNG or JPEG file; a class directory may hold nothing else")
            if status.st_size > images.MOST_BYTES:
                raise UserError(f"{entry.path} has {status.st_size:,} bytes; an image may have {images.MOST_BYTES:,}")
            line = f"{name}/{entry.name}/{status.st_size}/{status.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
            files.append(entry.path)
        labels += [(names or classes).index(name)] * len(entries)
    return Listing(tuple(files), np.asarray(labels, np.int32), digest.hexdigest())


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """What an entry, or the link that it is, leads to.

    Raises:
        UserError: it leads nowhere, or in a circle, or where this user may not look.
    """
    try:
        return entry.stat()
    except OSError as error:
        raise UserError(f"cannot read {entry.path}: {error.strerror or error}") from error


def visible(directory: Path) -> list[os.DirEntry[str]]:
    """The entries of `directory` that are neither hidden nor clutter, in no particular order.

    Raises:
        UserError: the directory cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            return [entry for entry in entries if entry.name[0] != "." and entry.name.lower() not in _LITTER]
    except OSError as error:
        raise UserError(f"cannot read {directory}: {error.strerror or error}") from error
