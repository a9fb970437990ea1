"""What a minimal size is found among: networks of several sizes with their accuracies, seed by seed and image by image.

A *candidate* is a point of the study at one setting of its hyperparameters (a learning rate, say), trained with
several seeds. Shapes and learning rates of one size are candidates side by side: a size is as good as the best of
them, so the choice among them is part of the selection, and of its uncertainty, and not made beforehand.

Seeds come in two stages. The first-stage seeds choose; *fresh* seeds are trained afterwards for what was chosen. The
accuracy stated of a chosen network is that of its fresh seeds, because a network chosen for its accuracy looks better
on the seeds that chose it than it is (the winner's curse).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from minjax.errors import UserError
from minjax.findings.samples import LEAST_SEEDS, LIMITS, Limits

METRICS = ("accuracy", "balanced_accuracy")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A point at one setting of its hyperparameters, with its validation accuracy over seeds.

    Attributes:
        point: the architecture's name, without hyperparameters.
        num_params: its size.
        family: of the architecture; the linear classifier's is "linear".
        seeds: S of them.
        accuracy: on each seed's validation images, float [S]. A diverged seed counts as chance. For balanced
            accuracy this is ignored where `correct` is given.
        hyperparameters: what tells it from the other candidates of the point ("learning_rate=0.1").
        fresh: the seeds among `seeds` that were trained after the choice.
        diverged: the seeds that diverged.
        correct: whether each validation image was classified correctly, packed by `numpy.packbits(..., axis=1)`,
            uint8 [S, ceil(images / 8)]; None where it was not recorded.
        id: of the point, by which its members are recorded.
    """

    point: str
    num_params: int
    family: str
    seeds: tuple[int, ...]
    accuracy: np.ndarray
    hyperparameters: str = ""
    fresh: frozenset[int] = frozenset()
    diverged: frozenset[int] = frozenset()
    correct: np.ndarray | None = None
    id: str = ""

    @functools.cached_property
    def key(self) -> tuple[int, str, str, str]:
        """Order and identity: smallest first."""
        return self.num_params, self.family, self.point, self.hyperparameters

    def __post_init__(self) -> None:
        shown, seeds = str(self), len(self.seeds)
        if len(set(self.seeds)) < seeds or len(self.accuracy) != seeds:
            raise UserError(f"{shown} has {len(self.accuracy)} accuracies for the seeds {list(self.seeds)}")
        if (~self.is_fresh).sum() < LEAST_SEEDS:
            raise UserError(f"{shown} has {int((~self.is_fresh).sum())} first-stage seeds; at least {LEAST_SEEDS}")
        if not np.isfinite(self.accuracy).all():
            raise UserError(f"{shown} has an accuracy that is not a number; a diverged seed counts as chance")

    def __str__(self) -> str:
        return f"{self.point} {self.hyperparameters}".strip()

    @functools.cached_property
    def is_fresh(self) -> np.ndarray:
        """Which seeds are fresh, bool [S]."""
        return np.array([seed in self.fresh for seed in self.seeds])

    @functools.cached_property
    def in_order(self) -> np.ndarray:
        """Places of the seeds in ascending order, int [S]."""
        return np.argsort(self.seeds)


@dataclasses.dataclass(frozen=True)
class Grid:
    """The candidates of a study on one data set, and what their images are.

    Attributes:
        candidates: at least one, each with two first-stage seeds or more.
        class_counts: validation images of each class.
        metric: one of `METRICS`.
        images: seed -> which images its validation split holds, int [images], in the order of `correct`; the same
            number for every seed. None: all seeds share one split.
        labels: class of each image that `images` counts, int; needed for balanced accuracy with `correct`.
        least_seeds: first-stage seeds from which a candidate can be an answer or the best found. One that was tried
            with fewer and left (a learning rate that lost) only counts among what is possible.
        guessing: the accuracy that guessing reaches; None: it follows from `class_counts`.
    """

    candidates: tuple[Candidate, ...]
    class_counts: tuple[int, ...]
    metric: str = "accuracy"
    images: Mapping[int, np.ndarray] | None = None
    labels: np.ndarray | None = None
    least_seeds: int = LEAST_SEEDS
    guessing: float | None = None

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UserError(f"metric is {self.metric!r}; it is one of {', '.join(METRICS)}")
        if not self.candidates:
            raise UserError("a minimal size needs at least one candidate")
        keys = [candidate.key for candidate in self.candidates]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UserError(f"{f'{twice[2]} {twice[3]}'.strip()} is among the candidates twice")
        recorded = [candidate.correct is not None for candidate in self.candidates]
        if any(recorded) and not all(recorded):
            missing = self.candidates[recorded.index(False)].point
            raise UserError(f"{missing} has no record of its correct images although other candidates have one")
        if any(recorded):
            self._check_images()
        if self.metric == "balanced_accuracy" and any(recorded) and self.labels is None:
            raise UserError("balanced accuracy from correct images needs the images' labels")
        object.__setattr__(self, "candidates", tuple(sorted(self.candidates, key=lambda one: one.key)))

    def _check_images(self) -> None:
        packed = (self.num_images + 7) // 8
        for one in self.candidates:
            assert one.correct is not None
            if one.correct.shape != (len(one.seeds), packed):
                raise UserError(
                    f"{one} has correct images packed as {list(one.correct.shape)}; "
                    f"{len(one.seeds)} seeds of {self.num_images} images are {[len(one.seeds), packed]}"
                )
        seeds = set().union(*(one.seeds for one in self.candidates))
        if self.images is not None and (without := seeds - self.images.keys()):
            raise UserError(f"seed {min(without)} was trained with, and its validation images are not given")

    @functools.cached_property
    def num_images(self) -> int:
        """Validation images of a seed."""
        return int(sum(self.class_counts))

    @property
    def chance(self) -> float:
        """What a network that always answers the commonest class reaches."""
        if self.guessing is not None:
            return self.guessing
        if self.metric == "balanced_accuracy":
            return 1 / len(self.class_counts)
        return float(max(self.class_counts)) / self.num_images

    @property
    def recorded(self) -> bool:
        """Whether correctness image by image is known."""
        return self.candidates[0].correct is not None

    @functools.cached_property
    def sizes(self) -> np.ndarray:
        """The sizes of the grid, ascending, int [sizes]."""
        return np.unique([candidate.num_params for candidate in self.candidates])

    @functools.cached_property
    def measured(self) -> dict[float, Measured]:
        """What `measure` found before, by margin above chance."""
        return {}

    def split(self, seed: int) -> np.ndarray:
        """Which images a seed's validation split holds, int [images]."""
        return np.arange(self.num_images) if self.images is None else self.images[seed]

    def scores(self, one: Candidate) -> np.ndarray:
        """The metric for each seed of a candidate, float64 [S]."""
        if self.metric == "accuracy" or one.correct is None:
            return np.asarray(one.accuracy, float)
        assert self.labels is not None
        right = unpacked(one, self.num_images)
        rows = zip(one.seeds, right, strict=True)
        return np.array([balanced_accuracy(row, self.labels[self.split(seed)]) for seed, row in rows])


