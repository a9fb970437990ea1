"""Claims 5 to 7, which are about how far networks can be pruned and quantized."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from minjax.findings import intervals
from minjax.findings.claims.claim import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, claim, combined, unanswered
from minjax.findings.intervals import Estimate
from minjax.findings.regimes import unstable
from minjax.findings.resilience import (
    Difference,
    Measure,
    at_equal_size,
    depth_effect,
    fewest_bits,
    measured,
    quantization_losses,
    redundancies,
)
from minjax.findings.samples import LIMITS, Limits, Sample, groups
from minjax.findings.words import listed, percent, plural
from minjax.records.finding import Claim, Verdict

Part = Literal["pruning", "quantization"]

REDUNDANCY = 0.6
LEARNED = 0.5  # of the way from chance to no error, from which a network has learned in any case
LEAST_SETS = 3  # data sets that can say whether harder ones lose more


def deeper_prunes(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 5 as the abstract has it: redundancy of deeper networks less that of the shallowest.

    For each family on each data set (`resilience.depth_effect`: equal shapes, paired over seeds), at equal size and at
    equal width, where deeper networks have more parameters. Supported where all intervals lie above 0, contradicted
    where one lies below and none above. Value and interval are the first group's, at equal size.
    """
    return _deeper(found, "pruning", redundancies, limits)


