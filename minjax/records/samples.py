"""samples.npz: a few images of a run for its page, so that a page needs records alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minjax.errors import UserError
from minjax.records.arrays import read_arrays, write_arrays

SAMPLES = "samples.npz"
MISTAKES, INPUTS = 18, 18  # how many are kept
MOST = 64  # that are read
SIDE = 128  # pixels; a longer image is kept smaller


@dataclass(frozen=True)
class Samples:
    """A few images of a run.

    Attributes:
        mistakes: uint8 [M, H, W, C], test images that the network misclassified, the surest mistake first.
        places: int64 [M], which images of the test split they are.
        inputs: uint8 [K, H, W, C], training images as the network sees them, cropped and flipped as in training, before
            they are normalised.
        labels: int64 [K], their classes.
    """

    mistakes: np.ndarray
    places: np.ndarray
    inputs: np.ndarray
    labels: np.ndarray


def write_samples(path: Path, samples: Samples) -> None:
    """Write samples.npz, atomically."""
    write_arrays(path, vars(samples))


def read_samples(path: Path) -> Samples:
    """Read samples.npz.

    Raises:
        UserError: damaged, or arrays that cannot be samples.
    """
    arrays = read_arrays(path, ("mistakes", "places", "inputs", "labels"))
    for images, numbers in (("mistakes", "places"), ("inputs", "labels")):
        shape, count = arrays[images].shape, arrays[numbers]
        if arrays[images].dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or 0 in shape[1:]:
            raise UserError(f"{path}: {images} are {arrays[images].dtype} {shape}, not uint8 images")
        if max(shape[1:3]) > SIDE or len(arrays[images]) > MOST:
            raise UserError(f"{path}: {images} are {shape}, more or larger than a page shows")
        if count.shape != shape[:1] or not np.issubdtype(count.dtype, np.integer) or (count < 0).any():
            raise UserError(f"{path}: {numbers} are {count.dtype} {count.shape} for {len(arrays[images])} images")
    return Samples(**{name: x if x.dtype == np.uint8 else x.astype(np.int64) for name, x in arrays.items()})
