"""Confidence intervals from few numbers: means over seeds, shares, slopes. All at 95 %, all deterministic."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2  # the probability left out on either side
REPLICATES = 2000  # of a bootstrap


class Estimate(NamedTuple):
    """A number and its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high), as records have it."""
        return self.low, self.high


def student(freedom: float, tail: float = TAIL) -> float:
    """The t that a Student variable exceeds with probability `tail`."""
    return float(stdtrit(freedom, 1 - tail))


def bootstrap_mean(values: np.ndarray) -> Estimate:
    """The mean of at least two values, with the expanded percentile bootstrap (Hesterberg 2015, section 5.3).

    A plain percentile bootstrap of five values holds the mean in some 80 % of cases instead of 95 %: it ignores both
    that the deviation of a few values is too small by sqrt((n - 1) / n) and that it is itself uncertain. The expanded
    one takes the percentiles at which its interval is as wide as Student's.
    """
    values = np.asarray(values, float)
    n = len(values)
    tail = float(ndtr(-math.sqrt(n / (n - 1)) * student(n - 1)))
    drawn = np.random.default_rng(0).integers(n, size=(REPLICATES, n))
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return Estimate(float(values.mean()), float(low), float(high))


def student_mean(values: np.ndarray, tail: float = TAIL) -> Estimate:
    """The mean of at least two values, with Student's interval; `tail` is the probability left out on either side."""
    values = np.asarray(values, float)
    mean = float(values.mean())
    half = student(len(values) - 1, tail) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


def difference(one: np.ndarray, other: np.ndarray) -> Estimate:
    """The mean of `one` less the mean of `other`, with Welch's interval for two samples of their own variances.

    Args:
        one: at least two values.
        other: likewise; how many there are may differ.
    """
    one, other = np.asarray(one, float), np.asarray(other, float)
    mean = float(one.mean() - other.mean())
    parts = [float(values.var(ddof=1)) / len(values) for values in (one, other)]
    if not sum(parts):
        return Estimate(mean, mean, mean)
    weights = [part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)]
    half = student(sum(parts) ** 2 / sum(weights)) * math.sqrt(sum(parts))  # Welch and Satterthwaite's freedom
    return Estimate(mean, mean - half, mean + half)


def student_next(values: np.ndarray) -> Estimate:
    """The mean of at least two values, with the interval in which one more value is expected (Student's)."""
    values = np.asarray(values, float)
    mean, n = float(values.mean()), len(values)
    half = student(n - 1) * float(values.std(ddof=1)) * math.sqrt(1 + 1 / n)
    return Estimate(mean, mean - half, mean + half)


def share(hits: float, n: int) -> Estimate:
    """A share of `n` cases, with the exact binomial interval (Clopper and Pearson 1934); `hits` may be a mean."""
    tail = TAIL
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return Estimate(hits / n, low, high)


def paired_loss(lost: int, gained: int, n: int) -> Estimate:
    """The accuracy that one network loses against another on the same `n` images.

    The interval is that of Agresti and Min (2005): Wald's with half an image added to each of the four cells, so that
    it has a width even where no image changes.

    Args:
        lost: images that the other network alone classifies rightly.
        gained: images that this network alone classifies rightly.
        n: images in all.
    """
    many = n + 2
    shift = (lost - gained) / many
    half = float(ndtri(1 - TAIL)) * math.sqrt(lost + gained + 1 - many * shift**2) / many
    return Estimate((lost - gained) / n, max(shift - half, -1.0), min(shift + half, 1.0))


def balanced_loss(lost: np.ndarray, gained: np.ndarray, counts: np.ndarray) -> tuple[Estimate, float]:
    """The balanced accuracy that one network loses against another on the same images, and its standard error.

    The interval is `paired_loss` class by class: the images that are added are divided among the classes, so that for
    classes of one size it is about as wide.

    Args:
        lost, gained: int [C], as in `paired_loss`, of each class.
        counts: int [C], images of each class; classes without an image do not count.
    """
    has = counts > 0
    lost, gained, n = (np.asarray(array, float)[has] for array in (lost, gained, counts))
    classes = len(n)

    def error(added: float) -> tuple[np.ndarray, float]:
        many = n + 2 * added
        means = (lost - gained) / many
        variance = np.maximum(lost + gained + added - many * means**2, 0.0) / many**2
        return means, float(np.sqrt(variance.sum())) / classes

    shifted, half = error(1 / classes)
    middle, half = float(shifted.mean()), float(ndtri(1 - TAIL)) * half
    means, plain = error(0.0)
    return Estimate(float(means.mean()), max(middle - half, -1.0), min(middle + half, 1.0)), plain


def share_difference(share: float, n: int, other: float, m: int) -> Estimate:
    """A share of `n` cases less another of `m`, with the interval of Agresti and Caffo (2000), cases independent.

    It is Wald's with two cases added to each share, so that it has a width even at shares of 0 and 1.
    """
    first, second = (share * n + 1) / (n + 2), (other * m + 1) / (m + 2)
    half = float(ndtri(1 - TAIL)) * math.sqrt(first * (1 - first) / (n + 2) + second * (1 - second) / (m + 2))
    shift = first - second
    return Estimate(share - other, max(shift - half, -1.0), min(shift + half, 1.0))


def slope(x: np.ndarray, y: np.ndarray, tail: float = TAIL) -> Estimate | None:
    """The least-squares slope of y over x, with Student's interval; None for fewer than three x, or all at one value.

    Args:
        x, y: as many of both.
        tail: the probability left out on either side.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    spread = float(((x - x.mean()) ** 2).sum()) if len(x) else 0.0
    if len(x) < 3 or spread == 0:
        return None
    value = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    residual = y - y.mean() - value * (x - x.mean())
    half = student(len(x) - 2, tail) * math.sqrt(float((residual**2).sum()) / (len(x) - 2) / spread)
    return Estimate(value, value - half, value + half)


def resampled(n: int) -> np.ndarray:
    """How often each of n points is drawn in each bootstrap replicate, [replicates, n]."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), REPLICATES).astype(float)


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of bootstrapped values."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
