"""How often the interval of the minimal size holds the truth, and how wide it is: `python benchmarks/selection.py`.

Studies whose truth is known are simulated image by image. Each draws a curve of accuracy over size (a logistic one,
with a knee and a flat top, or a power law, which approaches its top for ever), two or four shapes at each size of which
the first is on the curve, others a little below, and the deepest sometimes bad: lower, erratic, half of these with
seeds that fail. Networks find the same images hard. Each seed has its own validation images, a fifth of the training
set, so that two seeds share some; `--shared` gives all seeds the same ones. Five first-stage seeds a point; five fresh
ones for what an answer asks for; `--first` does without them.

The *oracle* sees the same accuracies and inverts the same tests, but knows the noise: the true deviation of each point
over seeds, and the true covariance of the accuracies by their images. Its margins are therefore normal with known
variance, and it knows which points are steady. What the estimator loses against it is the price of not knowing the
noise. The oracle of `stable` knows the answer itself; its width is 0.

Cells are run in order and recorded one by one; `--minutes` ends a run after the cell in which they pass, and the same
command goes on from there. `--page` writes docs/selection.md from the record.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from minjax.findings.candidates import Candidate, Grid, Measured, unpacked
from minjax.findings.intervals import share
from minjax.findings.samples import LIMITS
from minjax.findings.sizes import Size, near_best, stable, target, wanting
from minjax.findings.uncertainty import Row
from minjax.findings.verdicts import Noise
from minjax.records import read_json, write_json

RECORD = Path(__file__).resolve().parent / "records" / "studies" / "selection.json"

CHANCE = 0.1
DECADES = (2.0, 6.0)  # of the sizes: 100 to 1,000,000 parameters
CURVES = ("logistic", "power")
GRIDS = {12: (6, 2), 40: (10, 4), 120: (30, 4)}  # points -> sizes, shapes a size
NOISES = (0.003, 0.007, 0.015)
IMAGES = (360, 1000, 10000)
SEEDS = 5
FRESH = 5
FOLDS = 5  # the training set holds so many times the validation images: each seed draws its own fifth
CORRELATION = 0.8  # of two networks' latent scores on an image; at 95 % accuracy their errors correlate by about 0.5
BINS = 256
STABLE_AT = 1000  # images of the cells in which `stable` is asked too; seeds and not images decide it

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


@dataclasses.dataclass(frozen=True)
class Cell:
    """What the studies of a cell have in common."""

    curve: str
    points: int
    noise: float
    images: int
    shared: bool
    fresh: bool
    studies: int

    @property
    def seed(self) -> list[int]:
        return [CURVES.index(self.curve), self.points, round(1000 * self.noise), self.images, int(self.shared), int(self.fresh)]


class Study:
    """A simulated study: trains its points, in order, with the seeds that are asked for."""

    def __init__(self, known: Truth, images: int, own_splits: bool, rng: np.random.Generator) -> None:
        self.known, self.images, self.rng, self.own = known, images, rng, own_splits
        pool = FOLDS * images
        self.bins = rng.integers(0, BINS, pool)
        shared = np.arange(images)
        self.splits = {
            seed: rng.permutation(pool)[:images] if own_splits else shared for seed in range(SEEDS + FRESH)
        }
        every = np.arange(len(known.mean))
        correct = np.stack([self.train(every, seed) for seed in range(SEEDS)], axis=1)
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
        correct = np.stack([self.train(points, seed) for seed in range(SEEDS, SEEDS + FRESH)], axis=1)
        for point, rows in zip(points, correct, strict=True):
            before = unpacked(self.candidates[point], self.images)
            self.candidates[point] = self.candidate(
                int(point), tuple(range(SEEDS + FRESH)), np.concatenate([before, rows])
            )

    def grid(self) -> Grid:
        tenth = self.images // 10
        return Grid(tuple(self.candidates), (tenth,) * 10, images=self.splits if self.own else None)

    def oracle(self, grid: Grid, measured: Measured, rows: list[Row], limits: object) -> Noise:
        """The noise as it is."""
        places = np.array([row.place for row in rows])
        right = by_hardness(latent_of(self.known.mean[places]))
        centred = right - right.mean(1, keepdims=True)
        together = centred @ centred.T / BINS
        whole = right.mean(1) * (1 - right.mean(1))
        overlap = 1 / FOLDS if self.own else 1.0
        counts = np.array([len(row.seeds) for row in rows])
        holds = np.zeros((len(rows), SEEDS + FRESH))
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


def finish(study: Study, accuracy: float | None) -> Size:
    """An answer after the fresh seeds that it wants; asking with the true noise first only saves time."""
    while True:
        while wanted := wanting(study.grid(), accuracy, noise_of=study.oracle):
            study.refresh([one.point for one in wanted])
        answer = asked(study, accuracy)
        if not answer.fresh_wanted:
            return answer
        study.refresh([point for point, _ in answer.fresh_wanted])


def asked(study: Study, accuracy: float | None, **options: Any) -> Size:
    """An answer of the study as it is."""
    return near_best(study.grid(), **options) if accuracy is None else target(study.grid(), accuracy, **options)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One answer of one study: places on the grid of sizes, whose number stands for beyond the grid."""

    true: int
    found: int
    low: int
    high: int
    oracle_true: int
    oracle_low: int
    oracle_high: int
    first_bias: float
    stated_bias: float


