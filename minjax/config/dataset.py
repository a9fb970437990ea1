"""The fields of the data: what is learned, from how many images, and how they are prepared."""

from __future__ import annotations

from minjax.config.field import Field, Role, within
from minjax.config.kinds import Choice, Integer, Number, OrNone, Text

DATASET = within(
    "dataset",
    (
        Field("name", "cifar10", Text("digits, folder, or the name of a TFDS image classification set"), "The data."),
        Field("path", "", Text("a directory"), "folder: the directory that holds train/<class>/* and test/<class>/*."),
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
            OrNone(Integer(1, 8192)),
            "Resize all images to this many pixels squared; not for digits. None: no resizing.",
        ),
        Field(
            "validation_fraction",
            0.0,
            Number(least=0, below=1),
            "Fraction of the training images held out for validation, stratified; 0: no validation split.",
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
            "Random crops and horizontal flips while training; auto: what suits the data.",
        ),
        Field("crop_padding", 4, Integer(0, 256), "Pixels of zeros on each side before a random crop."),
    ),
)
