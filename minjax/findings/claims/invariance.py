"""Claim 1: networks of similar size perform alike, whatever their architecture; between families and within each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from minjax.findings import intervals
from minjax.findings.claims.claim import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, claim, combined, unanswered
from minjax.findings.regimes import unstable
from minjax.findings.samples import LIMITS, WIDTHS, Limits, Sample, groups
from minjax.findings.words import listed, plural, points
from minjax.records.finding import Claim, Verdict

SIMILAR_SIZE = 1.5  # the largest factor between two similar sizes
INVARIANT = 0.05  # of accuracy: differences up to this are "largely invariant"
LEAST_POINTS = 3  # of a family
LEAST_WITHIN = 6  # of one family, in pairs with one another
SIZES = (*WIDTHS, "mlp_dim")  # labels of a point that say how large it is, not how it is built


def invariance(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 1: mean absolute difference of A between stable points of similar size and different architecture.

    It is asked between the families of each data set, and within each family between its shapes, depths and other
    kinds; two sizes of one kind are not a pair. Sizes are similar within a factor `SIMILAR_SIZE`. Supported where the
    upper end of the interval is at most `INVARIANT`, contradicted where the lower end is above it. For the interval the
    points are resampled and not the pairs, which share them. Noise and the difference of the sizes count as difference
    too, which errs on the side of caution.
    """
    by_set: dict[str, list[Sample]] = {}
    for sample in found:
        by_set.setdefault(sample.dataset, []).append(sample)
    families = {name: {sample.family for sample in of} for name, of in by_set.items()}
    answers = [(name, _between(of, limits)) for name, of in sorted(by_set.items()) if len(families[name]) > 1]
    answers += [(f"within {family} on {name}", _within(of, limits)) for (name, family), of in groups(found).items()]
    return claim(1, combined(answers))


def kind(sample: Sample) -> tuple[tuple[str, str], ...]:
    """How a network is built apart from its size and its training: its depth, shape, blocks and the like."""
    settings = {part for field in sample.members[0].settings for part in (field, field.rpartition(".")[2])}
    return tuple(sorted((k, str(v)) for k, v in sample.labels.items() if k not in SIZES and k not in settings))


def _between(found: Sequence[Sample], limits: Limits) -> Answer:
    families = sorted({sample.family for sample in found})
    stable, pairs = _pairs(found, lambda sample: sample.family, limits)
    for family in families:
        paired = {int(i) for i in pairs.ravel() if stable[i].family == family}
        if len(paired) < LEAST_POINTS and (len(families) == 2 or not pairs.size):
            return unanswered(f"{family} has {len(paired)} stable points with a size close to that of another family")
    return _answer(stable, pairs, listed(families))


def _within(found: Sequence[Sample], limits: Limits) -> Answer:
    stable, pairs = _pairs(found, kind, limits)
    paired = len(set(pairs.ravel().tolist()))
    if paired < LEAST_WITHIN:
        return unanswered(
            f"{plural(paired, 'stable point')} of similar size and different architecture; it takes {LEAST_WITHIN}"
        )
    return _answer(stable, pairs, f"{len({kind(stable[i]) for i in pairs.ravel()})} architectures")


def _pairs(
    found: Sequence[Sample], architecture: Callable[[Sample], object], limits: Limits
) -> tuple[list[Sample], np.ndarray]:
    """The stable points, and those pairs of them, [P, 2], that are of similar size and of different architecture."""
    stable = [sample for sample in found if not unstable(sample, limits)]
    pairs = [
        (i, j)
        for i, j in itertools.combinations(range(len(stable)), 2)
        if architecture(stable[i]) != architecture(stable[j])
        and stable[j].num_params <= SIMILAR_SIZE * stable[i].num_params
        and stable[i].num_params <= SIMILAR_SIZE * stable[j].num_params
    ]
    return stable, np.array(pairs, int).reshape(-1, 2)


def _answer(stable: Sequence[Sample], pairs: np.ndarray, among: str) -> Answer:
    means = np.array([sample.mean for sample in stable])
    first, second = pairs.T
    differences = np.abs(means[first] - means[second])
    weights = intervals.resampled(len(stable))
    both = weights[:, first] * weights[:, second]
    kept = both.sum(axis=1) > 0
    low, high = intervals.percentiles((both[kept] @ differences) / both[kept].sum(axis=1))
    verdict: Verdict = SUPPORTED if high <= INVARIANT else CONTRADICTED if low > INVARIANT else INCONCLUSIVE
    mean = float(differences.mean())
    return Answer(
        verdict,
        f"mean difference in accuracy between {among} at similar size: {points(mean)} ({plural(len(pairs), 'pair')})",
        mean,
        (low, high),
        f"performance is called invariant up to a difference of {points(INVARIANT)}",
    )
