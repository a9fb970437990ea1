"""Whether each candidate reaches an accuracy: reaches, falls short, or undecided by the data.

The minimal size is the first at which some candidate reaches a level. Its confidence set is found by inverting tests,
one on each side:

- *from below*: a candidate falls short where its accuracy is significantly below the level. The true minimal size has
  a candidate that reaches it, and only that one must not be rejected, so this test needs no correction for the number
  of candidates.
- *from above*: a size is enough where it is significant that some candidate up to it is above the level. Every
  candidate smaller than the true minimal size is a chance to be wrong, so the critical value is that of the largest
  error among the candidates up to the size in question (the maximum of the bootstrapped errors, as in White 2000, "A
  reality check for data snooping"), those left out that are too far below to be wrong about (Hansen 2005; Andrews and
  Soares 2010). Averages over neighbouring candidates are tried as well as single ones (`evidence.py`).

Each side has the whole error, 5 %, and not half of it, because they are hardly ever wrong about the same truth. The
lower end is wrong when every candidate up to the true minimal size is rejected, which takes smaller ones that are
clearly worse; the upper end when one of the smaller ones is confirmed, which takes some that are nearly as good.
`docs/selection.md` has the coverage that results.

No order among sizes is assumed: a bad deep network falls short by itself and vetoes nobody. The percentile interval of
a resampled selection would be simpler and wrong: the resampled selection has the winner's curse twice.

The level is absolute, or the accuracy of the best network found less a tolerance. The best found is a network with a
name, the one that looked best on the first-stage seeds; what it is worth is measured with its fresh seeds. Without
fresh seeds it looks better than it is, and falling short of it is judged against all candidates that might as well
have been the best (comparisons with the best: Hsu 1984).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import chdtri, stdtrit

from minjax.findings.candidates import Grid, Measured, measure
from minjax.findings.evidence import bootstrapped, established
from minjax.findings.samples import LIMITS, Limits
from minjax.findings.uncertainty import Row, image_noise, seed_noise

LEVEL = 0.95
REPLICATES = 2000
PLAUSIBLE = 3.0  # standard errors below the level within which a candidate could be taken wrongly to reach it
NEAR = 0.03  # of accuracy below the level: candidates that are measured image by image
FAR = 6.0  # rough standard errors below the level: with these too
WILD = 2.0  # sigmas of deviation from which a candidate's variance says nothing of the others'
ROUNDING = 1e-9  # of accuracy: 0.975 is not below 0.985 - 0.01, whatever their last digits
RESOLUTION = 0.25  # images: the least error by seeds; all seeds agreeing to the image does not make it 0
TAIL_OF_DEVIATION = 0.005  # of the error of the lower end, spent on the test that the deviation is above sigma

SHORT, UNDECIDED, REACHES = 0, 1, 2
WORDS = ("falls short", "undecided", "reaches")


@dataclasses.dataclass(frozen=True)
class Noise:
    """The errors of R rows.

    Attributes:
        seed_variance: of one seed's accuracy, [R], with its degrees of freedom `freedom`, [R].
        images: covariance of the rows' means by their images, [R, R].
        between_seeds: the part of the variance over seeds that is due to images, [R].
        known: whether `seed_variance` is the truth and no estimate, so that the deviation over seeds is known too.
    """

    seed_variance: np.ndarray
    freedom: np.ndarray
    images: np.ndarray
    between_seeds: np.ndarray
    known: bool = False


NoiseOf = Callable[[Grid, Measured, Sequence[Row], Limits], Noise]


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """What the data say of each candidate at one level; C candidates in the order of the grid.

    Attributes:
        measured: the candidates as arrays.
        level: the accuracy to reach; nan where it is relative and no candidate is steady.
        best: the best found, where the level is relative to it.
        deviation: over seeds, the images' part taken off where the candidate is near the level, [C].
        steady: deviation at most sigma, no seed failed, and enough seeds to say so, bool [C].
        meets: steady, and the stated accuracy is at least the level, bool [C].
        margin: accuracy over all seeds less the level, [C].
        error: standard error of `margin`, nan far below the level, [C].
        verdict: SHORT, UNDECIDED or REACHES, int [C].
        enough: place of the first size up to which some candidate reaches the level for sure; the number of sizes
            where that is not established.
    """

    measured: Measured
    level: float
    best: int | None
    deviation: np.ndarray
    steady: np.ndarray
    meets: np.ndarray
    margin: np.ndarray
    error: np.ndarray
    verdict: np.ndarray
    enough: int


def estimated(grid: Grid, measured: Measured, rows: Sequence[Row], limits: Limits) -> Noise:
    """The noise of rows as the data show it; a candidate's first row is over all its seeds."""
    places = np.array([row.place for row in rows])
    images = image_noise(grid, rows)
    counts = np.array([len(row.seeds) for row in rows])
    shared = images.between_seeds(counts) if grid.recorded else np.zeros(len(rows))
    first = np.unique(places, return_index=True)[1]
    whole = np.zeros(len(rows), bool)
    whole[first] = measured.failed[places[first]] == 0
    wild = measured.variance[places] - shared > (WILD * limits.sigma) ** 2
    of_all = (measured.mean[places], measured.variance[places], measured.freedom[places])
    found = seed_noise(*of_all, shared, whole & ~wild, whole & wild)
    owner = first[np.searchsorted(places[first], places)]
    return Noise(found.variance[owner], found.freedom[owner], images.covariance, shared[owner])


