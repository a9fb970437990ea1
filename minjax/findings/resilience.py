"""How far the points of a study can be pruned and quantized, over seeds; and differences at equal size.

*Redundancy* is the largest sparsity still on the plateau of the pruning curve, *minimal bits* the fewest bits still on
that of the quantization curve (`minjax.findings.phases`; the plateau is measured against the curve's own start). A
member whose curve starts at chance (plus the margin) has learned nothing, so it has nothing to lose: it is left out,
as its flat curve would read as perfect resilience.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from minjax.findings.intervals import TAIL, Estimate, bootstrap_mean, student, student_mean
from minjax.findings.phases import Phases, phases
from minjax.findings.samples import LEAST_SEEDS, LIMITS, Limits, Sample
from minjax.records.finding import MinimalBits, Redundancy
from minjax.records.study import MemberRecord

LOW_BITS = 8  # up to which the loss by quantization is averaged
BRACKET = 4.0  # the largest factor between two sizes that is interpolated over
LEAST_PAIRS = 3

DEFINITION = (
    "The plateau lasts while the accuracy is within the tolerance of that of the whole network, and its end is the "
    "redundancy (over sparsity) or the minimal bits; the curve collapses where the accuracy comes within the margin of "
    "chance, and declines in between."
)

Kind = Literal["pruning", "quantization"]
Measure = Callable[[Sample, Limits], np.ndarray]


def curve_phases(member: MemberRecord, kind: Kind, limits: Limits = LIMITS) -> Phases | None:
    """The phases of a member's curve, sparsity ascending or bits descending; None: not measured, or nothing learned."""
    found = _curve(member, kind, limits)
    if found is None:
        return None
    return phases(found[0], found[1], member.chance, tolerance=limits.tolerance, margin=limits.margin)


def _curve(member: MemberRecord, kind: Kind, limits: Limits) -> tuple[list[float], list[float]] | None:
    if member.curves is None or member.status != "completed":
        return None
    curve: Sequence[tuple[float, float]] = getattr(member.curves, kind)
    ordered = sorted(curve, key=lambda pair: pair[0], reverse=kind == "quantization")
    if not ordered or ordered[0][1] <= member.chance + limits.margin:
        return None
    return [float(value) for value, _ in ordered], [float(accuracy) for _, accuracy in ordered]


def plateau_ends(sample: Sample, kind: Kind, limits: Limits = LIMITS) -> np.ndarray:
    """The end of the plateau of each seed, NaN where there is none: redundancies, or minimal bits. [S]"""
    found = [curve_phases(member, kind, limits) for member in sample.members]
    return np.array([np.nan if one is None or one.plateau_end is None else one.plateau_end for one in found])


def redundancies(sample: Sample, limits: Limits = LIMITS) -> np.ndarray:
    """The redundancy of each seed, [S]."""
    return plateau_ends(sample, "pruning", limits)


def fewest_bits(sample: Sample, limits: Limits = LIMITS) -> np.ndarray:
    """The minimal bits of each seed, [S]."""
    return plateau_ends(sample, "quantization", limits)


def quantization_losses(sample: Sample, limits: Limits = LIMITS) -> np.ndarray:
    """The share of what was learned that quantization takes, for each seed: the mean over 8 bits and fewer. [S]

    (A(start) - A(bits)) / (A(start) - chance): 0 for nothing lost, 1 for everything. Finer than minimal bits, which
    are whole numbers.
    """
    losses = []
    for member in sample.members:
        found = _curve(member, "quantization", limits)
        low = [] if found is None else [a for bits, a in zip(*found, strict=True) if bits <= LOW_BITS]
        if found is None or not low:
            losses.append(np.nan)
        else:
            losses.append((found[1][0] - float(np.mean(low))) / (found[1][0] - member.chance))
    return np.array(losses)


def redundancy(found: Sequence[Sample], limits: Limits = LIMITS) -> list[Redundancy]:
    """Redundancy and the start of the collapse of every sample that has pruning curves, over its seeds."""
    measured = [_over_seeds(sample, "pruning", limits) for sample in found]
    return [Redundancy(redundancy=mean, **about) for mean, about in measured if mean is not None]


