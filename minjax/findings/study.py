"""All findings of a study, or of several together: a pure function of the members' records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minjax.findings.certificate import Sizes, certificate
from minjax.findings.claims import claims
from minjax.findings.convergence import convergence
from minjax.findings.minimal import minimal
from minjax.findings.regimes import regimes
from minjax.findings.resilience import minimal_bits, redundancy
from minjax.findings.samples import LIMITS, Limits, groups, samples
from minjax.records.finding import Findings, Minimal
from minjax.records.study import MemberRecord


def findings(members: Iterable[MemberRecord], limits: Limits = LIMITS, sizes: Sizes | None = None) -> Findings:
    """Regimes, minimal sizes, convergence, redundancy, minimal bits, claims and certificates.

    Args:
        members: with two seeds of every point at least.
        limits: the tolerances of the definitions.
        sizes: says how many bytes a network takes; None: the certificates do not say.

    Raises:
        UserError: a point has fewer than two seeds, or no member is left.
    """
    found = samples(members)
    minimals = [minimal(group, limits) for group in groups(found).values()]
    return Findings(
        regimes=regimes(found, limits),
        minimal=_smallest(minimals),
        minimals=minimals,
        convergence=convergence(found, limits),
        redundancy=redundancy(found, limits),
        minimal_bits=minimal_bits(found, limits),
        claims=claims(found, limits),
        certificates=[certificate(one, found, limits, sizes) for one in minimals],
    )


def _smallest(minimals: Sequence[Minimal]) -> Minimal:
    """The smallest minimal size, or the first reason why there is none."""
    known = [one for one in minimals if one.num_params is not None]
    return min(known, key=lambda one: one.num_params or 0) if known else minimals[0]
