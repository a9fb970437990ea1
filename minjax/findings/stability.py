"""Which candidates train stably: seeds agree, none failed, chance is left behind.

Five seeds say little of a deviation: one of 0.02 is measured anywhere between 0.007 and 0.033 in 95 % of cases. So the
candidates' variances support each other. They shrink as accuracy rises, so each is moderated towards a line of log
variance over log error, by as much as the candidates agree on it (Smyth 2004; the trend as in Law et al. 2014, "voom").
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri, digamma

from minjax.findings.candidates import Grid, measure
from minjax.findings.samples import LIMITS, Limits
from minjax.findings.uncertainty import prior_freedom
from minjax.findings.verdicts import (
    LEVEL,
    REACHES,
    SHORT,
    UNDECIDED,
    NoiseOf,
    Verdicts,
    enough_seeds,
    estimated,
    row_of,
)

LEAST_FOR_TREND = 6


def judge_stability(grid: Grid, limits: Limits = LIMITS, *, noise_of: NoiseOf = estimated) -> Verdicts:
    """Judge every candidate's stability; `margin` is sigma less the deviation, and `error` is not given.

    Args:
        grid: the candidates.
        limits: `sigma` and `margin` are used.
        noise_of: how noise is known.
    """
    measured = measure(grid, limits)
    rows = [row_of(grid, measured, place) for place in range(len(grid.candidates))]
    noise = noise_of(grid, measured, rows, limits)
    by_images = noise.between_seeds
    variance = noise.seed_variance if noise.known else np.maximum(measured.variance - by_images, 0.0)
    allowed = limits.sigma**2
    sound = measured.failed == 0
    steady = (np.sqrt(variance) <= limits.sigma) & sound & enough_seeds(grid, measured)
    if noise.known:
        verdict = np.where(steady, REACHES, SHORT)
    else:
        ratio, freedom = measured.variance / (allowed + by_images), measured.freedom
        unsteady = ratio > chdtri(freedom, 1 - LEVEL) / freedom
        total, degrees = moderated(measured.variance, freedom, 1 - measured.mean + 1 / grid.num_images, sound)
        tries = np.maximum(np.searchsorted(measured.place[sound & ~unsteady], measured.place, side="right"), 1)
        confirmed = total / (allowed + by_images) < chdtri(degrees, LEVEL ** (1 / tries)) / degrees
        verdict = np.where(unsteady | ~sound, SHORT, np.where(confirmed & steady, REACHES, UNDECIDED))
    sure = measured.place[verdict == REACHES]
    return Verdicts(
        measured=measured,
        level=grid.chance + limits.margin,
        best=None,
        deviation=np.sqrt(variance),
        steady=steady,
        meets=steady,
        margin=limits.sigma - np.sqrt(variance),
        error=np.full(len(steady), np.nan),
        verdict=verdict,
        enough=int(sure.min()) if len(sure) else len(grid.sizes),
    )


def moderated(
    variance: np.ndarray, freedom: np.ndarray, wrong: np.ndarray, sound: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Variances over seeds moderated towards their trend over the error rate, and their degrees of freedom, each [C].

    Args:
        variance: observed, [C].
        freedom: of it, [C].
        wrong: error rate, above 0, [C].
        sound: the candidates that support each other, bool [C]; the others keep their own variance.
    """
    total, degrees = variance.astype(float).copy(), freedom.astype(float).copy()
    if sound.sum() < LEAST_FOR_TREND:
        return total, degrees
    seen, known, x = variance[sound], degrees[sound], np.log(wrong[sound])
    floor = 0.05 * max(float(np.median(seen)), 1e-12)
    logs = np.log(np.maximum(seen, floor)) - digamma(known / 2) + np.log(known / 2)
    design = np.stack([np.ones_like(x), x - x.mean()], axis=1)
    fitted = np.exp(design @ np.linalg.lstsq(design, logs, rcond=None)[0])
    prior = min(prior_freedom(seen / fitted, known), float(known.sum()) - float(known.max()))
    total[sound] = (prior * fitted + known * seen) / (prior + known)
    degrees[sound] = prior + known
    return total, degrees
