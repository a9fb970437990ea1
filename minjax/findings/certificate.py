"""The certificate of one family on one data set: its minimal size, and how far that network can be compressed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from minjax.findings.answers import Subject, minimal, stable
from minjax.findings.resilience import fewest_bits, redundancies, redundancy
from minjax.findings.samples import Sample
from minjax.records.answer import Answer
from minjax.records.finding import Certificate, CertificateBytes, Role

# The network of a sample, its redundancy and its bits (None: not measured) -> bytes as trained, quantized, pruned.
Sizes = Callable[[Sample, float | None, int | None], CertificateBytes]


def certificate(subject: Subject, found: Sequence[Sample], sizes: Sizes | None = None) -> Certificate:
    """The minimal size of a family, with how far its network can be pruned and quantized, each alone.

    `redundancy` is the mean over the seeds of the largest sparsity on the plateau, `bits` the fewest that are enough
    for every seed; both None where no curves were measured.

    Args:
        subject: all networks on the data set.
        found: the samples of the family.
        sizes: says how many bytes its network takes; None: it is not said.
    """
    own = subject.within(found)
    answer = minimal(own)
    bare = Certificate(
        family=found[0].family,
        dataset=found[0].dataset,
        minimal=answer,
        stable=stable(own),
        tolerance=subject.limits.tolerance,
    )
    if answer.winner is None:
        return bare
    sample = next(sample for sample in found if sample.point == answer.winner.point)
    pruned, quantized = _compressed(sample, subject)
    return msgspec.structs.replace(
        bare,
        fields=dict(sample.fields),
        redundancy=pruned,
        redundancy_interval=None if pruned is None else redundancy([sample], subject.limits)[0].interval,
        bits=quantized,
        bytes=None if sizes is None else sizes(sample, pruned, quantized),
    )


def _compressed(sample: Sample, subject: Subject) -> tuple[float | None, int | None]:
    """Redundancy and bits of a network, over those seeds whose curves were measured; None: none were."""
    measured = np.array([member.curves is not None for member in sample.members])
    amounts, bits = redundancies(sample, subject.limits)[measured], fewest_bits(sample, subject.limits)[measured]
    pruned = None if np.isnan(amounts).all() else float(np.nanmean(amounts))
    quantized = int(bits.max()) if len(bits) and not np.isnan(bits).any() else None
    return pruned, quantized


def chosen(answer: Answer, found: Sequence[Sample]) -> dict[Role, Sample]:
    """The networks that an answer speaks of, each once: what the test split is used for when everything is chosen.

    They are that of the minimal size, the most accurate smaller one, and the best found.
    """
    samples = {sample.point: sample for sample in found}
    by_role: dict[Role, Sample] = {}
    if answer.winner is not None:
        by_role["minimal"] = samples[answer.winner.point]
        if answer.below is not None:
            by_role["below"] = samples[answer.below.point]
    if answer.best.point not in {sample.point for sample in by_role.values()}:
        by_role["best"] = samples[answer.best.point]
    return by_role
