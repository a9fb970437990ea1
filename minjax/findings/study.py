"""All findings of a study, or of several together: a pure function of the members' records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from minjax.errors import UserError
from minjax.findings import answers
from minjax.findings.answers import Asked, Subject
from minjax.findings.certificate import Sizes, certificate
from minjax.findings.claims import claims
from minjax.findings.convergence import convergence
from minjax.findings.regimes import regimes
from minjax.findings.resilience import minimal_bits, redundancy
from minjax.findings.samples import LEAST_SEEDS, LIMITS, Limits, Sample, groups, samples
from minjax.records.answer import Answers
from minjax.records.finding import Certificate, Findings
from minjax.records.study import MemberRecord


def findings(
    members: Iterable[MemberRecord],
    limits: Limits = LIMITS,
    sizes: Sizes | None = None,
    asked: Mapping[str, Asked] | None = None,
) -> Findings:
    """Answers, certificates, regimes, convergence, redundancy, minimal bits and claims.

    Answers take every point with two seeds into account; the other findings those that have all their seeds.

    Args:
        members: with two seeds of every point at least.
        limits: the tolerances of the definitions.
        sizes: says how many bytes a network takes; None: the certificates do not say.
        asked: data set -> what is asked there; None: the near-best size.

    Raises:
        UserError: a point has fewer than two seeds, no member is left, or a target is not above chance.
    """
    found = [sample for sample in samples(members) if sample.first_seeds >= LEAST_SEEDS]
    by_dataset: dict[str, list[Sample]] = {}
    for sample in found:
        by_dataset.setdefault(sample.dataset, []).append(sample)
    questions = {dataset: Asked() for dataset in by_dataset} if asked is None else asked
    every: list[Answers] = []
    certificates: list[Certificate] = []
    whole: list[Sample] = []
    for dataset, own in sorted(by_dataset.items()):
        what = questions[dataset]
        subject = Subject.of(own, what, limits)
        every.append(answers.answers(subject))
        certificates += [certificate(subject, family, sizes) for family in groups(own).values()]
        whole += [sample for sample in own if sample.first_seeds >= what.seeds]
    if not whole:
        raise UserError("no network of the study has all its seeds")
    whole.sort(key=found.index)
    return Findings(
        **msgspec.structs.asdict(every[0]),
        others=every[1:],
        certificates=certificates,
        regimes=regimes(whole, limits),
        convergence=convergence(whole, limits),
        redundancy=redundancy(whole, limits),
        minimal_bits=minimal_bits(whole, limits),
        claims=claims(whole, limits, questions),
    )
