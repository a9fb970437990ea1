"""Data sets by name: `load("digits")`, `load("folder", path=...)`, `load("cifar10")` and other sets of TFDS."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from minjax.data import digits, folder, images, tfds
from minjax.data.augment import KINDS
from minjax.data.dataset import Dataset, Source, Split, pixel_statistics
from minjax.data.splits import hold_out
from minjax.errors import UserError, unknown

__all__ = ["AUGMENT", "Dataset", "Split", "load"]

# The constants that paper 1 uses for all images. The deviation is a widespread mistake: CIFAR-10's is (.2470, .2435,
# .2616).
PAPER_MEAN, PAPER_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)

# What `augment="auto"` means, by the name of the set without its configuration. Sets that are not listed are shifted
# and mirrored if their images are in colour, and only shifted if they are grey, because most grey images are of
# characters.
AUGMENT = {
    "folder": "crop",  # anybody's classes may have a left and a right
    "digits": "none",  # 8x8 pixels that fill the frame: a shift cuts the digit
    "mnist": "crop",  # a mirrored character is another character, or none at all
    "emnist": "crop",
    "kmnist": "crop",
    "cmaterdb": "crop",
    "svhn_cropped": "crop",
    "fashion_mnist": "crop_flip",  # clothes have no left and right
}


def load(
    name: str,
    *,
    path: str = "",
    data_dir: str = "",
    image_size: images.Size | None = None,
    test_fraction: float | None = None,
    skip_damaged: bool = False,
    validation_fraction: float = 0.0,
    limit_train: int | None = None,
    normalize: str = "train",
    augment: str = "auto",
    seed: int = 0,
) -> Dataset:
    """Load a data set by name.

    Images of a folder or a TFDS set are decoded once and cached (`minjax.data.cache`).

    Args:
        name: "digits" (`minjax.data.digits`), "folder" (`minjax.data.folder`) or a TFDS name (`minjax.data.tfds`).
        path: the directory to read; for "folder" only.
        data_dir: where TFDS keeps its sets; empty: TFDS's default. Other sets ignore it.
        image_size: resize all images to this many pixels squared, or to this height and width; not for digits.
        test_fraction: fraction of a folder's images to test on, in (0, 1), where it has no test images; None: a fifth.
        skip_damaged: leave out images of a folder that cannot be decoded.
        validation_fraction: fraction of the training split to hold out, in [0, 1), stratified; 0: none. A folder's own
            validation images are used instead, where it has some.
        limit_train: train on this many of the remaining images, stratified; None: all.
        normalize: "train" uses the mean and deviation of the training images, "paper" the constants of paper 1.
        augment: "auto" (see `AUGMENT`), "none", "crop", "flip" or "crop_flip".
        seed: decides which images are held out and which the limit keeps, and nothing else.

    Raises:
        UserError: an unknown name, a value out of range, or data that cannot be obtained or read.
    """
    _check(name, path, image_size, normalize, augment)
    if name != "folder" and (test_fraction is not None or skip_damaged):
        field = "skip_damaged" if test_fraction is None else "test_fraction"
        raise UserError(f"dataset.{field} is for dataset.name=folder, not {name}; leave it unset")
    if name == "digits":
        source = digits.read()
    elif name == "folder":
        source = folder.read(path, image_size=image_size, test_fraction=test_fraction, skip_damaged=skip_damaged)
    else:
        source = tfds.read(name, data_dir=data_dir, image_size=image_size, others=("digits", "folder"))
    dataset = _assemble(name, source, validation_fraction, limit_train, normalize, augment, seed)
    return dataclasses.replace(dataset, name=Path(path).resolve().name) if name == "folder" else dataset


def _check(name: str, path: str, image_size: images.Size | None, normalize: str, augment: str) -> None:
    """Refuse, before reading anything, values that are wrong for any data."""
    if path and name != "folder":
        raise UserError(f"dataset.path is for dataset.name=folder, not {name}; leave it empty")
    if image_size is not None and name == "digits":
        raise UserError("dataset.image_size does not apply to digits, which are 8x8; leave it unset")
    if image_size is not None and min(images.height_and_width(image_size)) < 1:
        raise UserError(f"dataset.image_size must be at least 1 pixel, not {image_size}")
    if normalize not in ("train", "paper"):
        raise unknown("dataset.normalize", normalize, ("train", "paper"))
    if augment not in ("auto", *KINDS):
        raise unknown("dataset.augment", augment, ("auto", *KINDS))


def _assemble(
    name: str,
    source: Source,
    validation_fraction: float,
    limit_train: int | None,
    normalize: str,
    augment: str,
    seed: int,
) -> Dataset:
    train, validation = hold_out(
        source.train,
        num_classes=len(source.class_names),
        validation_fraction=0.0 if source.validation else validation_fraction,
        limit_train=limit_train,
        seed=seed,
        units=source.units,
    )
    units = source.units if train is source.train else None  # of the whole training split alone
    channels = train.images.shape[-1]
    if normalize == "train":
        mean, std = pixel_statistics(train.images)
    elif channels == 3:
        mean, std = PAPER_MEAN, PAPER_STD
    else:
        raise UserError(f"dataset.normalize=paper needs three colour channels; {name} has {channels}")
    if augment == "auto":
        bare = name.split("/")[0].split(":")[0]
        augment = AUGMENT.get(bare, "crop" if channels == 1 else "crop_flip")
    return Dataset(
        name,
        train,
        source.test,
        source.validation or validation,
        source.class_names,
        mean,
        std,
        augment,
        units,
        source.notes,
    )
