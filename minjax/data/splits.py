"""Stratified parts of a split: exact in size, balanced over the classes, determined by the seed alone."""

from __future__ import annotations

import numpy as np

from minjax.data.dataset import Split
from minjax.errors import UserError

# Each purpose has its own random stream, so that limit_train never changes which images are held out.
_STREAMS = {
    "validation": 1,
    "limit": 2,
    "digits": 3,
    "calibration": 4,
    "test": 5,
    "curves": 6,
    "folder": 7,
    "samples": 8,
}


def shares(counts: np.ndarray, total: int, *, keep: int = 0) -> np.ndarray:
    """How many images to take from each class for a given total: in proportion to `counts`, by largest remainder.

    Each class that can spare an image gives at least one if `total` allows it; none gives more than it has.

    Args:
        counts: int [classes], how many images each class has.
        total: how many to take; at most as many as the classes can spare.
        keep: how many images must remain in each class that has any.

    Returns:
        int [classes], summing to `total`.
    """
    spare = np.maximum(counts - keep, 0)
    if not 0 <= total <= spare.sum():
        raise ValueError(f"cannot take {total} of {spare.sum()}")
    quota = counts * (total / max(1, counts.sum()))
    least = np.minimum(1, spare) if total >= np.count_nonzero(spare) else np.zeros_like(spare)
    taken = np.clip(np.floor(quota).astype(np.int64), least, spare)
    while taken.sum() < total:  # ties go to the lower class: argmax takes the first
        taken[np.argmax(np.where(taken < spare, quota - taken, -np.inf))] += 1
    while taken.sum() > total:
        taken[np.argmin(np.where(taken > least, quota - taken, np.inf))] -= 1
    return taken


def stratified(labels: np.ndarray, total: int, *, seed: int, purpose: str, keep: int = 0) -> np.ndarray:
    """The indices (int [total], ascending) of a stratified random part of `labels` (int [N]); see `shares`.

    Images are ranked by raw 64-bit draws rather than by `Generator.permutation`: NumPy keeps the streams of its bit
    generators stable between versions, but not what its distributions make of them.
    """
    by_class = _shuffled(labels, seed, purpose)
    taken = shares(np.array([len(one) for one in by_class]), total, keep=keep)
    return np.sort(np.concatenate([one[:count] for one, count in zip(by_class, taken, strict=True)]))


def evenly(labels: np.ndarray, each: int, *, seed: int, purpose: str) -> np.ndarray:
    """The indices (int, ascending) of a random part of `labels` (int [N]) with `each` images of every class it has.

    A class that has fewer is repeated, each of its images as often as another to within one, so that a share of this
    part is a mean over classes.
    """
    by_class = [one for one in _shuffled(labels, seed, purpose) if len(one)]
    return np.sort(np.concatenate([np.resize(one, each) for one in by_class]))


def _shuffled(labels: np.ndarray, seed: int, purpose: str) -> list[np.ndarray]:
    """The indices of each class in random order."""
    draws = np.random.Philox(np.random.SeedSequence([_STREAMS[purpose], seed])).random_raw(len(labels))
    order = np.lexsort((draws, labels))  # by class, then by draw
    return np.split(order, np.searchsorted(labels[order], np.arange(1, int(labels.max()) + 1)))


def whole_units(labels: np.ndarray, units: np.ndarray | None, total: int, *, seed: int, purpose: str) -> np.ndarray:
    """The indices (ascending) of a stratified random part of `labels` that divides no unit and leaves each class one.

    Where each image is a unit, this is `stratified` with `keep=1`. Otherwise units are taken in random order as long as
    they fit into the share of the class of their first image, and of a class that gave none its smallest unit, so there
    may be a few images more or fewer than `total`.

    Args:
        labels: int [N].
        units: int [N], the same number for images that belong together; None: no two do.
        total: how many images to take.
        seed: decides which.
        purpose: the random stream.
    """
    if units is None or len(np.unique(units)) == len(units):
        return stratified(labels, total, seed=seed, purpose=purpose, keep=1)
    _, first, unit_of, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)
    classes = labels[first]
    counts = np.bincount(classes, weights=sizes, minlength=int(labels.max()) + 1).astype(np.int64)
    quota = shares(counts, min(total, int(np.maximum(counts - 1, 0).sum())), keep=1)
    draws = np.random.Philox(np.random.SeedSequence([_STREAMS[purpose], seed])).random_raw(len(sizes))
    chosen = np.zeros(len(sizes), bool)
    for label, share in enumerate(quota):
        own = np.flatnonzero(classes == label)
        own = own[np.argsort(draws[own], kind="stable")]
        for unit in own[:-1]:  # the last one stays
            if sizes[own][chosen[own]].sum() + sizes[unit] <= share:
                chosen[unit] = True
        if share and len(own) > 1 and not chosen[own].any():
            chosen[own[np.argmin(sizes[own])]] = True
    return np.flatnonzero(chosen[unit_of])


def divide(
    labels: np.ndarray,
    *,
    num_classes: int,
    validation_fraction: float,
    limit_train: int | None,
    seed: int,
    units: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Divide a training split: the indices of the images to train on, and of those to validate on.

    How many there are of each depends on the numbers alone, not on the seed, unless images belong together.

    Args:
        labels: int [N], of the source's training split.
        num_classes: how many classes the data set has.
        validation_fraction: fraction of the split to hold out, before the limit, in [0, 1), rounded to whole images;
            0: none.
        limit_train: how many images to train on; None: all.
        seed: determines both draws; the validation images do not depend on `limit_train`.
        units: as in `minjax.data.dataset.Source`: images that belong together are not divided.

    Returns:
        The indices to train on and those to validate on, or None; both int and ascending.

    Raises:
        UserError: a number out of range, or one that leaves a class without an image.
    """
    if not 0 <= validation_fraction < 1:
        raise UserError(f"dataset.validation_fraction must be at least 0 and below 1, not {validation_fraction}")
    if seed < 0:
        raise UserError(f"seed must not be negative, not {seed}")
    kept, validation = np.arange(len(labels)), None
    if validation_fraction > 0:
        count = round(validation_fraction * len(labels))
        spare = len(labels) - np.count_nonzero(np.bincount(labels))
        if not num_classes <= count <= spare:
            raise UserError(
                f"dataset.validation_fraction={validation_fraction} of {len(labels)} images is {count}: both they and "
                f"the images left to train on need at least one image of each of the {num_classes} classes"
            )
        validation = whole_units(labels, units, count, seed=seed, purpose="validation")
        kept = np.setdiff1d(kept, validation)
    if limit_train is not None:
        if not num_classes <= limit_train <= len(kept):
            raise UserError(
                f"dataset.limit_train must be between the number of classes, {num_classes}, and the "
                f"number of training images, {len(kept)}; it is {limit_train}"
            )
        if limit_train < len(kept):
            kept = kept[stratified(labels[kept], limit_train, seed=seed, purpose="limit")]
    return kept, validation


def hold_out(
    train: Split,
    *,
    num_classes: int,
    validation_fraction: float,
    limit_train: int | None,
    seed: int,
    units: np.ndarray | None = None,
) -> tuple[Split, Split | None]:
    """Hold out validation images from `train`, then keep `limit_train` of the rest; see `divide`.

    Returns:
        The training split and the validation split or None.

    Raises:
        UserError: as `divide`.
    """
    kept, validation = divide(
        train.labels,
        num_classes=num_classes,
        validation_fraction=validation_fraction,
        limit_train=limit_train,
        seed=seed,
        units=units,
    )
    held = None if validation is None else train.take(validation)
    return (train if len(kept) == len(train) else train.take(kept)), held
