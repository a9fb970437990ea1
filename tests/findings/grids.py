"""Grids of candidates made by hand for the tests of the minimal size."""

from __future__ import annotations

import numpy as np

from minjax.findings.candidates import Candidate, Grid

IMAGES = 400
CLASSES = (40,) * 10


def candidate(point: str, num_params: int, accuracy, *, fresh=(), correct=None, family="dnn", **more) -> Candidate:
    """A candidate with seeds 0, 1, ... and fresh ones 100, 101, ..."""
    seeds = tuple(range(len(accuracy))) + tuple(range(100, 100 + len(fresh)))
    return Candidate(
        point=point,
        num_params=num_params,
        family=family,
        seeds=seeds,
        accuracy=np.array([*accuracy, *fresh], float),
        fresh=frozenset(seeds[len(accuracy) :]),
        correct=correct,
        **more,
    )


def around(mean: float, deviation: float = 0.003) -> np.ndarray:
    """Five accuracies with exactly that mean and deviation."""
    steps = np.array([-2.0, -1, 0, 1, 2])
    return mean + deviation * steps / steps.std(ddof=1)


def knee(*, images: int = 100_000, fresh: bool = False) -> Grid:
    """Sizes 100 to 1,600 at 80, 90, 95, 97, 97.1 %, and at each a bad deep network of 60 % that is erratic."""
    found = []
    for number, mean in enumerate((0.80, 0.90, 0.95, 0.97, 0.971)):
        size = 100 * 2**number
        found.append(candidate(f"good-{size}", size, around(mean), fresh=around(mean) if fresh else ()))
        found.append(candidate(f"deep-{size}", size + 10, around(0.6, 0.2)))
    return Grid(tuple(found), (images // 10,) * 10)


def imaged(rng: np.random.Generator, means: dict[str, tuple[int, float]], *, seeds: int = 5, own: bool = True) -> Grid:
    """Candidates with correctness by image, hard images being hard for all; `means`: point -> (size, accuracy)."""
    pool = 5 * IMAGES if own else IMAGES
    hardness = rng.uniform(-1, 1, pool)
    labels = np.arange(pool) % 10
    by_class = [np.flatnonzero(labels == one) for one in range(10)]
    splits = {
        seed: np.sort(np.concatenate([rng.permutation(of)[:40] for of in by_class])) if own else np.arange(IMAGES)
        for seed in range(seeds)
    }
    found = []
    for point, (size, mean) in means.items():
        correct = np.stack(
            [
                rng.random(IMAGES)
                < np.clip(mean + 0.5 * (1 - mean) * hardness[splits[seed]] + rng.normal(0, 0.002), 0, 1)
                for seed in range(seeds)
            ]
        )
        found.append(candidate(point, size, correct.mean(1), correct=np.packbits(correct, axis=1)))
    return Grid(tuple(found), CLASSES, images=splits if own else None, labels=labels)
