"""What study.json says: the results of `minjax.findings` as records, parts of `records.study.StudySummary`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from minjax.records.answer import Answer, Answers
from minjax.records.record import Count, Fraction, Interval, Positive, Record

Verdict = Literal["supported", "contradicted", "inconclusive"]
Role = Literal["minimal", "below", "best"]


class Regime(Record, frozen=True, kw_only=True):
    """The regime of one point.

    Attributes:
        regime: which; overfitting by either of the two readings.
        mean, sigma: of the accuracy over seeds, on the images that networks are chosen by.
        gap: mean of training less that accuracy.
        seeds: how many; `at_chance` of them ended at or just above chance, diverged ones included.
        slope: lower 95 % bound of the accuracy's slope over log(parameters) around this size; None: too few points.
        by_gap: whether it is overfitting by the gap between training and validation accuracy; None: an unstable
            network, or no slope.
        by_loss: whether it is by its rising validation loss; None: an unstable network, or no learning curves.
    """

    point: str
    name: str
    family: str
    dataset: str
    num_params: Positive
    regime: Literal["unstable", "learning", "overfitting"]
    mean: Fraction
    sigma: float
    gap: float
    seeds: Positive
    at_chance: Count
    slope: float | None
    by_gap: bool | None = None
    by_loss: bool | None = None


class Convergence(Record, frozen=True, kw_only=True):
    """How the learning curves of one point converge, over its seeds.

    Attributes:
        settled: mean of the epochs from which on the accuracy stays near its final value.
        interval: 95 % interval of `settled`; None for a single seed.
        slow_end, fast_end: median last epochs of the slow and of the fast phase, over the `phased` seeds that have
            phases.
        epochs: of training.
    """

    point: str
    name: str
    num_params: Positive
    settled: float
    interval: Interval | None
    slow_end: float | None
    fast_end: float | None
    phased: Count
    epochs: Positive
    seeds: Positive


class Redundancy(Record, frozen=True, kw_only=True):
    """How far one point can be pruned, over its seeds.

    Attributes:
        redundancy: mean of the largest sparsity on the plateau.
        interval: its 95 % interval; None for a single seed.
        collapse: mean of where the collapse begins; None where it never does.
        seeds: that were measured; `left_out` had learned nothing, or have no curve.
    """

    point: str
    name: str
    family: str
    num_params: Positive
    redundancy: float
    interval: Interval | None
    collapse: float | None
    seeds: Positive
    left_out: Count


class MinimalBits(Record, frozen=True, kw_only=True):
    """To how few bits one point can be quantized, over its seeds.

    Attributes:
        bits: mean of the fewest bits on the plateau.
        interval, collapse, seeds, left_out: as for `Redundancy`.
    """

    point: str
    name: str
    family: str
    num_params: Positive
    bits: float
    interval: Interval | None
    collapse: float | None
    seeds: Positive
    left_out: Count


class Statistic(Record, frozen=True, kw_only=True):
    """What a verdict rests on: in words with its numbers, and the number; None: it could not be measured."""

    text: str
    value: float | None


class Claim(Record, frozen=True, kw_only=True):
    """A claim of paper 2 and what the study says about it.

    Attributes:
        number: 1 to 7.
        part: of a claim that says several things, which one this is; empty: the whole claim.
        statement: the claim.
        verdict: what the data at hand say about it.
        statistic: what the verdict rests on.
        interval: its 95 % interval.
        why: how the verdict follows, or why there is none.
    """

    number: Positive
    part: str = ""
    statement: str
    verdict: Verdict
    statistic: Statistic
    interval: Interval | None
    why: str


class CertificateBytes(Record, frozen=True, kw_only=True):
    """Theoretical sizes of the network: as trained, quantized to `bits`, pruned by `redundancy`."""

    float32: Positive
    quantized: Positive | None = None
    pruned: Positive | None = None


class OnTest(Record, frozen=True, kw_only=True):
    """A network that a study chose, evaluated on the test split when the study was complete.

    Attributes:
        role: what it was chosen as: the network of the minimal size, the most accurate smaller one, or the best found.
        accuracy: mean over its seeds on the test split; one that diverged counts as guessing.
        balanced: mean balanced accuracy over its seeds on the test split; None where networks are not chosen by it.
        interval: 95 % interval of the accuracy of a single network on that many images.
        images: of the test split.
        seeds: how many networks were evaluated.
        validation_accuracy: of what they were chosen by, the mean of the same networks, which were trained again from
            their seeds.
    """

    role: Role
    point: str
    name: str
    num_params: Positive
    accuracy: Fraction
    interval: Interval
    images: Positive
    seeds: Positive
    validation_accuracy: Fraction
    balanced: Fraction | None = None


class Certificate(Record, frozen=True, kw_only=True):
    """The answer for one family on one data set, and how far its network can be compressed.

    Attributes:
        minimal: the smallest size of the family that is accurate enough: at the target, and without one within the
            tolerance of the best network of this family.
        stable: the smallest size of the family that trains stably.
        fields: the network's architecture; None where there is no minimal size.
        tolerance: of accuracy, within which pruning and quantization have to stay.
        redundancy: mean over seeds of the largest sparsity on the plateau, with its interval; None: no curves.
        bits: the fewest bits that are enough for every seed; None: no curves.
        bytes: None where there is no minimal size, or where they were not asked for.
        tested: the networks that were evaluated on the test split, when everything was chosen.
    """

    family: str
    dataset: str
    minimal: Answer
    stable: Answer
    tolerance: float
    fields: dict[str, Any] | None = None
    redundancy: float | None = None
    redundancy_interval: Interval | None = None
    bits: Positive | None = None
    bytes: CertificateBytes | None = None
    tested: tuple[OnTest, ...] = ()


class Findings(Answers, frozen=True, kw_only=True):
    """Everything that is found in the members of one study, or of several together.

    The answers are those on the first data set; a study has one.

    Attributes:
        others: the answers on further data sets of a report over several studies.
        certificates: one for each family on each data set.
        regimes, convergence, redundancy, minimal_bits: one for each point that says something about it.
        claims: the seven claims of paper 2.
    """

    others: list[Answers] = msgspec.field(default_factory=list)
    certificates: list[Certificate]
    regimes: list[Regime]
    convergence: list[Convergence]
    redundancy: list[Redundancy]
    minimal_bits: list[MinimalBits]
    claims: list[Claim]

    @property
    def answers(self) -> list[Answers]:
        """Those on each data set."""
        return [self, *self.others]
