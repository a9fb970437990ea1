"""The minimal number of parameters for stable learning, with a bootstrap interval: a statement about a grid of sizes.

The idea is the smallest size from which on accuracy stays within eps_A of that of the largest, with seeds that agree.
Taken literally on noisy means that is badly biased: on a dense grid some larger size always looks worse by chance. So:

- *target*: the mean accuracy over the top quarter of the sizes, less `limits.tolerance`;
- *minimal*: the first size at which the isotonic (non-decreasing) fit of mean accuracy over size reaches the target
  and the standard deviation over seeds is at most `limits.sigma`.

The interval is a parametric bootstrap: accuracies are drawn around the isotonic fit, the whole estimate is repeated on
them, target and deviations included, and the 2.5 and 97.5 % positions are taken, outwards. The noise is pooled over
the points, since five seeds say little about one point's own; only a point far above the limit (`WILD` times) keeps
its own. Where the means scatter about the fit by more than seed noise explains (networks of similar size and different
depth, say), the excess counts as noise too.

No isotonic fit is needed to find where it reaches a level: that is where the running sum of (accuracy - level) is
smallest, which makes a replicate one `cumsum`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from minjax.findings.intervals import LEVEL
from minjax.findings.samples import LIMITS, Limits, Sample
from minjax.findings.words import apart, count, percent
from minjax.records.finding import Below, Minimal

REPLICATES = 2000
LEAST_SEEDS = 5
LEAST_SIZES = 4
WILD = 2.0
NEAR = 5.0  # tolerances from the target within which scatter between architectures matters for the crossing

DEFINITION = (
    "The minimal size is the first size of the grid, among networks of equal shape, at which a non-decreasing fit of "
    "the mean accuracy reaches the target (the mean over the largest quarter of the sizes, less the tolerance) and the "
    "seeds agree. It is a statement about this grid: nothing is known between its sizes."
)


@dataclasses.dataclass(frozen=True)
class Located:
    """What `locate` found: indices into the grid of sizes.

    Attributes:
        index: of the minimal size; None: no size qualifies.
        low, high: of the ends of its interval; `high` is the number of sizes where it lies beyond the grid.
        target: the accuracy that the fit had to reach.
        noise: the standard deviation over seeds, pooled over the sizes.
        fit: the isotonic fit of the accuracy, [n].
        none: the share of the replicates in which no size qualified.
    """

    index: int | None
    low: int
    high: int
    target: float
    noise: float
    fit: np.ndarray
    none: float


def minimal(
    found: Sequence[Sample], limits: Limits = LIMITS, *, replicates: int = REPLICATES, seed: int = 0
) -> Minimal:
    """The minimal size of one family on one data set, among its equal shapes with five seeds or more.

    Args:
        found: its samples.
        limits: `tolerance`, `sigma` and `margin` are used.
        replicates, seed: of the bootstrap.

    Raises:
        ValueError: samples of several families or data sets.
    """
    if len({(sample.dataset, sample.family) for sample in found}) != 1:
        raise ValueError("a minimal size is that of one family on one data set")
    equal = [sample for sample in found if sample.equal]
    used = [sample for sample in equal if len(sample.seeds) >= LEAST_SEEDS]
    sizes = sorted({sample.num_params for sample in used})
    nothing = Minimal(
        family=found[0].family,
        dataset=found[0].dataset,
        num_params=None,
        interval=None,
        grid=sizes,
        tolerance=limits.tolerance,
        seeds=min((len(sample.seeds) for sample in used or found), default=0),
        level=LEVEL,
        selection=found[0].selection,
    )
    if len(sizes) < LEAST_SIZES:
        reason = f"{_sizes(len(sizes))} of equal shape with at least {LEAST_SEEDS} seeds, and {LEAST_SIZES} are needed"
        return msgspec.structs.replace(nothing, reason=reason)
    means, sds, counts, best = _by_size(used, sizes)
    located = locate(means, sds, counts, limits, replicates=replicates, seed=seed)
    nothing = msgspec.structs.replace(nothing, target=located.target, noise=located.noise)
    if located.target <= found[0].chance + limits.margin:
        reached = percent(located.target + limits.tolerance, 1)
        return msgspec.structs.replace(nothing, reason=f"nothing learns: the largest sizes reach {reached}")
    if located.index is None:
        return msgspec.structs.replace(nothing, reason=_no_stable_size(sizes, sds, located, limits))
    index = located.index
    return msgspec.structs.replace(
        nothing,
        num_params=sizes[index],
        interval=(sizes[located.low], sizes[min(located.high, len(sizes) - 1)]),
        point=best[index].point,
        name=best[index].name,
        accuracy=float(means[index]),
        sigma=float(sds[index]),
        below=_below(index, sizes, sds, located, limits),
        notes=tuple(_notes(located, len(sizes))),
    )


def _by_size(used: Sequence[Sample], sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Sample]]:
    """Mean, deviation and number of seeds at each size; of several points of one size the worst deviation counts."""
    means, sds, counts, best = [], [], [], []
    for size in sizes:
        here = [sample for sample in used if sample.num_params == size]
        means.append(np.concatenate([sample.accuracy for sample in here]).mean())
        sds.append(max(sample.sigma for sample in here))
        counts.append(sum(len(sample.seeds) for sample in here))
        best.append(max(here, key=lambda sample: sample.mean))
    return np.array(means), np.array(sds), np.array(counts), best


def _no_stable_size(sizes: Sequence[int], sds: np.ndarray, located: Located, limits: Limits) -> str:
    first = int(np.argmax(located.fit >= located.target))
    least, most = apart(sds[first:].min(), limits.sigma)
    return (
        f"the target of {percent(located.target)} is reached from {count(sizes[first])} parameters on, but at no size "
        f"is the standard deviation over seeds at most {most}: it is at least {least}"
    )


def _below(index: int, sizes: Sequence[int], sds: np.ndarray, located: Located, limits: Limits) -> Below | None:
    if not index:
        return None
    fitted, sd = float(located.fit[index - 1]), float(sds[index - 1])
    reasons = []
    if fitted < located.target:
        low, high = apart(fitted, located.target)
        reasons.append(f"its fitted accuracy, {low}, is below the target of {high}")
    if sd > limits.sigma:
        high, low = apart(sd, limits.sigma)
        reasons.append(f"its standard deviation over seeds, {high}, is above {low}")
    if not reasons:  # the running sums say below, the fit itself says equal: they round differently
        reasons.append(f"its fitted accuracy, {percent(fitted)}, is below the target by no more than a rounding error")
    return Below(num_params=sizes[index - 1], accuracy=fitted, sigma=sd, why=", and ".join(reasons))


def _notes(located: Located, n: int) -> Iterable[str]:
    if located.low == 0:
        yield "the interval begins at the smallest size of the grid: the minimal size may be smaller"
    if located.high >= n - _top(n):
        yield "the interval reaches the largest quarter of the grid: accuracy may rise beyond it"
    if located.high == n:
        yield f"in {percent(located.none, 0)} of the bootstrap replicates no size qualified"


def _sizes(n: int) -> str:
    return f"there {'is' if n == 1 else 'are'} {n or 'no'} size{'' if n == 1 else 's'}"


def _top(n: int) -> int:
    return math.ceil(n / 4)


def locate(
    means: np.ndarray,
    sds: np.ndarray,
    counts: np.ndarray,
    limits: Limits = LIMITS,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Located:
    """Find the minimal size on a grid of ascending sizes, and its interval.

    Args:
        means, sds, counts: mean and standard deviation of the accuracy over seeds, and how many seeds, at each size,
            [n].
        limits: `tolerance` and `sigma` are used.
        replicates: how often the estimate is repeated on drawn accuracies.
        seed: of the draws: the same records give the same interval.
    """
    n = len(means)
    index = int(_first(means, sds, counts, limits))
    target = float(_target(means, counts, limits))
    fit = isotonic(means, counts)
    tame = sds <= WILD * limits.sigma
    pooled = math.sqrt(float(np.average(sds[tame] ** 2, weights=counts[tame] - 1))) if tame.any() else float(sds.max())
    noise = np.where(tame, pooled, sds)
    excess = _excess(means - fit, noise**2 / counts, tame & (fit >= target - NEAR * limits.tolerance))
    rng = np.random.default_rng(seed)
    drawn = fit + np.sqrt(noise**2 / counts + excess) * rng.standard_normal((replicates, n))
    deviations = noise * np.sqrt(rng.chisquare(counts - 1, (replicates, n)) / (counts - 1))
    indices = np.sort(_first(drawn, deviations, counts, limits))
    tail = (1 - LEVEL) / 2 * (replicates - 1)
    low, high = int(indices[math.floor(tail)]), int(indices[math.ceil(replicates - 1 - tail)])
    return Located(
        index=index if index < n else None,
        low=min(low, index, n - 1),
        high=max(high, index),
        target=target,
        noise=pooled,
        fit=fit,
        none=float((indices == n).mean()),
    )


def _excess(residual: np.ndarray, expected: np.ndarray, where: np.ndarray) -> float:
    """Variance of the means about the fit beyond what seed noise explains."""
    return max(0.0, float((residual[where] ** 2 - expected[where]).mean())) if where.any() else 0.0


def _target(means: np.ndarray, counts: np.ndarray, limits: Limits) -> np.ndarray:
    top = _top(means.shape[-1])
    return (means[..., -top:] * counts[-top:]).sum(-1) / counts[-top:].sum() - limits.tolerance


def _first(means: np.ndarray, sds: np.ndarray, counts: np.ndarray, limits: Limits) -> np.ndarray:
    """The index of the first size that qualifies, n if none does; over any leading axes."""
    n = means.shape[-1]
    sums = np.cumsum(counts * (means - _target(means, counts, limits)[..., None]), axis=-1)
    # the fit is below the level up to the smallest running sum; 0, the sum of none, is one of them
    smallest = np.where(sums.min(-1) < 0, np.argmin(sums, axis=-1) + 1, 0)
    good = (sds <= limits.sigma) & (np.arange(n) >= smallest[..., None])
    return np.where(good.any(-1), good.argmax(-1), n)


def isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The non-decreasing sequence nearest to the values in weighted squares (pool adjacent violators)."""
    blocks: list[list[float]] = []  # value, weight, length
    for value, weight in zip(values, weights, strict=True):
        blocks.append([float(value), float(weight), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            last, w, length = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + last * w) / (before[1] + w)
            before[1] += w
            before[2] += length
    return np.concatenate([np.full(int(length), value) for value, _, length in blocks])
