"""Claims 2 and 3, which are about accuracy over size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from minjax.findings import intervals
from minjax.findings.answers import Asked, Subject, near_best
from minjax.findings.claims.claim import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, claim, combined, unanswered
from minjax.findings.regimes import REGIMES, Reading, by_reading, regimes
from minjax.findings.samples import LIMITS, Limits, Sample, groups
from minjax.findings.words import count, listed, percent, plural, points, span
from minjax.records.finding import Claim, Regime

LEAST_SIZES = 4
LEAST_POINTS = 3  # of a regime
DECADES = 3.0  # of size: on so wide a grid each regime must occur
LEAST_GRID = 12  # points of such a grid


def three_regimes(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 2: the concordance of regime and size, for each family on each data set.

    It is the share, among all pairs of points in different regimes, of those in which the larger network is in the
    later regime (unstable, learning, overfitting; a half where sizes are equal). Supported where each regime has
    `LEAST_POINTS` points and the interval (points resampled) lies above a half; contradicted where it lies below, or
    where a regime has no point on a grid of `LEAST_GRID` points over `DECADES` decades.

    There are two readings of overfitting (`findings.regimes`). Where both give the same verdict the answer is that by
    the gap, and says so; where they differ both are shown, and neither alone decides.
    """
    return claim(2, combined([(" ".join(key), _by_both(of, limits)) for key, of in groups(found).items()]))


def _by_both(found: Sequence[Sample], limits: Limits) -> Answer:
    known = regimes(found, limits)
    by_gap = _three_regimes(found, known, "gap")
    if all(one.by_loss is None for one in known):
        return by_gap
    by_loss = _three_regimes(found, known, "loss")
    if by_gap.verdict == by_loss.verdict:
        why = f"{by_gap.why}; the same by the loss: {by_loss.statistic}"
        return dataclasses.replace(by_gap, statistic=f"by the gap: {by_gap.statistic}", why=why)
    readings = {"gap": by_gap, "loss": by_loss}
    return dataclasses.replace(
        by_gap,
        verdict=INCONCLUSIVE,
        statistic="; ".join(f"by the {name}: {one.statistic}" for name, one in readings.items()),
        why="; ".join(f"by the {name} it is {one.verdict}: {one.why}" for name, one in readings.items()),
    )


def _three_regimes(found: Sequence[Sample], known: Sequence[Regime], reading: Reading) -> Answer:
    order = np.array([REGIMES.index(by_reading(one, reading)) for one in known])
    logs = np.log10([sample.num_params for sample in found])
    counts = np.bincount(order, minlength=3)
    numbers = ", ".join(f"{n} {name}" for name, n in zip(REGIMES, counts, strict=True))
    later = np.sign(order[:, None] - order[None])
    apart = (later != 0).astype(float)
    if not apart.any():
        concordance, interval = None, None
    else:
        agree = apart * (1 + later * np.sign(np.round(logs[:, None] - logs[None], 9))) / 2
        weights = intervals.resampled(len(found))
        pairs = ((weights @ apart) * weights).sum(axis=1)
        drawn = ((weights @ agree) * weights).sum(axis=1)[pairs > 0] / pairs[pairs > 0]
        concordance, interval = float(agree.sum() / apart.sum()), intervals.percentiles(drawn)
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


def minimal_exists(found: Sequence[Sample], limits: Limits = LIMITS, asked: Mapping[str, Asked] | None = None) -> Claim:
    """Claim 3: the near-best size of each family on each data set, and its interval, against the ends of the grid.

    Supported where the whole interval lies above the smallest size (something smaller fails) and below the largest
    (nothing larger is needed); contradicted where networks learn and none trains stably.

    Args:
        found: the samples.
        limits: the tolerances.
        asked: data set -> what is asked there, with its validation images; None: nothing is known of these.
    """
    answers = []
    for (dataset, family), own in groups(found).items():
        what = Asked(seeds=min(one.first_seeds for one in own)) if asked is None else asked[dataset]
        answers.append((f"{dataset} {family}", _minimal_exists(own, what, limits)))
    return claim(3, combined(answers))


def _minimal_exists(found: Sequence[Sample], asked: Asked, limits: Limits) -> Answer:
    size = near_best(Subject.of(found, asked, limits))
    if len(size.grid) < LEAST_SIZES:
        return unanswered(f"there are {plural(len(size.grid), 'size')}, and {LEAST_SIZES} are needed")
    if size.winner is None:
        if size.best.accuracy <= found[0].chance + limits.margin:
            return unanswered(f"nothing learns: the best network reaches {percent(size.best.accuracy)}")
        why = f"every network has a seed that failed or deviates over seeds by more than {points(limits.sigma)}"
        return Answer(CONTRADICTED, "no network trains stably", float(len(size.grid)), None, why)
    low, high = size.interval
    assert low is not None
    text = f"near-best size {count(size.winner.num_params)} parameters, {span(size.interval)}"
    value, interval = float(size.winner.num_params), (float(low), float(size.grid[-1] if high is None else high))
    open_ends = []
    if low == size.grid[0]:
        open_ends.append("begins at the smallest size of the grid, so that a smaller network may do as well")
    if high is None or high == size.grid[-1]:
        open_ends.append("reaches the largest size of the grid, so that a larger network may be better still")
    if open_ends:
        return Answer(INCONCLUSIVE, text, value, interval, f"the interval {listed(open_ends)}")
    why = f"smaller sizes of the grid fail, and the whole interval lies inside the grid ({len(size.grid)} sizes)"
    return Answer(SUPPORTED, text, value, interval, why)
