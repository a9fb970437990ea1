"""Claims 4 to 7, which are about phases, pruning and quantization."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from minjax.findings import intervals
from minjax.findings.claims.claim import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Answer,
    claim,
    combined,
    unanswered,
)
from minjax.findings.convergence import learning_curves
from minjax.findings.intervals import Estimate
from minjax.findings.regimes import unstable
from minjax.findings.resilience import (
    Difference,
    at_equal_size,
    curve_phases,
    depth_effect,
    fewest_bits,
    measured,
    quantization_losses,
    redundancies,
)
from minjax.findings.samples import LIMITS, Limits, Sample, groups
from minjax.findings.words import listed, percent
from minjax.records.finding import Claim, Verdict

STEEPER = 5.0  # fast over final slope of the training loss, from which the two are distinct
LEAST_PLATEAU = 0.1  # of sparsity, from which a plateau is one
REDUNDANCY = 0.6
MOST = 0.5  # a property of more than this share of the points is one that networks have


def distinct_phases(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 4: the share of the stable points whose convergence and pruning both have distinct phases.

    A point has them where most of its seeds have both: a training loss whose fast phase is at least `STEEPER` times
    as steep as its final one, and a pruning curve with a plateau of at least `LEAST_PLATEAU`, a decline of at least
    one step and a collapse. Supported where the interval of the share (exact binomial over points) lies above `MOST`,
    contradicted where below.
    """
    stable = [sample for sample in found if not unstable(sample, limits)]
    known = [have for sample in stable if (have := _distinct(sample, limits)) is not None]
    if not known:
        return claim(4, unanswered("no stable point has both learning curves and pruning curves"))
    share = intervals.share(sum(known), len(known))
    verdict: Verdict = SUPPORTED if share.low > MOST else CONTRADICTED if share.high < MOST else INCONCLUSIVE
    text = f"{sum(known)} of {len(known)} stable points have distinct phases of both: {percent(share.value, 0)}"
    why = f"the claim is about most networks: more than {percent(MOST, 0)} of them"
    return claim(4, Answer(verdict, text, share.value, share.interval, why))


def _distinct(sample: Sample, limits: Limits) -> bool | None:
    converging = [(one.steepness or 0) >= STEEPER for one in learning_curves(sample, limits)]
    pruning = []
    for member in sample.members:
        phases = curve_phases(member, "pruning", limits)
        if phases is None or phases.plateau_end is None:
            continue
        amounts = sorted(amount for amount, _ in member.curves.pruning) if member.curves else []
        end, collapse = phases.plateau_end, phases.collapse_start
        declining = collapse is not None and any(end < amount < collapse for amount in amounts)
        pruning.append(end >= LEAST_PLATEAU - 1e-9 and declining)
    if not converging or not pruning:
        return None
    return sum(converging) > len(converging) / 2 and sum(pruning) > len(pruning) / 2


