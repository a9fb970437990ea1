"""Which image files a folder holds, of which class, and what belongs together: from directories or from CSV files.

train/<class>/*   and test/<class>/*, val/<class>/* where there are such directories
<class>/*         without train/: every image
train.csv         with a line path,label or path,label,group for each image; and test.csv, val.csv
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from minjax.data import images
from minjax.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg")
SPLITS = {"train": ("train",), "test": ("test",), "validation": ("val", "valid", "validation")}
LAYOUT = "it must hold train/<class>/ or <class>/ with PNG or JPEG files, or train.csv"
_LITTER = ("thumbs.db", "desktop.ini")  # what Windows leaves beside pictures; ignored like dot files
_COLUMNS = ("path", "label", "group")


@dataclasses.dataclass(frozen=True)
class Listing:
    """The image files of one split, sorted by class, then by name; those of a CSV file in its order.

    Attributes:
        files: their paths.
        labels: int32 [N], the class of each.
        digest: hash of every file's class, name, size and modification time.
        groups: the group that each belongs to, empty for none; the tuple is empty where there are no groups.
    """

    files: tuple[str, ...]
    labels: np.ndarray
    digest: str
    groups: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Folder:
    """What a folder holds.

    Attributes:
        class_names: sorted.
        splits: "train", and "test" and "validation" where the folder has them.
    """

    class_names: tuple[str, ...]
    splits: dict[str, Listing]


def read(root: Path) -> Folder:
    """The image files of a folder; none of them is opened.

    Raises:
        UserError: nothing that can be read as images in classes; names the directory, the file or the line.
    """
    if not os.path.isdir(root):
        raise UserError(f"dataset.path: {root} is not a directory; {LAYOUT}")
    if (root / "train.csv").is_file():
        return _from_csv(root)
    if os.path.lexists(root / "train"):
        places = {split: _place(root, names) for split, names in SPLITS.items()}
    elif any(os.path.lexists(root / name) for names in SPLITS.values() for name in names):
        raise UserError(f"dataset.path: {root} has no train/ directory; {LAYOUT}")
    else:
        places = {"train": root}
    there = {split: place for split, place in places.items() if place is not None}
    names = class_names(there)
    return Folder(names, {split: list_images(place, names) for split, place in there.items()})


def _place(root: Path, names: tuple[str, ...]) -> Path | None:
    """The directory, or without one the CSV file, of a split.

    Raises:
        UserError: there are several, or it is not a directory.
    """
    found = [name for name in names if os.path.lexists(root / name)]
    if len(found) > 1:
        raise UserError(f"dataset.path: {root} has both {found[0]}/ and {found[1]}/; one split validates")
    if found and not os.path.isdir(root / found[0]):
        raise UserError(f"dataset.path: {root} has no {found[0]}/ directory; {LAYOUT}")
    return root / found[0] if found else None


def class_names(places: dict[str, Path]) -> tuple[str, ...]:
    """The names of the directories in the training split, sorted, after checking the tree.

    Args:
        places: the directory of each split.

    Raises:
        UserError: fewer than two classes, a class in another split only, images outside a class, or an entry that
            cannot be read.
    """
    found: dict[str, list[str]] = {}
    for split, place in places.items():
        entries = visible(place)
        directories = {entry.name for entry in entries if stat.S_ISDIR(_status(entry).st_mode)}
        found[split] = sorted(directories)
        if not found[split]:
            raise UserError(f"{place} holds no class directories; {LAYOUT}")
        stray = [e.path for e in entries if e.name.lower().endswith(SUFFIXES) and e.name not in directories]
        if stray:
            raise UserError(f"{min(stray)} is outside the class directories")
    _check_classes(found, {split: str(place) for split, place in places.items()})
    return tuple(found["train"])


def _check_classes(found: dict[str, list[str]], words: dict[str, str]) -> None:
    for split, names in found.items():
        alone = [name for name in names if name not in found["train"]]
        if alone:
            raise UserError(f"class {alone[0]!r} is in {words[split]} but not in {words['train']}")
    if len(found["train"]) < 2:
        raise UserError(f"{words['train']} holds only one class, {found['train'][0]!r}; there must be at least two")


def list_images(directory: Path, names: tuple[str, ...]) -> Listing:
    """The images of the classes that `directory` has; labels are indices into `names`.

    Raises:
        UserError: a class directory without images, or an entry in it that is not an image, cannot be read, or is
            larger than any image that is read.
    """
    files: list[str] = []
    labels: list[int] = []
    digest = hashlib.sha256()
    for label, name in enumerate(names):
        if not os.path.isdir(directory / name):
            continue
        entries = sorted(visible(directory / name), key=lambda entry: entry.name)
        if not entries:
            raise UserError(f"class directory {directory / name} is empty")
        for entry in entries:
            status = _status(entry)
            if not entry.name.lower().endswith(SUFFIXES) or not stat.S_ISREG(status.st_mode):
                raise UserError(f"{entry.path} is not a PNG or JPEG file; a class directory may hold nothing else")
            _note(digest, f"{name}/{entry.name}", entry.path, status)
            files.append(entry.path)
        labels += [label] * len(entries)
    return Listing(tuple(files), np.asarray(labels, np.int32), digest.hexdigest())


def _note(digest: hashlib._Hash, name: str, path: str, status: os.stat_result) -> None:
    """Add a file to the hash of a listing, if it is no larger than any image that is read."""
    if status.st_size > images.MOST_BYTES:
        raise UserError(f"{path} has {status.st_size:,} bytes; an image may have {images.MOST_BYTES:,}")
    digest.update(f"{name}/{status.st_size}/{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))


def _from_csv(root: Path) -> Folder:
    """The images of train.csv, and of test.csv and val.csv where there are such files."""
    rows: dict[str, list[dict[str, str]]] = {}
    places: dict[str, str] = {}
    for split, names in SPLITS.items():
        found = [root / f"{name}.csv" for name in names if (root / f"{name}.csv").is_file()]
        if len(found) > 1:
            raise UserError(f"dataset.path: {root} has both {found[0].name} and {found[1].name}; one split validates")
        if found:
            rows[split], places[split] = list(_rows(found[0])), str(found[0])
    labels = {split: sorted({row["label"] for row in lines}) for split, lines in rows.items()}
    _check_classes(labels, places)
    names = tuple(labels["train"])
    return Folder(names, {split: _listed(root, places[split], lines, names) for split, lines in rows.items()})


def _rows(file: Path) -> Iterator[dict[str, str]]:
    """The lines of a CSV file below its header, each with path and label, and group if there is that column.

    Raises:
        UserError: the file cannot be read, lacks a column or any line, or a line lacks a path or a label.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        lines = [[cell.strip() for cell in line] for line in csv.reader(text.splitlines(), strict=True)]
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(f"cannot read {file}: {error}") from error
    header = [cell.lower() for cell in lines[0]] if lines else []
    if not {"path", "label"} <= set(header) or len(set(header)) < len(header):
        raise UserError(f"{file} begins with {','.join(header)!r}; it must begin with path,label or path,label,group")
    columns = {name: header.index(name) for name in _COLUMNS if name in header}
    if not any(lines[1:]):
        raise UserError(f"{file} lists no images")
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        row = {name: line[column] if column < len(line) else "" for name, column in columns.items()}
        if not row["path"] or not row["label"]:
            raise UserError(f"{file}, line {number}: the {'label' if row['path'] else 'path'} is empty")
        yield row


def _listed(root: Path, file: str, rows: Iterable[dict[str, str]], names: tuple[str, ...]) -> Listing:
    """The images that the lines of a CSV file name, in their order; paths are relative to the file's folder."""
    label_of = {name: label for label, name in enumerate(names)}
    digest = hashlib.sha256()
    files, labels, groups = [], [], []
    for row in rows:
        path = str(root / row["path"])
        if not path.lower().endswith(SUFFIXES):
            raise UserError(f"{file}: {row['path']} is not a PNG or JPEG file")
        try:
            status = os.stat(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
        _note(digest, repr(sorted(row.items())), path, status)
        files.append(path)
        labels.append(label_of[row["label"]])
        groups.append(row.get("group", ""))
    return Listing(tuple(files), np.asarray(labels, np.int32), digest.hexdigest(), tuple(groups) if any(groups) else ())


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