def balanced_accuracy(right: np.ndarray, labels: np.ndarray) -> float:
    """The mean over classes of the share of their images that is classified correctly.

    Args:
        right: bool [N], whether each image is.
        labels: int [N], its class; classes without an image do not count.
    """
    counts = np.bincount(labels)
    return float((np.bincount(labels, right)[counts > 0] / counts[counts > 0]).mean())


def unpacked(one: Candidate, images: int) -> np.ndarray:
    """Correctness of a candidate by seed and image, bool [S, images]."""
    assert one.correct is not None
    return np.unpackbits(one.correct, axis=1, count=images).view(bool)


@dataclasses.dataclass(frozen=True)
class Measured:
    """The candidates of a grid as arrays, in its order; C candidates.

    Attributes:
        place: of its size among the sizes of the grid, int [C].
        first: mean over the first-stage seeds, [C].
        fresh: mean over the fresh seeds, nan where there are none, [C].
        mean: over all seeds, [C].
        variance: over all seeds, about the mean of each stage, [C].
        seeds, num_fresh: how many, int [C].
        failed: seeds that diverged or ended within `limits.margin` of chance, int [C].
    """

    place: np.ndarray
    first: np.ndarray
    fresh: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    seeds: np.ndarray
    num_fresh: np.ndarray
    failed: np.ndarray

    @property
    def stated(self) -> np.ndarray:
        """The accuracy to state: that of the fresh seeds where there are any, [C]."""
        return np.where(np.isnan(self.fresh), self.first, self.fresh)

    @property
    def freedom(self) -> np.ndarray:
        """Degrees of freedom of `variance`, int [C]."""
        return self.seeds - 1 - (self.num_fresh > 0)


def measure(grid: Grid, limits: Limits = LIMITS) -> Measured:
    """The candidates as arrays; the order of a candidate's seeds does not matter, not even by rounding."""
    if limits.margin not in grid.measured:
        grid.measured[limits.margin] = _measure(grid, limits)
    return grid.measured[limits.margin]


def _measure(grid: Grid, limits: Limits) -> Measured:
    lengths = np.array([len(one.seeds) for one in grid.candidates])
    present = np.arange(lengths.max()) < lengths[:, None]
    scores, is_fresh, low = np.zeros(present.shape), np.zeros(present.shape, bool), np.zeros(present.shape, bool)
    scores[present] = np.concatenate([grid.scores(one)[one.in_order] for one in grid.candidates])
    is_fresh[present] = np.concatenate([one.is_fresh[one.in_order] for one in grid.candidates])
    is_first = present & ~is_fresh
    for number, one in enumerate(grid.candidates):
        if one.diverged:
            low[number, : lengths[number]] = np.isin(np.array(one.seeds)[one.in_order], list(one.diverged))
    low |= present & (scores <= grid.chance + limits.margin)
    num_first, num_fresh = is_first.sum(1), is_fresh.sum(1)
    first = (scores * is_first).sum(1) / num_first
    with np.errstate(invalid="ignore"):
        fresh = (scores * is_fresh).sum(1) / np.where(num_fresh, num_fresh, np.nan)
    about = np.where(is_first, first[:, None], np.where(is_fresh, fresh[:, None], scores))
    seeds = num_first + num_fresh
    freedom = seeds - 1 - (num_fresh > 0)
    return Measured(
        place=np.searchsorted(grid.sizes, [one.num_params for one in grid.candidates]),
        first=first,
        fresh=fresh,
        mean=scores.sum(1) / seeds,
        variance=((scores - about) ** 2).sum(1) / freedom,
        seeds=seeds,
        num_fresh=num_fresh,
        failed=low.sum(1),
    )
