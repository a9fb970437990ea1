"""The user's own images: a folder of PNG and JPEG files, divided by its owner or here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minjax.data import cache, equal, images, listing
from minjax.data.dataset import Source, Split
from minjax.data.images import DamagedImageError, Size
from minjax.data.splits import whole_units
from minjax.errors import UserError

TEST_FRACTION = 0.2  # of the images of a folder that has no test images of its own
_NAMED = 10  # damaged images that are named one by one


@dataclass(frozen=True)
class _Decoded:
    """The readable images of a folder, split after split."""

    pictures: np.ndarray
    files: dict[str, list[str]]
    labels: dict[str, np.ndarray]
    groups: list[str]
    notes: list[str]


def read(
    path: str, *, image_size: Size | None = None, test_fraction: float | None = None, skip_damaged: bool = False
) -> Source:
    """The images of the folder at `path`, decoded once and cached until a file changes.

    `minjax.data.listing` says what a folder may hold. Names that start with a dot are ignored. Any other file in a
    class directory whose ending is not that of a PNG or JPEG (in upper or lower case) is refused: leaving out a `.bmp`
    silently would change the data. Images are grey (one channel) if all images of all splits are, else colour
    (three); `minjax.data.images.decode` says how each is read.

    Where there are no test images, a stratified part of all images becomes the test split, the same for every seed;
    equal images, and images of one group, are on one side.

    Args:
        path: the folder.
        image_size: what to resize every image to; None: all must have one size.
        test_fraction: fraction of the images to test on, in (0, 1), for a folder without test images; None: a fifth.
        skip_damaged: leave out images that cannot be decoded, with a note that names them.

    Raises:
        UserError: naming the directory or file that is missing, empty, unreadable or of another size; images that
            take more memory than there is; a test fraction for a folder with test images, or one that leaves a class
            without images.
    """
    if not path:
        raise UserError(f"dataset.path is not set; it is the directory to read: {listing.LAYOUT}")
    try:
        root = Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, no home directory, a zero byte
        raise UserError(f"dataset.path: cannot read {path!r}: {error}") from error
    folder = listing.read(root)
    if test_fraction is not None and "test" in folder.splits:
        raise UserError(
            f"dataset.test_fraction={test_fraction} is for a folder without test images, and {root} has some; leave it "
            "unset"
        )
    fraction = TEST_FRACTION if test_fraction is None else test_fraction
    identity = [[split, listed.digest] for split, listed in folder.splits.items()]

    def build() -> tuple[Source, list[list[str]]]:
        return _source(folder, _decode(folder, image_size, skip_damaged), fraction), identity

    place = cache.directory("folder", str(root), image_size, fraction, skip_damaged)
    return cache.fetch(place, lambda stored: stored == identity, build)


def _decode(folder: listing.Folder, size: Size | None, skip_damaged: bool) -> _Decoded:
    """Read all files.

    Raises:
        UserError: one cannot be read and damaged images are not to be left out, or a class loses all its images.
    """
    every = [(split, index) for split, listed in folder.splits.items() for index in range(len(listed.files))]
    damaged: dict[int, str] = {}

    def path_of(item: tuple[str, int]) -> str:
        return folder.splits[item[0]].files[item[1]]

    def skip(position: int, error: DamagedImageError) -> None:
        damaged[position] = str(error)

    try:
        pictures = images.read_all(
            every,
            lambda item: Path(path_of(item)).read_bytes(),
            name=path_of,
            image_size=size,
            skip=skip if skip_damaged else None,
        )
    except DamagedImageError as error:
        raise UserError(f"{error}; dataset.skip_damaged=True leaves damaged images out") from error
    kept = [item for position, item in enumerate(every) if position not in damaged]
    indices = {split: [index for own, index in kept if own == split] for split in folder.splits}
    labels = {split: listed.labels[indices[split]] for split, listed in folder.splits.items()}
    there = np.bincount(labels["train"], minlength=len(folder.class_names))
    if not there.all():
        raise UserError(f"class {folder.class_names[there.argmin()]!r} has no image that can be read")
    if not all(len(labels[split]) for split in labels):
        raise UserError("a split has no image that can be read")
    return _Decoded(
        pictures,
        {split: [listed.files[index] for index in indices[split]] for split, listed in folder.splits.items()},
        labels,
        [
            listed.groups[index] if listed.groups else ""
            for split, listed in folder.splits.items()
            for index in indices[split]
        ],
        _left_out([damaged[position] for position in sorted(damaged)], len(every)),
    )


def _left_out(reasons: list[str], total: int) -> list[str]:
    """A note for each of the first images that were left out, and how many there are."""
    if not reasons:
        return []
    more = [f"and {len(reasons) - _NAMED:,} more"] if len(reasons) > _NAMED else []
    counted = f"{len(reasons):,} of {total:,} images cannot be read and are left out"
    return [f"{counted}: {'; '.join([*reasons[:_NAMED], *more])}"]


def _source(folder: listing.Folder, decoded: _Decoded, test_fraction: float) -> Source:
    """The splits, with the images that belong together on one side, as far as that is decided here."""
    hashes = equal.pixel_hashes(decoded.pictures)
    cuts = np.cumsum([0, *(len(labels) for labels in decoded.labels.values())])
    spans = {split: slice(start, end) for split, start, end in zip(decoded.labels, cuts, cuts[1:], strict=False)}
    named = {split: hashes[span] for split, span in spans.items()}
    notes = [*decoded.notes, *equal.warnings(decoded.files, named, {k: v.tolist() for k, v in decoded.labels.items()})]
    together = equal.units(hashes, decoded.groups)
    notes += _torn_groups(decoded, spans)
    splits = {split: Split(decoded.pictures[span], decoded.labels[split]) for split, span in spans.items()}
    units = together[spans["train"]]
    if "test" not in splits:
        splits["train"], splits["test"], units = _divided(splits["train"], units, folder.class_names, test_fraction)
    alone = len(np.unique(units)) == len(units)
    return Source(
        splits["train"],
        splits["test"],
        folder.class_names,
        splits.get("validation"),
        None if alone else units,
        tuple(notes),
    )


def _torn_groups(decoded: _Decoded, spans: dict[str, slice]) -> list[str]:
    """A note where a group is in several of the splits that were given."""
    own = {split: {name for name in decoded.groups[span] if name} for split, span in spans.items()}
    return [
        f"{'1 group' if len(both) == 1 else f'{len(both):,} groups'} of the {split} split "
        f"{'is' if len(both) == 1 else 'are'} in the training split too, for example {min(both)!r}"
        for split in own
        if split != "train" and (both := own[split] & own["train"])
    ]


def _divided(
    whole: Split, units: np.ndarray, names: tuple[str, ...], fraction: float
) -> tuple[Split, Split, np.ndarray]:
    """The training and the test split of all images, and the units of the training images."""
    count = max(round(fraction * len(whole)), len(names))
    if not count <= len(whole) - len(names):
        raise UserError(
            f"dataset.test_fraction={fraction:g} of {len(whole)} images is {count}: both they and the images left to "
            f"train on need at least one image of each of the {len(names)} classes"
        )
    test = whole_units(whole.labels, units, count, seed=0, purpose="folder")
    order = np.concatenate([np.setdiff1d(np.arange(len(whole)), test), test])
    cut = len(order) - len(test)
    _arrange(whole.images, order)
    labels, left = whole.labels[order], np.unique(units[order[:cut]], return_inverse=True)[1].astype(np.int32)
    return Split(whole.images[:cut], labels[:cut]), Split(whole.images[cut:], labels[cut:]), left


def _arrange(pictures: np.ndarray, order: np.ndarray) -> None:
    """Make `pictures` what `pictures[order]` is, without a second copy of them all in memory."""
    done = np.zeros(len(order), bool)
    for start in range(len(order)):
        if done[start]:
            continue
        saved, position = pictures[start].copy(), start
        while order[position] != start:
            pictures[position] = pictures[order[position]]
            done[position] = True
            position = order[position]
        pictures[position] = saved
        done[position] = True
