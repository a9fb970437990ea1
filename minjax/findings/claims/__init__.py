"""The seven claims of paper 2 (Zheng et al., arXiv 2601.17987), each tested on records.

Every claim is *supported*, *contradicted* or left *inconclusive* by the data at hand, with the statistic that this
rests on, its 95 % interval, and why. The thresholds are minjax's conventions: only the paper's abstract was at hand,
which states none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from minjax.findings.answers import Asked
from minjax.findings.claims.claim import STATEMENTS, VERDICTS, at_their_best
from minjax.findings.claims.compression import deeper_prunes, deeper_quantizes, quantization_hurts, redundancy_reached
from minjax.findings.claims.invariance import invariance
from minjax.findings.claims.phases import distinct_phases
from minjax.findings.claims.size import minimal_exists, three_regimes
from minjax.findings.samples import LIMITS, Limits, Sample
from minjax.records.finding import Claim

__all__ = [
    "CLAIMS",
    "STATEMENTS",
    "VERDICTS",
    "by_dataset",
    "claims",
    "deeper_prunes",
    "deeper_quantizes",
    "distinct_phases",
    "invariance",
    "minimal_exists",
    "quantization_hurts",
    "redundancy_reached",
    "three_regimes",
]

CLAIMS = (
    invariance,
    three_regimes,
    minimal_exists,
    distinct_phases,
    deeper_prunes,
    deeper_quantizes,
    redundancy_reached,
    quantization_hurts,
)


def claims(found: Sequence[Sample], limits: Limits = LIMITS, asked: Mapping[str, Asked] | None = None) -> list[Claim]:
    """The seven claims, the fifth in two parts, tested on the samples of one study, or of several together.

    Args:
        found: the samples.
        limits: the tolerances of the findings.
        asked: data set -> what is asked there, with its validation images, for claim 3.
    """
    best = at_their_best(found)
    exists = partial(minimal_exists, asked=asked)
    return [(exists if test is minimal_exists else test)(best, limits) for test in CLAIMS]


def by_dataset(
    found: Sequence[Sample], limits: Limits = LIMITS, asked: Mapping[str, Asked] | None = None
) -> dict[str, list[Claim]]:
    """Data set -> the claims tested on its samples alone, in the order of `claims`.

    Args:
        found, limits, asked: as for `claims`.
    """
    datasets = sorted({sample.dataset for sample in found})
    return {name: claims([one for one in found if one.dataset == name], limits, asked) for name in datasets}