def judge(
    grid: Grid,
    target: float | None = None,
    limits: Limits = LIMITS,
    *,
    confidence: float = LEVEL,
    noise_of: NoiseOf = estimated,
    replicates: int = REPLICATES,
) -> Verdicts:
    """Judge every candidate at an absolute target, or within `limits.tolerance` of the best found.

    Args:
        grid: the candidates.
        target: accuracy to reach; None: relative to the best found.
        limits: `tolerance`, `sigma` and `margin` are used.
        confidence: of each end of the interval.
        noise_of: how noise is known; an oracle's for simulations.
        replicates: of the bootstrap; 0: no tests, every verdict is SHORT.
    """
    measured = measure(grid, limits)
    near = _near(grid, measured, target, limits)
    verdicts, rows, noise = _at_level(grid, measured, near, target, limits, noise_of)
    if verdicts.best is not None and verdicts.best not in near:  # the seemingly best were not steady
        near = np.arange(len(grid.candidates))
        verdicts, rows, noise = _at_level(grid, measured, near, target, limits, noise_of)
    if replicates and noise is not None and not np.isnan(verdicts.level):
        return _tested(grid, verdicts, near, rows, noise, limits, 1 - confidence, replicates)
    return verdicts


def _near(grid: Grid, measured: Measured, target: float | None, limits: Limits) -> np.ndarray:
    """The candidates near enough to the level, or above it, for their errors to matter: places, ascending."""
    binomial = measured.mean * (1 - measured.mean) / grid.num_images
    if target is None:
        able = (measured.failed == 0) & (measured.variance <= limits.sigma**2 + binomial) & enough_seeds(grid, measured)
        target = float(measured.first[able].max() - limits.tolerance) if able.any() else 0.0
    rough = np.sqrt((measured.variance + np.median(measured.variance)) / measured.seeds + binomial)
    return np.flatnonzero(measured.mean >= target - np.maximum(NEAR, FAR * rough))


def enough_seeds(grid: Grid, measured: Measured) -> np.ndarray:
    """Which candidates have first-stage seeds enough to be an answer, bool [C]."""
    return measured.seeds - measured.num_fresh >= grid.least_seeds


def row_of(grid: Grid, measured: Measured, place: int, *, only_fresh: bool = False) -> Row:
    """A candidate's mean over all its seeds, or over the fresh ones."""
    one = grid.candidates[place]
    seeds = np.flatnonzero(one.is_fresh) if only_fresh else np.arange(len(one.seeds))
    return Row(int(place), one, seeds, float((measured.fresh if only_fresh else measured.mean)[place]))


def _at_level(
    grid: Grid, measured: Measured, near: np.ndarray, target: float | None, limits: Limits, noise_of: NoiseOf
) -> tuple[Verdicts, list[Row], Noise | None]:
    """Verdicts without their tests, the rows near the level and their noise; rows of fresh seeds come last."""
    rows = [row_of(grid, measured, place) for place in near]
    rows += [row_of(grid, measured, place, only_fresh=True) for place in near if measured.num_fresh[place]]
    noise = noise_of(grid, measured, rows, limits) if rows else None
    squared = measured.variance.copy()
    if noise is not None:
        squared[near] = (
            noise.seed_variance[: len(near)]
            if noise.known
            else measured.variance[near] - noise.between_seeds[: len(near)]
        )
    deviation = np.sqrt(np.maximum(squared, 0.0))
    steady = (deviation <= limits.sigma) & (measured.failed == 0) & enough_seeds(grid, measured)
    best, level = None, target
    if target is None:
        best = int(np.flatnonzero(steady)[measured.first[steady].argmax()]) if steady.any() else None
        level = np.nan if best is None else float(measured.stated[best]) - limits.tolerance
    assert level is not None
    verdicts = Verdicts(
        measured=measured,
        level=level,
        best=best,
        deviation=deviation,
        steady=steady,
        meets=steady & (measured.stated >= level - ROUNDING),
        margin=measured.mean - level,
        error=np.full(len(steady), np.nan),
        verdict=np.full(len(steady), SHORT),
        enough=len(grid.sizes),
    )
    return verdicts, rows, noise


