"""The seven claims of paper 2 (Zheng et al., arXiv 2601.17987), each tested on records.

Every claim is *supported*, *contradicted* or left *inconclusive* by the data at hand, with the statistic that this
rests on, its 95 % interval, and why. The thresholds are minjax's conventions: only the paper's abstract was at hand,
which states none.
"""

from __future__ import annotations

from collections.abc import Sequence

from minjax.findings.claims.claim import STATEMENTS, VERDICTS, at_their_best
from minjax.findings.claims.compression import (
    deeper_is_resilient,
    distinct_phases,
    quantization_hurts,
    redundancy_reached,
)
from minjax.findings.claims.invariance import invariance
from minjax.findings.claims.size import minimal_exists, three_regimes
from minjax.findings.samples import LIMITS, Limits, Sample
from minjax.records.finding import Claim

__all__ = [
    "CLAIMS",
    "STATEMENTS",
    "VERDICTS",
    "claims",
    "deeper_is_resilient",
    "distinct_phases",
    "invariance",
    "minimal_exists",
    "quantization_hurts",
    "redundancy_reached",
    "three_regimes",
]

CLAIMS = {
    1: invariance,
    2: three_regimes,
    3: minimal_exists,
    4: distinct_phases,
    5: deeper_is_resilient,
    6: redundancy_reached,
    7: quantization_hurts,
}


def claims(found: Sequence[Sample], limits: Limits = LIMITS) -> list[Claim]:
    """The seven claims tested on the samples of one study, or of several together."""
    best = at_their_best(found)
    return [test(best, limits) for test in CLAIMS.values()]
