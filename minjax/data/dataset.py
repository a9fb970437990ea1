"""A data set: splits of uint8 images with labels, and what training needs to know about them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib

import numpy as np

from minjax.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels, in the order of the source.

    Attributes:
        images: uint8 [N, H, W, C]; may be a read-only memory map.
        labels: int32 [N], an index into the data set's class names.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(f"images must be uint8 [N, H, W, C], not {self.images.dtype} {self.images.shape}")
        if self.labels.dtype != np.int32 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"labels must be int32 [{len(self.images)}], not {self.labels.dtype} {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Split:
        """The images at `indices` (int [M]) in that order, copied into memory."""
        return Split(np.asarray(self.images[indices]), self.labels[indices])


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """What a reader returns: the data as in its source, before anything is held out.

    Attributes:
        train: the source's training split.
        test: the source's test split.
        class_names: the names of labels 0, 1, ...
        validation: the source's own validation split, if it has one.
        units: int32 [training images], the same number for images that belong together (equal ones, those of a group),
            which are never divided; None: no two do.
        notes: what the reader should tell the user about these data.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    validation: Split | None = None
    units: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A classification task, ready to train on.

    Attributes:
        name: `digits`, a TFDS name as it was asked for, or the folder's own name.
        train: the images to learn from, without the validation images.
        test: the images to report on.
        validation: the images by which a checkpoint may be selected, or None.
        class_names: the names of labels 0, 1, ...
        mean: mean of each channel, for pixels scaled to [0, 1].
        std: standard deviation of each channel, likewise; never 0.
        augment: "none", "crop", "flip" or "crop_flip"; "auto" has been resolved by now.
        units: as in `Source`, of the training images; None: no two belong together.
        notes: what to tell the user about these data.
        pooled: how many validation images lie behind the training images in `train`; see `with_validation`.
    """

    name: str
    train: Split
    test: Split
    validation: Split | None
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: str
    units: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    pooled: int = 0

    def with_validation(self) -> Dataset:
        """The same with the validation images behind the training images in one split, for members that index it."""
        if self.validation is None:
            return self
        parts = (self.train, self.validation)
        every = Split(np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts]))
        return dataclasses.replace(self, train=every, validation=None, units=None, pooled=len(self.validation))

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def chance(self, *, balanced: bool = False) -> float:
        """The accuracy that needs no learning: the share of the commonest class among the training images, of which the
        other splits have about the same.

        Args:
            balanced: of balanced accuracy, where any constant answer has one class right.
        """
        if balanced:
            return 1 / self.num_classes
        return float(np.bincount(self.train.labels).max() / len(self.train))

    def check_target(self, field: str, target: float, *, balanced: bool) -> None:
        """Check that a target accuracy is above chance.

        Args:
            field: the configuration field that sets the target, such as "study.target_accuracy".
            target: the accuracy.
            balanced: whether it is balanced accuracy.

        Raises:
            UserError: it is not above chance.
        """
        chance = self.chance(balanced=balanced)
        if target <= chance:
            answer = "guessing reaches that" if balanced else "always answering the commonest class reaches that"
            raise UserError(f"{field} is {target:g}; it must be above {chance:.4g}: {answer}")

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the shapes, images and labels of all splits: equal only for the same data, split the same way.

        Computed on first use; 60,000 images of 32x32x3 take about half a second.
        """
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            if split is None:
                digest.update(b"none")
                continue
            digest.update(repr(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).data)
            digest.update(np.ascontiguousarray(split.labels, "<i4").data)
        return digest.hexdigest()


def pixel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and standard deviation of each channel, for pixels scaled to [0, 1].

    The sums are integers and therefore exact; only the final division and root are rounded (float64). The deviation is
    the population's (divided by N), like the published constants. A channel that is the same everywhere has deviation
    0, by which nothing can be divided; it gets 1 instead, so that it is normalised to 0.

    Args:
        images: uint8 [N, H, W, C], N >= 1.
    """
    channels = images.shape[-1]
    first, second = [0] * channels, [0] * channels
    step = max(1, 2**22 // max(1, images[0].size))  # about 4 MB of pixels: keeps the widened copy small
    for start in range(0, len(images), step):
        chunk = images[start : start + step]
        for channel in range(channels):
            counts = np.bincount(chunk[..., channel].ravel(), minlength=256)
            first[channel] += int(counts @ np.arange(256))
            second[channel] += int(counts @ np.arange(256) ** 2)
    pixels = images.size // channels
    mean = tuple(s / (255 * pixels) for s in first)
    variance = [(pixels * s2 - s * s) / (255 * pixels) ** 2 for s, s2 in zip(first, second, strict=True)]
    return mean, tuple(v**0.5 if v > 0 else 1.0 for v in variance)
