"""The seven claims of paper 2 (Zheng et al., arXiv 2601.17987), each answered from records.

Every answer is *supported*, *contradicted* or *inconclusive* on the data at hand, with the statistic it rests on, its
95 % interval and why. The thresholds are minjax's conventions: the paper's own are not public.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minjax.findings.claims.claim import STATEMENTS, VERDICTS, Answer, Claim
from minjax.findings.claims.compression import (
    deeper_is_resilient,
    distinct_phases,
    quantization_hurts,
    redundancy_reached,
)
from minjax.findings.claims.size import invariance, minimal_exists, three_regimes
from minjax.findings.samples import LIMITS, Limits, Member, Sample, samples

__all__ = [
    "CLAIMS",
    "STATEMENTS",
    "VERDICTS",
    "Answer",
    "Claim",
    "claims",
    "deeper_is_resilient",
    "distinct_phases",
    "invariance",
    "minimal_exists",
    "quantization_hurts",
    "redundancy_reached",
    "sample_claims",
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


def claims(members: Iterable[Member], limits: Limits = LIMITS) -> list[Claim]:
    """The seven answers, from the members of one study or of several together.

    Raises:
        UserError: a point has fewer than two seeds.
    """
    return sample_claims(samples(members), limits)


def sample_claims(found: Sequence[Sample], limits: Limits = LIMITS) -> list[Claim]:
    """The same from samples."""
    return [answer(found, limits) for answer in CLAIMS.values()]