def deeper_quantizes(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 5 as the summary has it: the same for minimal bits, of which the more resilient need fewer."""
    return _deeper(found, "quantization", fewest_bits, limits)


def _deeper(
    found: Sequence[Sample], part: Literal["pruning", "quantization"], measure: Measure, limits: Limits
) -> Claim:
    answers = []
    for key, of in groups(found).items():
        for at in ("size", "width"):
            effect = depth_effect(of, measure, limits, at=at)
            answers.append((f"{' '.join(key)} at equal {at}", _of_depth(effect, part, at)))
    return claim(5, combined(answers), part)


def _of_depth(effect: Difference | None, part: Part, at: str) -> Answer:
    if effect is None:
        return unanswered(f"there are no {part} curves of two depths at equal {at}")
    name, better = ("redundancy", 1) if part == "pruning" else ("minimal bits", -1)
    low, high = sorted((better * effect.estimate.low, better * effect.estimate.high))
    text = f"{name} of deeper networks less that of the shallowest {_signed(effect)}"
    verdict: Verdict = SUPPORTED if low > 0 else CONTRADICTED if high < 0 else INCONCLUSIVE
    why = {
        SUPPORTED: "deeper networks are certainly more resilient",
        CONTRADICTED: "deeper networks are certainly less resilient",
        INCONCLUSIVE: "no certain difference",
    }[verdict]
    return Answer(verdict, text, effect.estimate.value, effect.estimate.interval, why)


def _signed(difference: Difference) -> str:
    value, low, high = difference.estimate
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f}, {difference.pairs} pairs, {difference.seeds} seeds)"


def redundancy_reached(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 6: the largest mean redundancy of a network that learned, and an interval that knows it is the largest.

    A network has learned where its accuracy is within the tolerance of its family's best, or above `LEARNED` of the way
    from chance to no error: one that can do little has little to lose by pruning.

    The largest of many noisy means is too large, so each point has a simultaneous interval (Bonferroni; the deviation
    over seeds is pooled over the points, and at least that of rounding to the amounts measured), and the interval of
    the largest goes from the largest lower end to the largest upper end. Supported where the lower end is at least
    `REDUNDANCY`, contradicted where the upper end is below it.
    """
    every = [(sample, redundancies(sample, limits)) for sample in _learned(found, limits)]
    kept = [(sample, values[~np.isnan(values)]) for sample, values in every]
    kept = [(sample, values) for sample, values in kept if len(values) > 1]
    if not kept:
        return claim(6, unanswered("no stable network that learned has pruning curves of two seeds"))
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
    text = (
        f"the largest redundancy is {percent(largest.value, 1)}, that of {best.name}, which is "
        f"{percent(best.mean, 1)} accurate, among {plural(len(kept), 'network')} that learned"
    )
    why = f"the claim names {percent(REDUNDANCY, 0)}"
    return claim(6, Answer(verdict, text, largest.value, largest.interval, why))


def _learned(found: Sequence[Sample], limits: Limits) -> list[Sample]:
    """The stable points that do what their family can, or know most of what there is to learn."""
    kept = []
    for group in groups(found).values():
        stable = [sample for sample in group if not unstable(sample, limits)]
        best = max((sample.mean for sample in stable), default=0.0)
        for sample in stable:
            enough = sample.chance + LEARNED * (1 - sample.chance)
            if sample.mean >= best - limits.tolerance or sample.mean > enough:
                kept.append(sample)
    return kept


def _step(sample: Sample) -> float:
    """The largest step between the amounts at which a point was pruned."""
    amounts = [sorted(amount for amount, _ in member.curves.pruning) for member in sample.members if member.curves]
    return max((float(np.diff(one).max()) for one in amounts if len(one) > 1), default=0.0)


def quantization_hurts(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 7: the loss by quantization over size, and between data sets at equal size.

    The loss is `resilience.quantization_losses`. *Fewer parameters more*: its slope over log10 parameters, among the
    stable points, for each family on each data set. *Harder data sets more*: the loss on the harder of two data sets
    less that on the easier, at equal size, in each family that has both; harder is the one on which the best network
    found, of any family, is less accurate. Two on which it is as accurate within the tolerance are not compared, and it
    takes `LEAST_SETS` data sets to say anything. Supported where every slope is below 0 and every
    difference above it at 95 %, contradicted where one certainly goes the other way.
    """
    stable = {key: [s for s in of if not unstable(s, limits)] for key, of in groups(found).items()}
    slopes, strict = _slopes(stable, limits)
    if not slopes:
        return claim(7, unanswered("there are no quantization curves of at least three sizes"))
    sets = sorted({key[0] for key, of in stable.items() if of})
    harder, certain = _harder(stable, limits) if len(sets) >= LEAST_SETS else ({}, [])
    texts = [f"{name}: loss per decade of parameters {_range(slope)}" for name, slope in slopes.items()]
    texts += [f"{name}: loss at equal size {_range(difference)}" for name, difference in harder.items()]
    value, interval = next(iter(slopes.values())).value, next(iter(slopes.values())).interval
    against = [name for name, slope in strict.items() if slope.low > 0] + certain
    unsure = [name for name, slope in slopes.items() if slope.high >= 0]
    unsure += [name for name, difference in harder.items() if difference.low <= 0]
    verdict: Verdict = INCONCLUSIVE
    opposite = f"certainly the other way round: {', '.join(against)}"
    if len(sets) < LEAST_SETS:
        there = f"these are of {plural(len(sets), 'data set')} ({listed(sets)})"
        why = f"it takes {LEAST_SETS} data sets to say that harder ones lose more; {there}"
        why += f"; {opposite}" if against else ""
    elif against:
        verdict, why = CONTRADICTED, opposite
    elif not harder:
        why = "no family has similar sizes on two data sets of different difficulty"
    elif unsure:
        why = f"not certain: {', '.join(unsure)}"
    else:
        verdict, why = SUPPORTED, "every slope is below 0, and every harder data set loses more"
    return claim(7, Answer(verdict, "; ".join(texts), value, interval, why))


def _slopes(
    stable: dict[tuple[str, str], list[Sample]], limits: Limits
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Loss per decade of parameters for each family on each data set; and with wider intervals, because any one of the
    slopes can contradict: each gets its share of the errors that one alone would be allowed."""
    values = {}
    for key, of in stable.items():
        means = np.array([_mean(quantization_losses(sample, limits)) for sample in of])
        there = ~np.isnan(means)
        logs = np.log10([sample.num_params for sample in of])
        if intervals.slope(logs[there], means[there]) is not None:
            values[" ".join(key)] = logs[there], means[there]
    tails = intervals.TAIL, intervals.TAIL / max(1, len(values))
    slopes, strict = ({name: intervals.slope(*one, tail=tail) for name, one in values.items()} for tail in tails)
    return {n: s for n, s in slopes.items() if s}, {n: s for n, s in strict.items() if s}


def _harder(stable: dict[tuple[str, str], list[Sample]], limits: Limits) -> tuple[dict[str, Estimate], list[str]]:
    """Loss on the harder data set less that on the easier, for each family and pair of data sets; and those of them
    that are certainly below 0, each with its share of the errors."""
    best: dict[str, float] = {}
    for (dataset, _), of in stable.items():
        best[dataset] = max([best.get(dataset, 0.0), *(sample.mean for sample in of)])
    pairs = []
    for ((set_a, family_a), a), ((set_b, family_b), b) in itertools.combinations(stable.items(), 2):
        if family_a == family_b and a and b and abs(best[set_a] - best[set_b]) > limits.tolerance:
            (_, easy, easier), (_, hard, others) = sorted([(best[set_a], set_a, a), (best[set_b], set_b, b)])[::-1]
            pairs.append((f"{hard} minus {easy}, {family_a}", easier, others))
    differences, certain = {}, []
    for name, easier, others in pairs:
        values = measured([*easier, *others], quantization_losses, limits)
        difference = at_equal_size(easier, others, values)
        if difference is None:
            continue
        differences[name] = difference.estimate
        if difference.estimate.high < 0:
            strict = at_equal_size(easier, others, values, intervals.TAIL / len(pairs))
            if strict is not None and strict.estimate.high < 0:
                certain.append(name)
    return differences, certain


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _range(estimate: Estimate) -> str:
    return f"{estimate.value:+.4f} ({estimate.low:+.4f} to {estimate.high:+.4f})"
