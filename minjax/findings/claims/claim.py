"""The claims in words, and how the answers of several families or data sets become one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence

from minjax.findings.samples import Sample
from minjax.records.finding import Claim, Statistic, Verdict
from minjax.records.record import Interval

SUPPORTED: Verdict = "supported"
CONTRADICTED: Verdict = "contradicted"
INCONCLUSIVE: Verdict = "inconclusive"
VERDICTS = (SUPPORTED, CONTRADICTED, INCONCLUSIVE)

STATEMENTS = {
    1: "Performance is largely invariant across architectures of similar size.",
    2: "Learning dynamics show three regimes over size: unstable, learning, overfitting.",
    3: "There is a minimal number of learnable parameters for stable learning.",
    4: "Convergence and pruning have distinct phases.",
    5: "Deeper networks are more resilient to {} than shallower ones.",
    6: "Parameter redundancy reaches as much as 60 %.",
    7: "Quantization hurts networks with fewer parameters more, and harder data sets more.",
}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one family on one data set says about a claim.

    Attributes:
        verdict: one of `VERDICTS`.
        statistic: what was measured, in words with its numbers.
        value: the number that the verdict rests on; None: it could not be measured.
        interval: its 95 % interval.
        why: how the verdict follows, or why there is none.
    """

    verdict: Verdict
    statistic: str
    value: float | None
    interval: Interval | None
    why: str


def claim(number: int, answer: Answer, part: str = "") -> Claim:
    """The record of a claim, or of one part of it, with its answer."""
    return Claim(
        number=number,
        part=part,
        statement=STATEMENTS[number].format(part),
        verdict=answer.verdict,
        statistic=Statistic(text=answer.statistic, value=answer.value),
        interval=answer.interval,
        why=answer.why,
    )


def unanswered(why: str) -> Answer:
    """An answer where nothing could be measured."""
    return Answer(INCONCLUSIVE, "not measured", None, None, why)


def combined(answers: Sequence[tuple[str, Answer]]) -> Answer:
    """The answers of several groups as one.

    Supported where every group that could be measured supports it, contradicted where at least one contradicts it and
    none supports it, inconclusive otherwise. Value and interval are those of the first group with that verdict.
    """
    if len(answers) == 1:
        return answers[0][1]
    measured = [(group, answer) for group, answer in answers if answer.value is not None]
    verdicts = {answer.verdict for _, answer in measured}
    if verdicts == {SUPPORTED}:
        verdict: Verdict = SUPPORTED
    elif CONTRADICTED in verdicts and SUPPORTED not in verdicts:
        verdict = CONTRADICTED
    else:
        verdict = INCONCLUSIVE
    shown = next((a for _, a in measured if a.verdict == verdict), measured[0][1] if measured else None)
    return Answer(
        verdict=verdict,
        statistic="; ".join(f"{group}: {answer.statistic}" for group, answer in answers),
        value=None if shown is None else shown.value,
        interval=None if shown is None else shown.interval,
        why="; ".join(f"{group}: {answer.verdict}, {answer.why}" for group, answer in answers),
    )


def at_their_best(found: Iterable[Sample]) -> list[Sample]:
    """One sample for each architecture on each data set: of the ways in which it was trained, the best one.

    A learning rate that was tried with fewer seeds and left says nothing of its architecture.
    """
    best: dict[tuple[str, str, str], Sample] = {}
    for sample in found:
        architecture = json.dumps(sample.fields, sort_keys=True) if sample.fields else sample.point
        key = sample.dataset, sample.family, architecture
        other = best.setdefault(key, sample)
        if (len(sample.seeds), sample.mean) > (len(other.seeds), other.mean):
            best[key] = sample
    return list(best.values())
