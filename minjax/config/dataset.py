"""The fields of the data: what is learned, from how many images, and how they are prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minjax.config.field import Field, Role, within
from minjax.config.kinds import Choice, Flag, Integer, Kind, Number, OrNone, Text


@dataclass(frozen=True)
class Side(Kind):
    """Pixels along the sides of an image: one integer for both, or height and width."""

    most: int

    type = object  # an integer or a tuple

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """In words."""
        return f"an integer from 1 to {self.most:,}, or two of them, height and width"

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        sides = value if isinstance(value, tuple | list) else (value, value)
        whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
        fits = whole and len(sides) == 2 and min(sides) >= 1 and max(sides) <= self.most
        return None if fits else self.allowed

    def convert(self, value: Any) -> int | tuple[int, int]:
        """See `Kind`; two equal sides are one integer."""
        height, width = value if isinstance(value, tuple | list) else (value, value)
        return int(height) if height == width else (int(height), int(width))


DATASET = within(
    "dataset",
    (
        Field("name", "cifar10", Text("digits, folder, or the name of a TFDS image classification set"), "The data."),
        Field(
            "path",
            "",
            Text("a directory"),
            "folder: the directory that holds train/<class>/*, and test/<class>/* and val/<class>/* if it is divided; "
            "or <class>/*; or train.csv with the columns path, label and, if you like, group.",
        ),
        Field(
            "data_dir",
            "",
            Text("a directory"),
            "TFDS: where prepared sets are kept; empty: TFDS_DATA_DIR or ~/tensorflow_datasets.",
            Role.WHERE,
        ),
        Field(
            "image_size",
            None,
            OrNone(Side(8192)),
            "Resize all images to this many pixels squared, or to this height and width; not for digits. None: no "
            "resizing.",
        ),
        Field(
            "test_fraction",
            None,
            OrNone(Number(above=0, below=1)),
            "folder: fraction of the images to test on where there are no test images, stratified and the same for "
            "every seed; equal images, and those of a group, stay together. None: 0.2.",
        ),
        Field(
            "validation_fraction",
            0.0,
            Number(least=0, below=1),
            "Fraction of the training images held out for validation, stratified; 0: no validation split. A folder's "
            "own val/ is used instead, where it has one.",
        ),
        Field(
            "skip_damaged",
            False,
            Flag(),
            "folder: leave out images that cannot be decoded, and name them, instead of ending with an error.",
            neutral=False,
        ),
        Field(
            "limit_train", None, OrNone(Integer(1)), "Train on this many images only, stratified; None: on all of them."
        ),
        Field(
            "normalize",
            "train",
            Choice(("train", "paper")),
            "train: by the mean and deviation of the training images; paper: by paper 1's constants.",
        ),
        Field(
            "augment",
            "auto",
            Choice(("auto", "none", "crop", "flip", "crop_flip")),
            "Random crops and horizontal flips while training; auto: what suits the data, for a folder crop, since a "
            "mirrored image may be of another class.",
        ),
        Field("crop_padding", 4, Integer(0, 256), "Pixels of zeros on each side before a random crop."),
    ),
)
