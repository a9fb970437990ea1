"""Data sets by name: `load("digits")`, `load("folder", path=...)`, `load("cifar10")` and other TFDS sets."""

from __future__ import annotations

from collections.abc import Callable

from minjax.data import digits, folder
from minjax.data.augment import KINDS
from minjax.data.dataset import Dataset, Split, pixel_statistics
from minjax.data.splits import hold_out
from minjax.errors import UserError, unknown

__all__ = ["Dataset", "Split", "load"]

PAPER_MEAN, PAPER_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # paper 1's, whatever the data


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
    """Load a data set by name."""
    readers: dict[str, Callable] = {
        "digits": digits.read,
        "folder": lambda: folder.read(path, image_size=image_size),
    }
    if name not in readers:
        raise unknown("dataset", name, readers)
    source = readers[name]()
    train, test, class_names = source.train, source.test, source.class_names
    train, validation = hold_out(
        train,
        num_classes=len(class_names),
        validation_fraction=validation_fraction,
        limit_train=limit_train,
        seed=seed,
    )
    channels = train.images.shape[-1]
    if augment not in ("auto", *KINDS):
        raise unknown("dataset.augment", augment, ("auto", *KINDS))
    if augment == "auto":
        augment = "none" if name == "digits" else "crop" if channels == 1 else "crop_flip"
    if normalize == "train":
        mean, std = pixel_statistics(train.images)
    elif normalize == "paper":
        if channels != 3:
            raise UserError("dataset.normalize=paper has three channels' constants")
        mean, std = PAPER_MEAN, PAPER_STD
    else:
        raise unknown("dataset.normalize", normalize, ("train", "paper"))
    return Dataset(name, train, test, validation, class_names, mean, std, augment)
