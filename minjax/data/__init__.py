"""Data sets by name: `load("digits")`, `load("folder", path=...)`, `load("cifar10")` and other TFDS sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from minjax.data import digits, folder, tfds
from minjax.data.augment import KINDS
from minjax.data.dataset import Dataset, Source, Split, pixel_statistics
from minjax.data.splits import hold_out
from minjax.errors import UserError, unknown

__all__ = ["AUGMENT", "Dataset", "Split", "load"]

# Paper 1's constants, whatever the images are. The deviation is the well-known wrong one: CIFAR-10's own is
# (.2470, .2435, .2616).
PAPER_MEAN, PAPER_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)

# What `augment="auto"` stands for, by the name of the set without its configuration. A set that is not listed here,
# a folder too, is shifted and mirrored if its images are coloured and only shifted if they are grey, since
# grey ones are mostly characters.
AUGMENT = {
    "digits": "none",  # 8x8 pixels that fill the frame: a shift cuts the digit
    "mnist": "crop",  # a mirrored character is another one, or none
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
    image_size: int | None = None,
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
        path: the directory of a folder; only for it.
        data_dir: where TFDS keeps its sets; empty: TFDS's default. Other sets take no notice of it.
        image_size: resize all images to this many pixels squared; not for digits.
        validation_fraction: in [0, 1); of the training split, stratified; 0 is no validation split.
        limit_train: train on this many images, stratified, of those that do not validate; None is all.
        normalize: "train", the mean and deviation of the images that are trained on, or "paper", paper 1's constants.
        augment: "auto" (see `AUGMENT`), "none", "crop", "flip" or "crop_flip".
        seed: fixes which images validate and which the limit keeps, nothing else.

    Raises:
        UserError: an unknown name, a value out of its range, or data that cannot be had or read.
    """
    _check(name, path, image_size, normalize, augment)
    if name == "digits":
        source = digits.read()
    elif name == "folder":
        source = folder.read(path, image_size=image_size)
    else:
        source = tfds.read(name, data_dir=data_dir, image_size=image_size, others=("digits", "folder"))
    dataset = _assemble(name, source, validation_fraction, limit_train, normalize, augment, seed)
    return dataclasses.replace(dataset, name=Path(path).resolve().name) if name == "folder" else dataset


def _check(name: str, path: str, image_size: int | None, normalize: str, augment: str) -> None:
    """Refuse what is wrong whatever the data are, before they are read."""
    if path and name != "folder":
        raise UserError(f"dataset.path is for dataset.name=folder, not {name}; leave it empty")
    if image_size is not None and name == "digits":
        raise UserError("dataset.image_size is not for digits, which are 8x8; leave it unset")
    if image_size is not None and image_size < 1:
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
        validation_fraction=validation_fraction,
        limit_train=limit_train,
        seed=seed,
    )
    channels = train.images.shape[-1]
    if normalize == "train":
        mean, std = pixel_statistics(train.images)
    elif channels == 3:
        mean, std = PAPER_MEAN, PAPER_STD
    else:
        raise UserError(f"dataset.normalize=paper is for three colour channels; {name} has {channels}")
    if augment == "auto":
        bare = name.split("/")[0].split(":")[0]
        augment = AUGMENT.get(bare, "crop" if channels == 1 else "crop_flip")
    return Dataset(name, train, source.test, validation, source.class_names, mean, std, augment)
