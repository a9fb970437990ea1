"""What to use for a task: at a few accuracies the smallest size, its family and depth, and what its network bears: how
few bits, how much pruning. The guidance that paper 2 promises, and nothing in it but what records hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from minjax.findings.resilience import fewest_bits, minimal_bits, redundancy
from minjax.findings.samples import LIMITS, Limits, Sample
from minjax.records.answer import Answers, Stair
from minjax.records.finding import MinimalBits, Redundancy

LEVELS = 4  # accuracies on each data set at most, apart from one that nothing reaches


@dataclasses.dataclass(frozen=True)
class Advice:
    """What the records advise for one required accuracy on one data set.

    Attributes:
        stair: the accuracy, the smallest size that reaches it with its interval, and its network; None for the size
            where no network of the grid reaches it.
        family: of that network; None likewise.
        depth: its layers; None likewise, and for a network that does not say.
        others: the other depths of its family, ascending, each with the smallest size that is accurate enough, None
            where there is none: without an interval.
        redundancy: how far it can be pruned, over its seeds; None: not measured.
        bits: to how few bits it can be quantized, over its seeds; None: not measured.
        enough_bits: the fewest bits that are enough for each of these seeds; None: not measured.
    """

    stair: Stair
    family: str | None = None
    depth: int | None = None
    others: tuple[tuple[int, int | None], ...] = ()
    redundancy: Redundancy | None = None
    bits: MinimalBits | None = None
    enough_bits: int | None = None


def guidance(found: Answers, samples: Iterable[Sample], limits: Limits = LIMITS) -> tuple[Advice, ...]:
    """Advice for at most `LEVELS` of the accuracies that are reached, and for the first that is not.

    They are spread evenly over the sizes of the staircase; of the accuracies that one size reaches it is the highest.

    Args:
        found: the answers on one data set.
        samples: what was measured of each point; those of other data sets are left out.
        limits: the tolerances of the findings.
    """
    by_point = {sample.point: sample for sample in samples if sample.dataset == found.dataset}
    stairs = found.staircase
    highest = {stair.num_params: stair for stair in stairs if stair.num_params is not None}
    reached = list(highest.values())
    places = np.unique(np.linspace(0, len(reached) - 1, min(LEVELS, len(reached))).round().astype(int))
    chosen = [reached[place] for place in places] + [stair for stair in stairs if stair.num_params is None][:1]
    return tuple(_advice(stair, by_point, limits) for stair in chosen)


def _advice(stair: Stair, samples: Mapping[str, Sample], limits: Limits) -> Advice:
    if stair.winner is None:
        return Advice(stair)
    sample = samples[stair.winner.point]
    pruned, quantized = redundancy([sample], limits), minimal_bits([sample], limits)
    bits = fewest_bits(sample, limits)
    return Advice(
        stair=stair,
        family=sample.family,
        depth=sample.depth,
        others=_others(stair.accuracy, sample, list(samples.values()), limits),
        redundancy=pruned[0] if pruned else None,
        bits=quantized[0] if quantized else None,
        enough_bits=int(np.nanmax(bits)) if quantized else None,
    )


def _others(
    accuracy: float, winner: Sample, samples: Sequence[Sample], limits: Limits
) -> tuple[tuple[int, int | None], ...]:
    """The smallest size of each other depth of the winner's family that is accurate enough."""
    family = [one for one in samples if one.family == winner.family and one.depth is not None]
    sizes: dict[int, list[int]] = {one.depth: [] for one in family if one.depth is not None}
    for one in family:
        if one.depth is not None and _enough(one, accuracy, limits):
            sizes[one.depth].append(one.num_params)
    return tuple((depth, min(own, default=None)) for depth, own in sorted(sizes.items()) if depth != winner.depth)


def _enough(sample: Sample, accuracy: float, limits: Limits) -> bool:
    """Whether its mean reaches an accuracy, over its fresh seeds where it has some, and its seeds agree."""
    fresh = np.array([member.fresh for member in sample.members])
    mean = sample.accuracy[fresh if fresh.any() else ~fresh].mean()
    learned = all(one.status != "diverged" for one in sample.members)
    learned &= bool((sample.accuracy > sample.chance + limits.margin).all())
    return bool(mean >= accuracy - 1e-9 and sample.sigma <= limits.sigma and learned)