def deeper_is_resilient(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 5: redundancy and minimal bits of deeper networks less those of the shallowest, at equal size.

    For each family on each data set (`resilience.depth_effect`: equal shapes, paired over seeds). Supported where
    redundancy is higher and minimal bits are fewer, each at 95 %; contradicted where either certainly goes the
    other way. Value and interval are those of redundancy.
    """
    answers = [(" ".join(key), _deeper(of, limits)) for key, of in groups(found).items()]
    return claim(5, combined(answers))


def _deeper(found: Sequence[Sample], limits: Limits) -> Answer:
    pruning = depth_effect(found, redundancies, limits)
    bits = depth_effect(found, fewest_bits, limits)
    if pruning is None:
        return unanswered("there are no pruning curves of two depths at sizes that can be compared")
    texts = [f"redundancy {_signed(pruning)}"]
    if bits is not None:
        texts.append(f"minimal bits {_signed(bits)}")
    text = "deeper minus shallowest at equal size: " + ", ".join(texts)
    more, less = pruning.estimate.low > 0, pruning.estimate.high < 0
    fewer, further = bits is not None and bits.estimate.high < 0, bits is not None and bits.estimate.low > 0
    verdict: Verdict = INCONCLUSIVE
    if less or further:
        verdict = CONTRADICTED
        why = "deeper networks are certainly less resilient to " + ("pruning" if less else "quantization")
    elif more and fewer:
        verdict, why = SUPPORTED, "both intervals exclude no difference"
    else:
        missing = [name for name, sure in (("pruning", more), ("quantization", fewer)) if not sure]
        why = f"no certain difference in {listed(missing)}" if bits else "quantization was not measured"
    return Answer(verdict, text, pruning.estimate.value, pruning.estimate.interval, why)


def _signed(difference: Difference) -> str:
    value, low, high = difference.estimate
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f}, {difference.pairs} pairs, {difference.seeds} seeds)"


def redundancy_reached(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 6: the largest mean redundancy of a point, with an interval that knows it is the largest of many.

    The largest of many noisy means is too large, so each point has a simultaneous interval (Bonferroni; the deviation
    over seeds is pooled over the points, and at least that of rounding to the amounts measured), and the interval of
    the largest goes from the largest lower end to the largest upper end. Supported where the lower end is at least
    `REDUNDANCY`, contradicted where the upper end is below it.
    """
    every = [(sample, redundancies(sample, limits)) for sample in found if not unstable(sample, limits)]
    kept = [(sample, values[~np.isnan(values)]) for sample, values in every]
    kept = [(sample, values) for sample, values in kept if len(values) > 1]
    if not kept:
        return claim(6, unanswered("no stable point has pruning curves of two seeds"))
    freedom = sum(len(values) - 1 for _, values in kept)
    step = max(_step(sample) for sample, _ in kept)
    pooled = sum(((values - values.mean()) ** 2).sum() for _, values in kept) / freedom
    sd = math.sqrt(max(pooled, step**2 / 12))
    t = intervals.student(freedom, tail=0.025 / len(kept))
    means = np.array([values.mean() for _, values in kept])
    halves = np.array([t * sd / math.sqrt(len(values)) for _, values in kept])
    largest = Estimate(float(means.max()), float((means - halves).max()), float(min(1, (means + halves).max())))
    best = kept[int(np.argmax(means))][0]
    verdict: Verdict = (
        SUPPORTED
        if largest.low >= REDUNDANCY - 1e-9
        else CONTRADICTED
        if largest.high < REDUNDANCY - 1e-9
        else INCONCLUSIVE
    )
    text = f"the largest redundancy is {percent(largest.value, 1)}, that of {best.name} among {len(kept)} points"
    why = f"the claim names {percent(REDUNDANCY, 0)}"
    return claim(6, Answer(verdict, text, largest.value, largest.interval, why))


def _step(sample: Sample) -> float:
    """The largest step between the amounts at which a point was pruned."""
    amounts = [sorted(amount for amount, _ in member.curves.pruning) for member in sample.members if member.curves]
    return max((float(np.diff(one).max()) for one in amounts if len(one) > 1), default=0.0)


def quantization_hurts(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 7: the loss by quantization over size, and between data sets at equal size.

    The loss is `resilience.quantization_losses`. *Fewer parameters more*: its slope over log10 parameters, among the
    stable points, for each family on each data set. *Harder data sets more*: the loss on the harder of two data sets
    (lower accuracy in the mean of the largest quarter of sizes) less that on the easier, at equal size, in each family
    that has both. Supported where every slope is below 0 and every difference above it at 95 %, contradicted where one
    certainly goes the other way; inconclusive without two data sets.
    """
    slopes: dict[str, Estimate] = {}
    values: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    stable = {key: [s for s in of if not unstable(s, limits)] for key, of in groups(found).items()}
    for key, of in stable.items():
        means = np.array([_mean(quantization_losses(sample, limits)) for sample in of])
        there = ~np.isnan(means)
        logs = np.log10([sample.num_params for sample in of])
        slope = intervals.slope(logs[there], means[there])
        if slope is not None:
            slopes[" ".join(key)] = slope
            values[" ".join(key)] = logs[there], means[there]
    if not slopes:
        return claim(7, unanswered("there are no quantization curves of at least three sizes"))
    harder = _harder(stable, limits)
    texts = [f"{name}: loss per decade of parameters {_range(slope)}" for name, slope in slopes.items()]
    texts += [f"{name}: loss at equal size {_range(difference)}" for name, difference in harder.items()]
    value, interval = next(iter(slopes.values())).value, next(iter(slopes.values())).interval
    # any one of the slopes can contradict, so each gets its share of the errors that one alone would be allowed
    strict = {name: intervals.slope(*one, tail=0.025 / len(values)) for name, one in values.items()}
    against = [name for name, slope in strict.items() if slope is not None and slope.low > 0]
    against += [name for name, difference in harder.items() if difference.high < 0]
    unsure = [name for name, slope in slopes.items() if slope.high >= 0]
    unsure += [name for name, difference in harder.items() if difference.low <= 0]
    sets = {sample.dataset for sample in found}
    verdict: Verdict = INCONCLUSIVE
    if against:
        verdict, why = CONTRADICTED, f"certainly the other way round: {', '.join(against)}"
    elif len(sets) < 2:
        why = f"there is only one data set ({next(iter(sets))}), so none is harder than another"
    elif not harder:
        why = "no family has similar sizes on two data sets"
    elif unsure:
        why = f"not certain: {', '.join(unsure)}"
    else:
        verdict, why = SUPPORTED, "every slope is below 0, and every harder data set loses more"
    return claim(7, Answer(verdict, "; ".join(texts), value, interval, why))


def _harder(stable: dict[tuple[str, str], list[Sample]], limits: Limits) -> dict[str, Estimate]:
    """Loss on the harder data set less that on the easier, for each family and pair of data sets."""
    differences = {}
    for ((set_a, family_a), a), ((set_b, family_b), b) in itertools.combinations(stable.items(), 2):
        if family_a != family_b or not a or not b:
            continue
        easy, hard = sorted([(_best(a), set_a, a), (_best(b), set_b, b)], key=lambda one: -one[0])
        found = at_equal_size(easy[2], hard[2], measured([*a, *b], quantization_losses, limits))
        if found is not None:
            differences[f"{hard[1]} minus {easy[1]}, {family_a}"] = found.estimate
    return differences


def _best(found: Sequence[Sample]) -> float:
    return float(np.mean([sample.mean for sample in found[-math.ceil(len(found) / 4) :]]))


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _range(estimate: Estimate) -> str:
    return f"{estimate.value:+.4f} ({estimate.low:+.4f} to {estimate.high:+.4f})"
