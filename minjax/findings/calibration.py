"""Whether a classifier is as often right as it says: its reliability curve and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """A reliability curve (Guo et al., "On calibration of modern neural networks", 2017).

    Attributes:
        edges: [bins + 1], of confidence; all bins have one width.
        images: int [bins], test images whose confidence lies in the bin.
        confidence, accuracy: [bins], the means over these images; NaN in an empty bin.
        error: the expected calibration error: the mean over images of |accuracy - confidence| of their bin.
        overconfidence: mean confidence minus accuracy, over all images.
    """

    edges: np.ndarray
    images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float
    overconfidence: float


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """The calibration of a classifier on some images.

    Args:
        confidence: [N], the probability of the class that it chose, 0 to 1.
        right: bool [N], whether that is the true class.
        bins: of confidence; the first begins at 0, and each has its upper end.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    images = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(place, weights=values, minlength=bins) / images for values in (confidence, right)]
    gaps = np.nan_to_num(np.abs(means[1] - means[0]))
    return Calibration(
        edges=edges,
        images=images,
        confidence=means[0],
        accuracy=means[1],
        error=float((images * gaps).sum() / len(confidence)),
        overconfidence=float(np.mean(confidence) - np.mean(right)),
    )
