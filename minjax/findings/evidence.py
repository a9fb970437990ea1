"""Bootstrapped errors, and the evidence that some network up to a size reaches a level."""

from __future__ import annotations

import functools

import numpy as np

WINDOWS = (1, 2, 4, 8, 16, 32)  # numbers of neighbouring candidates whose margins are averaged


def bootstrapped(images: np.ndarray, own: np.ndarray, freedom: np.ndarray, replicates: int) -> np.ndarray:
    """Errors of the rows' means, [replicates, R]: bootstrapped images, and seeds as Student's distribution has them."""
    values, vectors = np.linalg.eigh(images)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = _normal(replicates, len(own))
    return normal[0] @ root.T + np.sqrt(own) * _student(normal[1], freedom)


@functools.lru_cache(maxsize=4)
def _normal_draws(replicates: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((columns, 2, replicates)).transpose(1, 2, 0)


def _normal(replicates: int, columns: int) -> np.ndarray:
    """Standard normal numbers, [2, replicates, columns]: always the same, so that an answer is."""
    return _normal_draws(replicates, 64 * -(-columns // 64))[..., :columns]


def _student(normal: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Student's variables by the expansion about normal ones (Abramowitz and Stegun 26.7.5)."""
    z, n = normal, freedom
    if np.all(n > 200):
        return z
    square = z * z
    first = (square + 1) / 4
    second = ((5 * square + 16) * square + 3) / 96
    third = (((3 * square + 19) * square + 17) * square - 15) / 384
    return z * (1 + first / n + second / n**2 + third / n**3)


def established(margin: np.ndarray, errors: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Up to which candidate it is established that one of those so far is above the level.

    If none of the first j candidates is, then no average of their margins is above 0 but by error. So averages over
    windows of neighbours are tried, many lengths at every end (as Duembgen and Spokoiny 2001 do), and the largest,
    in standard errors, is held against the largest that errors alone make. Averages settle much that single
    candidates do not: on a plateau each may be within its error of the level while together they are not.

    Each turn is a test of its own, so the earliest of many would too often be wrong: a turn counts only when all later
    ones agree, and then one that is wrong makes the last turn before the true minimal size wrong, which is one test.

    Args:
        margin: estimated accuracy less the level, candidates by size, [n].
        errors: bootstrapped errors of the margins, [replicates, n].
        tail: error of the test.

    Returns:
        (whether it is established by each candidate's turn, bool [n]; the critical value at its turn, [n])
    """
    largest, largest_error = np.full(len(margin), -np.inf), np.full(errors.shape, -np.inf)
    sums = np.concatenate([[0.0], np.cumsum(margin)])
    error_sums = np.concatenate([np.zeros((len(errors), 1)), np.cumsum(errors, axis=1)], axis=1)
    for window in WINDOWS:
        if window > len(margin):
            break
        drawn = error_sums[:, window:] - error_sums[:, :-window]
        deviation = np.sqrt(np.einsum("rn,rn->n", drawn, drawn) / len(drawn))
        scale = np.where(deviation > 0, deviation, np.inf)
        here = slice(window - 1, None)
        largest[here] = np.maximum(largest[here], (sums[window:] - sums[:-window]) / scale)
        np.maximum(largest_error[:, here], drawn / scale, out=largest_error[:, here])
    running = np.maximum.accumulate(largest_error, axis=1)
    place = int(np.ceil((1 - tail) * (len(errors) - 1)))
    critical = np.partition(running, place, axis=0)[place]
    above = np.maximum.accumulate(largest) > critical
    return np.logical_and.accumulate(above[::-1])[::-1], critical
