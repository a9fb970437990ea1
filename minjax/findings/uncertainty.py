"""How uncertain accuracies are that were measured with few seeds on few images, and how their errors go together.

An accuracy averaged over seeds errs for two reasons. *Images*: the validation images are a sample; networks find the
same images hard, so that their errors are correlated and a difference is surer than either accuracy. *Seeds*: each
training ends elsewhere, independently from network to network.

*Images* are bootstrapped exactly, without drawing: the mean of a resampled set of images is linear in the images'
weights, so its covariance between candidates is the sum over images of products of their influences,
phi_c(i) = sum over seeds s whose split holds i of (correct_csi - accuracy_cs) / (S n). This is the bootstrap that
resamples images, with all seeds and candidates of an image kept together (clusters; Owen 2007, "The pigeonhole
bootstrap"; Cameron, Gelbach and Miller 2011), in its normal limit (Chernozhukov, Chetverikov and Kato 2013). It holds
whether the seeds share a split, have their own, or splits overlap.

*Seeds*: what remains of the variance over seeds when the images' part is taken off (variance components, Searle,
Casella and McCulloch 1992). A resampling of five seeds understates it by a fifth and forgets that it is itself hardly
known, so it is drawn from Student's distribution instead, and the variances of the candidates support each other:
each is moderated towards their common value by as much as they agree (Smyth 2004, "Linear models and empirical Bayes
methods").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import digamma, polygamma

from minjax.findings.candidates import Candidate, Grid, unpacked

# Correlation of two networks' correctness on an image where images are not recorded: seeds of one point, two points.
# Measured on digits: five networks of 8 to 50 wide layers, five seeds, 719 images, 95 to 98 % accurate; 0.65 and 0.61.
ASSUMED_CORRELATION = (0.65, 0.6)
LEAST_FOR_PRIOR = 3  # candidates whose variances can say how well they agree


@dataclasses.dataclass(frozen=True)
class Row:
    """A mean over some of a candidate's seeds.

    Attributes:
        place: of the candidate in the grid.
        candidate: itself.
        seeds: places in `candidate.seeds`, int [N].
        mean: the accuracy over them.
    """

    place: int
    candidate: Candidate
    seeds: np.ndarray
    mean: float


@dataclasses.dataclass(frozen=True)
class ImageNoise:
    """The errors of R rows that come from the images.

    Attributes:
        covariance: of the rows' means, [R, R].
        one_seed: variance of a single seed's accuracy by its images, averaged over the seeds, [R].
    """

    covariance: np.ndarray
    one_seed: np.ndarray

    def between_seeds(self, seeds: np.ndarray) -> np.ndarray:
        """The part of the variance over seeds that is due to images, [R]: seeds err together on the images they share.

        Of N seeds with a covariance c between two of them, the mean's variance is one_seed/N + c (N-1)/N, and the
        variance over seeds is expected to be one_seed - c.
        """
        part = seeds / np.maximum(seeds - 1, 1) * (self.one_seed - np.diag(self.covariance))
        return np.maximum(part, 0.0)


def image_noise(grid: Grid, rows: Sequence[Row]) -> ImageNoise:
    """The covariance of rows by their images, from the images where recorded and by assumption otherwise."""
    return _from_images(grid, rows) if grid.recorded else _assumed(grid, rows)


def _assumed(grid: Grid, rows: Sequence[Row]) -> ImageNoise:
    """Binomial errors on a shared split; the variance over seeds keeps the part in which seeds differ."""
    means = np.array([row.mean for row in rows])
    one = np.clip(means * (1 - means), 0, None) / grid.num_images
    within, between = ASSUMED_CORRELATION
    spread = np.sqrt(one)
    covariance = between * np.outer(spread, spread)
    places = np.array([row.place for row in rows])
    same = places[:, None] == places[None]
    covariance[same] = (within * np.outer(spread, spread))[same]
    return ImageNoise(covariance, np.diag(covariance).copy())


def _from_images(grid: Grid, rows: Sequence[Row]) -> ImageNoise:
    seeds = sorted({row.candidate.seeds[place] for row in rows for place in row.seeds})
    held = np.zeros((len(rows), len(seeds)), bool)
    right = np.zeros((len(seeds), grid.num_images, len(rows)), np.uint8)
    column = {seed: number for number, seed in enumerate(seeds)}
    for number, row in enumerate(rows):
        columns = [column[row.candidate.seeds[place]] for place in row.seeds]
        held[number, columns] = True
        right[columns, :, number] = unpacked(row.candidate, grid.num_images)[row.seeds]
    splits = np.stack([grid.split(seed) for seed in seeds])
    covariance, one_seed = np.zeros((len(rows), len(rows))), np.zeros(len(rows))
    for images, weight in _strata(grid, splits):
        part, alone = _of_stratum(right, held, splits, images)
        covariance += weight**2 * part
        one_seed += weight**2 * alone
    return ImageNoise(covariance, one_seed)


def _strata(grid: Grid, splits: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Which images make up an accuracy with what weight each: (images of the whole pool, bool; weight)."""
    pool = int(splits.max()) + 1
    if grid.metric == "accuracy":
        return [(np.ones(pool, bool), 1 / splits.shape[1])]
    assert grid.labels is not None
    labels = grid.labels[:pool]
    classes = np.unique(labels[splits])
    return [(labels == one, 1 / len(classes) / (labels[splits] == one).sum(1).mean()) for one in classes]