def minimal_bits(found: Sequence[Sample], limits: Limits = LIMITS) -> list[MinimalBits]:
    """The same over bits, of every sample that has quantization curves."""
    measured = [_over_seeds(sample, "quantization", limits) for sample in found]
    return [MinimalBits(bits=mean, **about) for mean, about in measured if mean is not None]


def _over_seeds(sample: Sample, kind: Kind, limits: Limits) -> tuple[float | None, dict[str, Any]]:
    """The mean end of the plateau (None: no curve was measured), and what the record says besides."""
    found = [one for member in sample.members if (one := curve_phases(member, kind, limits)) is not None]
    ends = np.array([one.plateau_end for one in found], float)
    if not len(ends):
        return None, {}
    collapses = [one.collapse_start for one in found if one.collapse_start is not None]
    return float(ends.mean()), {
        "point": sample.point,
        "name": sample.name,
        "family": sample.family,
        "num_params": sample.num_params,
        "interval": bootstrap_mean(ends).interval if len(ends) > 1 else None,
        "collapse": float(np.mean(collapses)) if collapses else None,
        "seeds": len(ends),
        "left_out": len(sample.seeds) - len(ends),
    }


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much more of a measure some points have than references of equal size.

    Attributes:
        estimate: the mean difference and its 95 % interval.
        pairs: how many points were compared, each with the references interpolated to its size.
        seeds: how many seeds they are paired over.
    """

    estimate: Estimate
    pairs: int
    seeds: int


def measured(found: Iterable[Sample], measure: Measure, limits: Limits = LIMITS) -> dict[str, np.ndarray]:
    """Point -> the measure of each seed, for the points where at least one seed has it."""
    values = {sample.point: measure(sample, limits) for sample in found}
    return {point: value for point, value in values.items() if not np.isnan(value).all()}


def at_equal_size(
    references: Sequence[Sample],
    others: Sequence[Sample],
    values: Mapping[str, np.ndarray],
    tail: float = TAIL,
) -> Difference | None:
    """The mean difference at equal size, paired over seeds; None where there is too little to compare.

    Sizes on a grid never quite agree, so the references are interpolated, seed by seed, linearly over log parameters
    between the two that bracket the other's size, if they are within a factor `BRACKET` of one another; nothing is
    extrapolated.

    Two intervals are taken and their hull is given: over seeds (each seed's mean over the pairs), and over points. The
    first alone would take what one architecture happens to have over another, the same in all seeds, for an effect of
    the kind; the second alone would ignore what the seeds have in common. The second allows for pairs that share
    references: without that it found a difference in 16 % of simulated studies that had none.

    Args:
        references, others: points of two kinds.
        values: point -> the measure of each seed, NaN where missing (`measured`).
        tail: the probability that the interval leaves out on either side.
    """
    return _difference(references, others, values, _log_size, math.log(BRACKET), tail)


def at_equal_width(
    references: Sequence[Sample], others: Sequence[Sample], values: Mapping[str, np.ndarray]
) -> Difference | None:
    """The same between points that are equally wide; of points that do not say how wide they are nothing is known."""
    references, others = ([sample for sample in points if sample.width] for points in (references, others))
    return _difference(references, others, values, lambda sample: sample.width or 0, 0.0, TAIL)


def _log_size(sample: Sample) -> float:
    return math.log(sample.num_params)


def _difference(
    references: Sequence[Sample],
    others: Sequence[Sample],
    values: Mapping[str, np.ndarray],
    coordinate: Callable[[Sample], float],
    bracket: float,
    tail: float,
) -> Difference | None:
    """The mean difference where a coordinate is equal, interpolated between references at most `bracket` apart."""
    references = [sample for sample in references if sample.point in values]
    others = [sample for sample in others if sample.point in values]
    if not references or not others:
        return None
    seeds = sorted(set.intersection(*(set(sample.seeds) for sample in (*references, *others))))
    if len(seeds) < LEAST_SEEDS:  # studies of different seeds on one page
        return None
    places, table = _table(references, values, seeds, coordinate)
    differences, weights = [], []
    for place, row in zip(*_table(others, values, seeds, coordinate), strict=True):
        at = np.array(
            [_weights(place, places, ~np.isnan(column), bracket) for column in table.T]
        )  # [seeds, references]
        difference = row - (at * np.nan_to_num(table.T)).sum(axis=1)
        there = ~np.isnan(difference)
        if there.sum() >= LEAST_SEEDS:
            differences.append(difference)
            weights.append(at[there].mean(axis=0))
    if len(differences) < LEAST_PAIRS:
        return None
    rows = np.array(differences)
    rows = rows[:, (~np.isnan(rows)).any(axis=0)]
    by_seed = student_mean(np.nanmean(rows, axis=0), tail)
    by_point = _over_points(np.nanmean(rows, axis=1), np.array(weights), tail)
    low, high = min(by_seed.low, by_point.low), max(by_seed.high, by_point.high)
    return Difference(Estimate(by_point.value, low, high), pairs=len(rows), seeds=rows.shape[1])


def _over_points(differences: np.ndarray, weights: np.ndarray, tail: float) -> Estimate:
    """The mean of differences that share references; `weights` [differences, references] says how.

    If every point scatters with the same variance, the differences have that variance times V = 1 + W W'. It is
    estimated from their sample variance, given V, with Satterthwaite's degrees of freedom.
    """
    n = len(differences)
    V = np.eye(n) + weights @ weights.T
    centred = V - V.mean(axis=0)  # M V, with M taking the mean away
    variance = float(((differences - differences.mean()) ** 2).sum()) / np.trace(centred)
    freedom = np.trace(centred) ** 2 / np.trace(centred @ centred)
    mean = float(differences.mean())
    half = student(freedom, tail) * float(np.sqrt(variance * V.mean()))
    return Estimate(mean, mean - half, mean + half)


def _table(
    found: Sequence[Sample],
    values: Mapping[str, np.ndarray],
    seeds: Sequence[int],
    coordinate: Callable[[Sample], float],
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates [n], ascending, and values [n, seeds]; points at one coordinate are averaged."""
    at: dict[float, list[Sample]] = {}
    for sample in found:
        at.setdefault(coordinate(sample), []).append(sample)
    rows = []
    for place in sorted(at):
        stacked = np.array([values[s.point][[s.seeds.index(seed) for seed in seeds]] for s in at[place]])
        known = (~np.isnan(stacked)).sum(axis=0)
        rows.append(np.where(known, np.nansum(stacked, axis=0) / np.maximum(known, 1), np.nan))
    return np.array(sorted(at)), np.array(rows)


def _weights(place: float, places: np.ndarray, known: np.ndarray, bracket: float) -> np.ndarray:
    """The weight of each reference at `place`; NaN where they are too far apart or do not bracket it."""
    weights = np.zeros(len(places))
    usable = np.flatnonzero(known)
    right = int(np.searchsorted(places[usable], place - 1e-9))
    if right < len(usable) and abs(places[usable[right]] - place) < 1e-9:
        weights[usable[right]] = 1
        return weights
    if right in (0, len(usable)) or np.ptp(places[usable[right - 1 : right + 1]]) > bracket:
        return np.full(len(places), np.nan)
    below, above = usable[right - 1], usable[right]
    weights[above] = (place - places[below]) / (places[above] - places[below])
    weights[below] = 1 - weights[above]
    return weights


def depth_effect(
    found: Sequence[Sample], measure: Measure, limits: Limits = LIMITS, *, at: Literal["size", "width"] = "size"
) -> Difference | None:
    """How much more of a measure deeper points have than the shallowest; one family, one data set.

    Only points of equal shape are compared, so that a difference comes from depth and not from shape.

    Args:
        found: the points.
        measure: what is compared.
        limits: the tolerances of the definitions.
        at: what is equal: the number of parameters, or the width, at which deeper networks have more of them.
    """
    equal = [sample for sample in found if sample.equal and sample.depth]  # a linear classifier has no depth to compare
    values = measured(equal, measure, limits)
    depths = {sample.depth for sample in equal if sample.point in values}
    if len(depths) < 2:
        return None
    shallowest = min(depth for depth in depths if depth is not None)
    shallow = [sample for sample in equal if sample.depth == shallowest]
    compare = at_equal_size if at == "size" else at_equal_width
    return compare(shallow, [sample for sample in equal if sample.depth != shallowest], values)