def simulate(cell: Cell, number: int) -> dict[str, Outcome]:
    """One study of a cell and its answers."""
    rng = np.random.Generator(np.random.SFC64([*cell.seed, number]))
    known = truth(cell.curve, cell.points, cell.noise, rng)
    study = Study(known, cell.images, not cell.shared, rng)
    outcomes = {}
    if cell.images == STABLE_AT:
        outcomes["stable"] = outcome(known, stable(study.grid()), stable(study.grid(), noise_of=study.oracle))
    for name, accuracy in (("near_best", None), ("target", known.target)):
        answer = finish(study, accuracy) if cell.fresh else asked(study, accuracy)
        exact = asked(study, accuracy, noise_of=study.oracle)
        outcomes[name] = outcome(known, answer, exact)
    return outcomes


def outcome(known: Truth, answer: Size, exact: Size) -> Outcome:
    def at(size: int | None) -> int:
        return len(known.sizes) if size is None else int(np.searchsorted(known.sizes, size))

    def true(one: Size) -> int:
        levels = {"stable": CHANCE + LIMITS.margin, "target": known.target}
        best = known.mean[int(one.best.point)] - LIMITS.tolerance
        return known.minimal(levels.get(one.name, float(best)))

    bias = [np.nan, np.nan]
    if answer.winner is not None:
        mean = known.mean[int(answer.winner.point)]
        bias = [answer.winner.first_accuracy - mean, answer.winner.accuracy - mean]
    return Outcome(
        true(answer), at(answer.num_params), *map(at, answer.interval), true(exact), *map(at, exact.interval), *bias
    )


def summary(cell: Cell, name: str, outcomes: list[Outcome]) -> dict[str, Any]:
    """A cell's numbers."""
    columns = {field: np.array([getattr(one, field) for one in outcomes]) for field in Outcome.__dataclass_fields__}
    true, low, high = columns["true"], columns["low"], columns["high"]
    covered = (low <= true) & (true <= high)
    right = (columns["oracle_low"] <= columns["oracle_true"]) & (columns["oracle_true"] <= columns["oracle_high"])
    step = (DECADES[1] - DECADES[0]) / (GRIDS[cell.points][0] - 1)
    steps, oracle = high - low, columns["oracle_high"] - columns["oracle_low"]
    interval = share(int(covered.sum()), len(covered)).interval
    return dataclasses.asdict(cell) | {
        "answer": name,
        "covered": float(covered.mean()),
        "covered_interval": [round(bound, 4) for bound in interval],
        "missed_above": float((true < low).mean()),
        "missed_below": float((true > high).mean()),
        "exact": float((true == columns["found"]).mean()),
        "steps": float(np.median(steps)),
        "mean_steps": round(float(steps.mean()), 2),
        "factor": round(float(10 ** (step * np.median(steps))), 3),
        "oracle_covered": float(right.mean()),
        "oracle_steps": float(np.median(oracle)),
        "oracle_mean_steps": round(float(oracle.mean()), 2),
        "first_bias": round(float(np.nanmean(columns["first_bias"])), 5),
        "stated_bias": round(float(np.nanmean(columns["stated_bias"])), 5),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RECORD)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--shared", action="store_true", help="all seeds have the same validation images")
    parser.add_argument("--first", action="store_true", help="no fresh seeds")
    parser.add_argument("--points", type=int, nargs="*", default=sorted(GRIDS))
    parser.add_argument("--images", type=int, nargs="*", default=IMAGES)
    flags = parser.parse_args(arguments)
    begun = time.perf_counter()
    for images, points, curve, noise in itertools.product(flags.images, flags.points, CURVES, NOISES):
        cell = Cell(curve, points, noise, images, flags.shared, not flags.first, flags.studies)
        record = read_json(flags.out) if flags.out.exists() else []
        if any(all(row[key] == value for key, value in dataclasses.asdict(cell).items()) for row in record):
            continue
        if time.perf_counter() - begun > 60 * flags.minutes:
            sys.exit("cells are left; the same command goes on")
        cpu = time.process_time()
        outcomes = [simulate(cell, number) for number in range(cell.studies)]
        seconds = round(time.process_time() - cpu, 1)
        for name in outcomes[0]:
            row = summary(cell, name, [one[name] for one in outcomes])
            record.append(row | {"cpu_seconds": seconds})
            print(json.dumps(row), flush=True)
        write_json(flags.out, record)


if __name__ == "__main__":
    main()
