"""All findings of a study as one record, that of study.json: a pure function of the members' records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minjax.findings.claims import sample_claims
from minjax.findings.convergence import convergences
from minjax.findings.minimal import Minimal, minimal_of
from minjax.findings.regimes import sample_regimes
from minjax.findings.resilience import minimal_bits, redundancy
from minjax.findings.samples import LIMITS, Limits, Member, groups, samples


def findings(members: Iterable[Member], limits: Limits = LIMITS) -> dict[str, Any]:
    """Regimes, minimal sizes, convergence, redundancy, minimal bits and claims, ready for JSON.

    `minimals` has one entry for each family on each data set; `minimal` is the smallest size among them, or the first
    reason where there is none.

    Raises:
        UserError: a point has fewer than two seeds, or no member is left.
    """
    members = list(members)
    found = samples(members)
    minimals = [minimal_of(group, limits) for group in groups(found).values()]
    return {
        "regimes": [one.record() for one in sample_regimes(found, limits)],
        "minimal": _smallest(minimals).record(),
        "minimals": [one.record() for one in minimals],
        "convergence": convergences(members, limits),
        "redundancy": redundancy(members, limits),
        "minimal_bits": minimal_bits(members, limits),
        "claims": [one.record() for one in sample_claims(found, limits)],
    }


def _smallest(minimals: list[Minimal]) -> Minimal:
    known = [one for one in minimals if one.num_params is not None]
    return min(known, key=lambda one: one.num_params or 0) if known else minimals[0]
