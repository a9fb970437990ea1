"""Claims 1 to 3, which are about accuracy over size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from minjax.findings.claims.claim import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Answer,
    claim,
    combined,
    unanswered,
)
from minjax.findings.minimal import minimal
from minjax.findings.regimes import REGIMES, regimes, unstable
from minjax.findings.samples import LIMITS, Limits, Sample, groups
from minjax.findings.words import count, listed, points
from minjax.records.finding import Claim, Verdict

SIMILAR_SIZE = 1.5  # the largest factor between two similar sizes
INVARIANT = 0.05  # of accuracy: differences up to this are "largely invariant"
LEAST_POINTS = 3  # of a family, or of a regime
DECADES = 3.0  # of size: on so wide a grid each regime must occur
LEAST_GRID = 12  # points of such a grid
REPLICATES = 2000


def invariance(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 1: mean absolute difference of A between stable points of different families and similar size.

    Sizes are similar within a factor `SIMILAR_SIZE`. Supported where the upper end of the interval is at most
    `INVARIANT`, contradicted where the lower end is above it. For the interval the points are resampled and not the
    pairs, which share them. Noise and the difference of the sizes count as difference too, which errs on the side of
    caution.
    """
    by_set: dict[str, list[Sample]] = {}
    for sample in found:
        by_set.setdefault(sample.dataset, []).append(sample)
    return claim(1, combined([(name, _invariance(of, limits)) for name, of in sorted(by_set.items())]))


def _invariance(found: Sequence[Sample], limits: Limits) -> Answer:
    families = sorted({sample.family for sample in found})
    if len(families) < 2:
        return unanswered(f"there is only one family ({families[0]}); a report over several families can answer this")
    stable = [sample for sample in found if not unstable(sample, limits)]
    pairs = np.array(
        [
            (i, j)
            for i, j in itertools.combinations(range(len(stable)), 2)
            if stable[i].family != stable[j].family
            and stable[j].num_params <= SIMILAR_SIZE * stable[i].num_params
            and stable[i].num_params <= SIMILAR_SIZE * stable[j].num_params
        ]
    ).reshape(-1, 2)
    for family in families:
        paired = {int(i) for i in pairs.ravel() if stable[i].family == family}
        if len(paired) < LEAST_POINTS and (len(families) == 2 or not pairs.size):
            return unanswered(f"{family} has {len(paired)} stable points with a size close to that of another family")
    means = np.array([sample.mean for sample in stable])
    first, second = pairs.T
    differences = np.abs(means[first] - means[second])
    weights = _resampled(len(stable))
    both = weights[:, first] * weights[:, second]
    kept = both.sum(axis=1) > 0
    low, high = _percentiles((both[kept] @ differences) / both[kept].sum(axis=1))
    verdict: Verdict = SUPPORTED if high <= INVARIANT else CONTRADICTED if low > INVARIANT else INCONCLUSIVE
    mean = float(differences.mean())
    return Answer(
        verdict,
        f"mean difference in accuracy between {listed(families)} at similar size: {100 * mean:.2f} points "
        f"({len(pairs)} pairs)",
        mean,
        (low, high),
        f"performance is called invariant up to a difference of {points(INVARIANT)}",
    )


def three_regimes(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 2: the concordance of regime and size, for each family on each data set.

    It is the share, among all pairs of points in different regimes, of those in which the larger network is in the
    later regime (unstable, learning, overfitting; a half where sizes are equal). Supported where each regime has
    `LEAST_POINTS` points and the interval (points resampled) lies above a half; contradicted where it lies below, or
    where a regime has no point on a grid of `LEAST_GRID` points over `DECADES` decades.
    """
    return claim(2, combined([(" ".join(key), _three_regimes(of, limits)) for key, of in groups(found).items()]))


def _three_regimes(found: Sequence[Sample], limits: Limits) -> Answer:
    order = np.array([REGIMES.index(one.regime) for one in regimes(found, limits)])
    logs = np.log10([sample.num_params for sample in found])
    counts = np.bincount(order, minlength=3)
    numbers = ", ".join(f"{n} {name}" for name, n in zip(REGIMES, counts, strict=True))
    later = np.sign(order[:, None] - order[None])
    apart = (later != 0).astype(float)
    if not apart.any():
        concordance, interval = None, None
    else:
        agree = apart * (1 + later * np.sign(np.round(logs[:, None] - logs[None], 9))) / 2
        weights = _resampled(len(found))
        pairs = ((weights @ apart) * weights).sum(axis=1)
        drawn = ((weights @ agree) * weights).sum(axis=1)[pairs > 0] / pairs[pairs > 0]
        concordance, interval = float(agree.sum() / apart.sum()), _percentiles(drawn)
    text = f"{numbers}; concordance of regime and size " + ("none" if concordance is None else f"{concordance:.2f}")
    absent = [name for name, n in zip(REGIMES, counts, strict=True) if not n]
    wide = logs[-1] - logs[0] >= DECADES and len(found) >= LEAST_GRID
    if absent and wide:
        # the absence is what was measured, so there is a value even where there is nothing to order
        value = float((counts > 0).sum()) if concordance is None else concordance
        decades = f"{logs[-1] - logs[0]:.1f} decades of size"
        why = f"no point is {listed(absent, 'or')}, among {len(found)} points over {decades}"
        return Answer(CONTRADICTED, text, value, interval, why)
    if interval is not None and interval[1] < 0.5:
        return Answer(CONTRADICTED, text, concordance, interval, "the regimes come in the opposite order of size")
    rare = [name for name, n in zip(REGIMES, counts, strict=True) if n < LEAST_POINTS]
    if rare:
        why = f"fewer than {LEAST_POINTS} points are {listed(rare, 'or')}"
        return Answer(INCONCLUSIVE, text, concordance, interval, why)
    if interval is not None and interval[0] > 0.5:
        return Answer(SUPPORTED, text, concordance, interval, "all three regimes occur, in the order of size")
    return Answer(INCONCLUSIVE, text, concordance, interval, "all three regimes occur, but their order is not certain")


def minimal_exists(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 3: the minimal size of each family on each data set, and its interval, against the ends of the grid.

    Supported where the whole interval lies above the smallest size (something smaller fails) and below the largest
    quarter (accuracy has levelled off); contradicted where the target is reached and no size is stable.
    """
    return claim(3, combined([(" ".join(key), _minimal_exists(of, limits)) for key, of in groups(found).items()]))


def _minimal_exists(found: Sequence[Sample], limits: Limits) -> Answer:
    size = minimal(found, limits)
    if size.num_params is None or size.interval is None:
        reason = size.reason or ""
        if size.target is not None and size.target > found[0].chance + limits.margin:  # reached, so no size is stable
            return Answer(CONTRADICTED, "no size is stable", float(len(size.grid)), None, reason)
        return unanswered(reason)
    low, high = size.interval
    text = f"minimal size {count(size.num_params)} parameters, {count(low)} to {count(high)}"
    value, interval = float(size.num_params), (float(low), float(high))
    if size.notes:
        return Answer(INCONCLUSIVE, text, value, interval, "; ".join(size.notes))
    why = f"smaller sizes of the grid fail, and the whole interval lies inside the grid ({len(size.grid)} sizes)"
    return Answer(SUPPORTED, text, value, interval, why)


def _resampled(n: int) -> np.ndarray:
    """How often each of n points is drawn in each bootstrap replicate, [replicates, n]."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), REPLICATES).astype(float)


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
