"""Claims 1 to 3, which are of accuracy over size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from minjax.findings.claims.claim import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Answer,
    Claim,
    claim,
    together,
    unanswered,
)
from minjax.findings.minimal import minimal_of
from minjax.findings.regimes import REGIMES, sample_regimes, unstable
from minjax.findings.samples import LIMITS, Limits, Sample, groups

LIKE_SIZE = 1.5  # the largest factor between two sizes that are alike
INVARIANT = 0.05  # of accuracy: differences up to this are "largely invariant"
LEAST_POINTS = 3  # a family, or a regime
DECADES = 3.0  # of sizes, on which a regime that is absent is missed
LEAST_GRID = 12  # points, likewise
REPLICATES = 2000


def invariance(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 1: mean absolute difference of A between stable points of different families and like size.

    Like size is within a factor `LIKE_SIZE`. Supported where the upper end of the interval is at most `INVARIANT`,
    contradicted where the lower end is above it. The points are drawn anew for the interval, and not the pairs, which
    share them. Noise and the difference of the sizes count as difference too: that is on the careful side.
    """
    by_set: dict[str, list[Sample]] = {}
    for sample in found:
        by_set.setdefault(sample.dataset, []).append(sample)
    return claim(1, together([(name, _invariance(of, limits)) for name, of in sorted(by_set.items())]))


def _invariance(found: Sequence[Sample], limits: Limits) -> Answer:
    families = sorted({sample.family for sample in found})
    if len(families) < 2:
        return unanswered(f"one family ({families[0]}): a report over studies of several families answers this")
    stable = [sample for sample in found if not unstable(sample, limits)]
    pairs = np.array(
        [
            (i, j)
            for i, j in itertools.combinations(range(len(stable)), 2)
            if stable[i].family != stable[j].family
            and stable[j].num_params <= LIKE_SIZE * stable[i].num_params
            and stable[i].num_params <= LIKE_SIZE * stable[j].num_params
        ]
    ).reshape(-1, 2)
    for family in families:
        paired = {int(i) for i in pairs.ravel() if stable[i].family == family}
        if len(paired) < LEAST_POINTS and (len(families) == 2 or not pairs.size):
            return unanswered(f"{family}: {len(paired)} stable points of a size that another family has too")
    means = np.array([sample.mean for sample in stable])
    first, second = pairs.T
    differences = np.abs(means[first] - means[second])
    weights = _redrawn(len(stable))
    both = weights[:, first] * weights[:, second]
    kept = both.sum(axis=1) > 0
    low, high = _percentiles((both[kept] @ differences) / both[kept].sum(axis=1))
    verdict = SUPPORTED if high <= INVARIANT else CONTRADICTED if low > INVARIANT else INCONCLUSIVE
    mean = float(differences.mean())
    return Answer(
        verdict,
        f"mean |difference| of accuracy between {', '.join(families)} at like size: {mean:.4f} ({len(pairs)} pairs)",
        mean,
        [low, high],
        f"against {INVARIANT:g}, up to which performance is called invariant",
    )


def three_regimes(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 2: the concordance of regime and size, for each family on each data set.

    Of all pairs of points in different regimes, the share in which the larger network is in the later regime (unstable,
    learning, overfitting; a half where sizes are equal). Supported where each regime has `LEAST_POINTS` points and the
    interval (points drawn anew) lies above a half; contradicted where it lies below, or where a regime has no point on
    a grid of `LEAST_GRID` points over `DECADES` decades.
    """
    return claim(2, together([(" ".join(key), _three_regimes(of, limits)) for key, of in groups(found).items()]))


def _three_regimes(found: Sequence[Sample], limits: Limits) -> Answer:
    regimes = np.array([REGIMES.index(one.regime) for one in sample_regimes(found, limits)])
    logs = np.log10([sample.num_params for sample in found])
    counts = np.bincount(regimes, minlength=3)
    listed = ", ".join(f"{count} {name}" for name, count in zip(REGIMES, counts, strict=True))
    order = np.sign(regimes[:, None] - regimes[None])
    apart = (order != 0).astype(float)
    if not apart.any():
        concordance, interval = None, None
    else:
        agree = apart * (1 + order * np.sign(np.round(logs[:, None] - logs[None], 9))) / 2
        weights = _redrawn(len(found))
        pairs = ((weights @ apart) * weights).sum(axis=1)
        drawn = ((weights @ agree) * weights).sum(axis=1)[pairs > 0] / pairs[pairs > 0]
        concordance, interval = float(agree.sum() / apart.sum()), list(_percentiles(drawn))
    text = f"{listed}; concordance of regime and size " + ("none" if concordance is None else f"{concordance:.2f}")
    absent = [name for name, count in zip(REGIMES, counts, strict=True) if not count]
    wide = logs[-1] - logs[0] >= DECADES and len(found) >= LEAST_GRID
    if absent and wide:
        # the absence is what was measured: a value is given even where there is nothing to order
        value = float((counts > 0).sum()) if concordance is None else concordance
        why = f"no point is {' or '.join(absent)} on {len(found)} points over {logs[-1] - logs[0]:.1f} decades of size"
        return Answer(CONTRADICTED, text, value, interval, why)
    if interval is not None and interval[1] < 0.5:
        return Answer(CONTRADICTED, text, concordance, interval, "the regimes are ordered against size")
    rare = [name for name, count in zip(REGIMES, counts, strict=True) if count < LEAST_POINTS]
    if rare:
        why = f"fewer than {LEAST_POINTS} points are {' and '.join(rare)}"
        return Answer(INCONCLUSIVE, text, concordance, interval, why)
    if interval is not None and interval[0] > 0.5:
        return Answer(SUPPORTED, text, concordance, interval, "all three are there, in the order of size")
    return Answer(INCONCLUSIVE, text, concordance, interval, "all three are there, their order is not certain")


def minimal_exists(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 3: the minimal size of each family on each data set, and its interval, against the ends of the grid.

    Supported where the whole interval lies above the smallest size (something smaller does fail) and below the largest
    quarter (a level is really reached); contradicted where the accuracy is reached and no size is stable.
    """
    return claim(3, together([(" ".join(key), _minimal_exists(of, limits)) for key, of in groups(found).items()]))


def _minimal_exists(found: Sequence[Sample], limits: Limits) -> Answer:
    answer = minimal_of(found, limits)
    if answer.num_params is None or answer.interval is None:
        reason = answer.reason or ""
        if "deviation over seeds" in reason:
            return Answer(CONTRADICTED, "no size is stable", float(len(answer.grid)), None, reason)
        return unanswered(reason)
    text = f"minimal size {answer.num_params} parameters, {answer.interval[0]} to {answer.interval[1]}"
    value, interval = float(answer.num_params), [float(end) for end in answer.interval]
    if answer.notes:
        return Answer(INCONCLUSIVE, text, value, interval, "; ".join(answer.notes))
    why = f"smaller sizes of the grid fail and all of the interval is inside it ({len(answer.grid)} sizes)"
    return Answer(SUPPORTED, text, value, interval, why)


def _redrawn(n: int) -> np.ndarray:
    """How often each of n points is drawn in each bootstrap replicate, [replicates, n]."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), REPLICATES).astype(float)


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