def _of_stratum(
    right: np.ndarray, held: np.ndarray, splits: np.ndarray, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of the rows' numbers of correct images, mean over seeds, and the variance of a single seed's number.

    Args:
        right: uint8 [seeds, images of a split, R], 0 where a row lacks a seed.
        held: which seeds a row is a mean over, bool [R, seeds].
        splits: int [seeds, images of a split], into `images`.
        images: those of the stratum, bool [pool].
    """
    place = np.cumsum(images) - 1  # of an image among those of the stratum
    count = int(images.sum())
    correct = np.zeros((count, held.shape[0]), np.uint16)  # seeds that classify an image correctly
    holds = np.zeros((count, len(splits)), np.float32)
    accuracy = np.zeros((len(splits), held.shape[0]), np.float32)
    alone = np.zeros(held.shape[0])
    for number, (split, of_seed) in enumerate(zip(splits, right, strict=True)):
        inside = images[split]
        if not inside.all():
            split, of_seed = place[split[inside]], of_seed[inside]
        correct[split] += of_seed
        holds[split, number] = 1
        accuracy[number] = of_seed.mean(0)
        alone += accuracy[number] * (1 - accuracy[number]) * len(split)
    influence = correct - holds @ accuracy
    counts = held.sum(1)
    return (influence.T @ influence).astype(float) / np.outer(counts, counts), alone / counts


@dataclasses.dataclass(frozen=True)
class SeedNoise:
    """The errors that come from the seeds: variance of one seed's accuracy and its degrees of freedom, each [C]."""

    variance: np.ndarray
    freedom: np.ndarray


def seed_noise(
    means: np.ndarray,
    variance: np.ndarray,
    freedom: np.ndarray,
    images: np.ndarray,
    alike: np.ndarray,
    wild: np.ndarray,
) -> SeedNoise:
    """Moderated variances over seeds, the images' part taken off.

    Candidates whose accuracies scatter little have one variance in common. That of the others grows with their error:
    for log-odds log(a / (1 - a)), whose deviation is that of the accuracy a over a (1 - a), it is about as large for
    networks of 60 % as for those of 97 %. So two seeds of 71 and 83 % need not leave 97 % possible.

    Args:
        means: accuracy over all seeds, [C].
        variance: observed over seeds, [C].
        freedom: its degrees of freedom, [C].
        images: the part of it that is due to images, [C].
        alike: candidates with little scatter, bool [C].
        wild: candidates with more, bool [C]; those that are neither keep their own variance.
    """
    total, degrees = variance.astype(float).copy(), freedom.astype(float).copy()
    odds = np.maximum(means * (1 - means), 1e-6) ** 2
    for chosen, among, shape in ((alike, alike, np.ones(len(means))), (wild, alike | wild, odds)):
        if among.sum() < LEAST_FOR_PRIOR or not chosen.any():
            continue
        own = np.maximum(variance - images, 0.0) if shape is odds else variance - images
        pooled = max(0.0, float(np.average((own / shape)[among], weights=freedom[among])))
        expected = np.maximum(pooled * shape + images, 1e-12)
        known = freedom[among].astype(float)
        prior = prior_freedom(variance[among] / expected[among], known)
        prior = min(prior, float(known.sum()) - float(known.max()))
        total[chosen] = ((prior * expected + freedom * variance) / (prior + freedom))[chosen]
        degrees[chosen] = (prior + freedom)[chosen]
    return SeedNoise(np.maximum(total - images, 0.0), degrees)


def prior_freedom(ratio: np.ndarray, freedom: np.ndarray) -> float:
    """How many degrees of freedom the variances' common value is worth to each of them (Smyth 2004, section 6.2).

    Args:
        ratio: observed variances over expected ones, [C]; they scatter as F(freedom, prior) does.
        freedom: of the observed ones, [C].

    Returns:
        The prior's degrees of freedom; infinite where the ratios scatter no more than chi-squared ones do.
    """
    floor = 0.05 * max(float(np.median(ratio)), 1e-6)  # an observed variance of 0 has no logarithm
    logs = np.log(np.maximum(ratio, floor)) - digamma(freedom / 2) + np.log(freedom / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, freedom / 2).mean())
    return 2 * inverse_trigamma(excess) if excess > 0 else np.inf


def inverse_trigamma(value: float) -> float:
    """The x at which trigamma(x) is `value` (Newton's method of Smyth 2004, appendix)."""
    if value > 1e7:
        return 1 / np.sqrt(value)
    if value < 1e-6:
        return 1 / value
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return float(x)
