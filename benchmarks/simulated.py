"""Studies whose truth is known, simulated image by image; `selection.py` says what they are like."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import ndtr, ndtri

from minjax.findings.candidates import Candidate, Grid, Measured, unpacked
from minjax.findings.samples import LIMITS
from minjax.findings.uncertainty import Row
from minjax.findings.verdicts import Noise

CHANCE = 0.1
DECADES = (2.0, 6.0)  # of the sizes: 100 to 1,000,000 parameters
CURVES = ("logistic", "power")
GRIDS = {12: (6, 2), 40: (10, 4), 120: (30, 4)}  # points -> sizes, shapes a size
SEEDS = 5
FRESH = 5  # unless said otherwise
FOLDS = 5  # training images per validation image: each seed holds out its own fifth
CORRELATION = 0.8  # of two networks' latent scores on an image; at 95 % accuracy their errors correlate by about 0.5
BINS = 256

HARDNESS = ndtri((np.arange(BINS) + 0.5) / BINS)
LATENT = np.linspace(-6, 6, 4001)


def by_hardness(latent: np.ndarray) -> np.ndarray:
    """Probability of a correct answer on images of each bin of difficulty, [..., BINS]."""
    return ndtr((latent[..., None] + np.sqrt(CORRELATION) * HARDNESS) / np.sqrt(1 - CORRELATION))


REACHED = by_hardness(LATENT).mean(-1)


def latent_of(accuracy: np.ndarray) -> np.ndarray:
    """The latent score with that accuracy over all images."""
    return np.interp(accuracy, REACHED, LATENT)


@dataclasses.dataclass(frozen=True)
class Truth:
    """A study whose accuracies are known: C points."""

    sizes: np.ndarray
    place: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    failing: np.ndarray
    target: float

    @property
    def steady(self) -> np.ndarray:
        """Which points train stably."""
        return (self.deviation <= LIMITS.sigma) & (self.failing == 0)

    def minimal(self, level: float) -> int:
        """Place of the first size that reaches a level; the number of sizes where none does."""
        good = self.steady & (self.mean >= level)
        return int(self.place[good].min()) if good.any() else len(self.sizes)


def truth(curve: str, points: int, noise: float, rng: np.random.Generator) -> Truth:
    """Draw a study."""
    count, shapes = GRIDS[points]
    decade = np.linspace(*DECADES, count)
    top = rng.uniform(0.85, 0.99)
    middle = rng.uniform(DECADES[0] + 0.5, DECADES[0] + 2.0)
    if curve == "logistic":
        rise = 1 / (1 + np.exp(-rng.uniform(3, 8) * (decade - middle)))
    else:
        rise = 1 - 1 / (1 + 10 ** (rng.uniform(0.8, 1.6) * (decade - middle)))
    rise = np.repeat(rise, shapes)
    shape = np.tile(np.arange(shapes), count)
    lost = np.where(shape > 0, np.abs(rng.normal(0, 0.005, len(rise))), 0.0)
    bad = (shape == shapes - 1) & (rng.random(len(rise)) < 0.3)
    lost = np.where(bad, rng.uniform(0.02, 0.4, len(rise)), lost)
    mean = CHANCE + (top - CHANCE) * rise * (1 - lost)
    deviation = np.hypot(noise, 0.3 * (1 - rise) ** 2)
    deviation = np.where(bad, 0.05, deviation)
    failing = np.where(bad & (rng.random(len(rise)) < 0.5), 0.5, 0.0)
    best = CHANCE + (top - CHANCE) * rise[-1]
    wanted = best + 0.01 if rng.random() < 0.1 else best - rng.uniform(0.005, 0.06)
    return Truth(
        sizes=np.round(10**decade).astype(int),
        place=np.repeat(np.arange(count), shapes),
        mean=mean,
        deviation=deviation,
        failing=failing,
        target=float(wanted),
    )


class Study:
    """A simulated study: trains its points, in order, with the seeds that are asked for."""

    def __init__(
        self, known: Truth, images: int, own_splits: bool, rng: np.random.Generator, fresh: int = FRESH
    ) -> None:
        self.known, self.images, self.rng, self.own, self.fresh = known, images, rng, own_splits, fresh
        pool = FOLDS * images
        self.bins = rng.integers(0, BINS, pool)
        shared = np.arange(images)
        self.splits = {
            seed: rng.permutation(pool)[:images] if own_splits else shared for seed in range(SEEDS + max(fresh, FRESH))
        }
        every = np.arange(len(known.mean))
        correct = np.stack([self.train(every, seed) for seed in range(SEEDS)], axis=1)
        right = by_hardness(latent_of(known.mean))
        centred = right - right.mean(1, keepdims=True)
        self.together = centred @ centred.T / BINS  # covariance of two networks' correctness on an image
        self.whole = right.mean(1) * (1 - right.mean(1))
        self.current: Grid | None = None
        self.candidates = [self.candidate(point, tuple(range(SEEDS)), correct[point]) for point in every]

    def train(self, points: np.ndarray, seed: int) -> np.ndarray:
        """Correctness of some points trained with one seed, bool [points, images]."""
        rng, known = self.rng, self.known
        reached = known.mean[points] + known.deviation[points] * rng.standard_normal(len(points))
        reached = np.where(rng.random(len(points)) < known.failing[points], CHANCE, np.clip(reached, 0.02, 0.999))
        limits = np.minimum(65536 * by_hardness(latent_of(reached)), 65535).astype(np.uint16)
        drawn = rng.integers(0, 65536, (len(points), self.images), dtype=np.uint16)
        return drawn < np.take(limits, self.bins[self.splits[seed]], axis=1)

    def candidate(self, point: int, seeds: tuple[int, ...], correct: np.ndarray) -> Candidate:
        """A trained point as the estimator takes it."""
        return Candidate(
            point=f"{point:03d}",
            num_params=int(self.known.sizes[self.known.place[point]]),
            family="linear",
            seeds=seeds,
            accuracy=correct.mean(1),
            fresh=frozenset(seed for seed in seeds if seed >= SEEDS),
            correct=np.packbits(correct, axis=1),
        )

    def refresh(self, names: list[str]) -> None:
        """Train networks with fresh seeds."""
        points = np.array([int(name) for name in names])
        correct = np.stack([self.train(points, seed) for seed in range(SEEDS, SEEDS + self.fresh)], axis=1)
        for point, rows in zip(points, correct, strict=True):
            before = unpacked(self.candidates[point], self.images)
            self.candidates[point] = self.candidate(
                int(point), tuple(range(SEEDS + self.fresh)), np.concatenate([before, rows])
            )
        self.current = None

    def grid(self) -> Grid:
        """The study as it is."""
        if self.current is None:
            tenth = self.images // 10
            self.current = Grid(tuple(self.candidates), (tenth,) * 10, images=self.splits if self.own else None)
        return self.current

    def oracle(self, grid: Grid, measured: Measured, rows: list[Row], limits: object) -> Noise:
        """The noise as it is."""
        places = np.array([row.place for row in rows])
        together, whole = self.together[np.ix_(places, places)], self.whole[places]
        overlap = 1 / FOLDS if self.own else 1.0
        counts = np.array([len(row.seeds) for row in rows])
        holds = np.zeros((len(rows), SEEDS + self.fresh))
        for number, row in enumerate(rows):
            holds[number, row.seeds] = 1
        same = holds @ holds.T
        pairs = np.outer(counts, counts)
        covariance = together * (same + (pairs - same) * overlap) / pairs / self.images
        of_one = places[:, None] == places[None]
        alone = (whole[:, None] * same + together * (pairs - same) * overlap) / pairs / self.images
        covariance = np.where(of_one, alone, covariance)
        between = (whole - np.diag(together) * overlap) / self.images
        # failing points are never steady; whatever their noise, they fall short
        variance = self.known.deviation[places] ** 2 + np.where(self.known.failing[places] > 0, 1.0, 0.0)
        return Noise(variance, np.full(len(rows), np.inf), covariance, between, known=True)