def _tested(
    grid: Grid,
    verdicts: Verdicts,
    near: np.ndarray,
    rows: Sequence[Row],
    noise: Noise,
    limits: Limits,
    tail: float,
    replicates: int,
) -> Verdicts:
    """Verdicts with those of the candidates near the level filled in."""
    measured, best, count = verdicts.measured, verdicts.best, len(near)
    least = (RESOLUTION / grid.num_images) ** 2
    own = np.maximum(noise.seed_variance / [len(row.seeds) for row in rows], least)  # of the rows' means, by seeds
    draws = bootstrapped(noise.images, own, noise.freedom, replicates)
    itself = near == (-1 if best is None else best)
    margin = np.where(itself, limits.tolerance, verdicts.margin[near])
    squared, parts, spread = np.diag(noise.images)[:count] + own[:count], own**2 / noise.freedom, draws[:, :count]
    uncertainty = parts[:count]
    if best is not None:
        other = max(number for number, row in enumerate(rows) if row.place == best)  # its fresh seeds, if it has any
        squared = squared + noise.images[other, other] + own[other] - 2 * noise.images[:count, other]
        uncertainty, spread = uncertainty + parts[other], spread - draws[:, [other]]
    error = np.sqrt(np.maximum(squared, least))
    score = np.where(itself, np.inf, margin / error)
    if best is None or measured.num_fresh[best]:
        freedom = np.minimum(error**4 / np.maximum(uncertainty, 1e-300), 1e6)  # Satterthwaite 1946
        critical = stdtrit(freedom, 1 - tail + TAIL_OF_DEVIATION)
    else:
        critical = _against_the_best(verdicts, near, noise, own, draws, tail)
    short = (score < -critical) | _unsteady(verdicts, near, noise, limits)
    reaches, enough = itself.copy(), len(grid.sizes)
    counted = np.flatnonzero(verdicts.steady[near] & (score >= -PLAUSIBLE) & ~itself)
    if len(counted):
        settled, bar = established(margin[counted], spread[:, counted], tail)
        reaches[counted] = settled & (score[counted] > bar)
        enough = int(measured.place[near[counted[settled.argmax()]]]) if settled.any() else enough
    if best is not None:
        enough = min(enough, int(measured.place[best]))
    errors, verdict = verdicts.error.copy(), verdicts.verdict.copy()
    errors[near] = np.where(itself, 0.0, error)
    verdict[near] = np.where(reaches, REACHES, np.where(short, SHORT, UNDECIDED))
    return dataclasses.replace(verdicts, error=errors, verdict=verdict, enough=enough)


def _unsteady(verdicts: Verdicts, near: np.ndarray, noise: Noise, limits: Limits) -> np.ndarray:
    """Candidates whose deviation over seeds is significantly above sigma, or with a failed seed, bool [n]."""
    if noise.known:
        return ~verdicts.steady[near]
    measured = verdicts.measured
    allowed = chdtri(measured.freedom[near], TAIL_OF_DEVIATION) / measured.freedom[near]
    above = measured.variance[near] > (limits.sigma**2 + noise.between_seeds[: len(near)]) * allowed
    return above | (measured.failed[near] > 0)


def _against_the_best(
    verdicts: Verdicts, near: np.ndarray, noise: Noise, own: np.ndarray, draws: np.ndarray, tail: float
) -> np.ndarray:
    """Critical scores of falling short of the best found where it has no fresh seeds, [n]."""
    assert verdicts.best is not None
    measured, count = verdicts.measured, len(near)
    best = int(np.flatnonzero(near == verdicts.best)[0])
    images, own = noise.images[:count, :count], own[:count]
    total = np.diag(images) + own
    error = np.sqrt(np.maximum(total[:, None] + total[None] - 2 * images, 1e-30))
    behind = (measured.mean[near][best] - measured.mean[near]) / error[best]
    rivals = np.flatnonzero(verdicts.steady[near] & ((behind <= PLAUSIBLE) | (np.arange(count) == best)))
    critical = np.zeros(count)
    for number in range(count):
        others = rivals[rivals != number]
        if len(others):
            ahead = ((draws[:, others] - draws[:, [number]]) / error[number, others]).max(1)
            critical[number] = np.quantile(ahead, 1 - tail + TAIL_OF_DEVIATION)
    return critical
