"""What study.json says: the results of `minjax.findings` as records, parts of `records.study.StudySummary`."""

from __future__ import annotations

from typing import Any, Literal

from minjax.records.record import Count, Fraction, Interval, Name, Positive, Record

Verdict = Literal["supported", "contradicted", "inconclusive"]
Role = Literal["minimal", "below", "best"]
Selection = Literal["validation", "test"]  # the images that networks are chosen by


class Demand(Record, frozen=True, kw_only=True):
    """What a network asks of a device, predicted from its shapes.

    Attributes:
        bytes: of its packed file, all kernels at the study's `deploy_bits`.
        ram_bytes: of the activations of one image that are alive at once, at 8 bits each.
        macs: multiply-adds for one image.
    """

    bytes: Positive
    ram_bytes: Positive
    macs: Count


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


class Below(Record, frozen=True, kw_only=True):
    """The next smaller size of the grid, and why it is not enough.

    Attributes:
        accuracy: the fitted accuracy there.
        sigma: the deviation over seeds there.
        why: the reason, as the end of a sentence about it.
    """

    num_params: Positive
    accuracy: float
    sigma: float
    why: Name


class Minimal(Record, frozen=True, kw_only=True):
    """The minimal size of one family on one data set, or why there is none.

    Attributes:
        num_params: the minimal size; None: no size qualifies, and `reason` says why.
        interval: its 95 % interval, sizes of the grid.
        grid: the sizes that it is a statement about.
        tolerance: what counts as the same accuracy.
        seeds: the fewest seeds of any point.
        level: of the interval.
        point, name: of the network of that size.
        accuracy, sigma: mean and deviation over seeds at the minimal size.
        target: the accuracy that had to be reached.
        noise: the deviation over seeds, pooled over the sizes.
        below: the next smaller size; None: there is none.
        selection: the images that the accuracies were measured on; "test" in older records.
        notes: what limits the statement.
    """

    family: str
    dataset: str
    num_params: Positive | None
    interval: tuple[int, int] | None
    grid: list[int]
    tolerance: float
    seeds: Count
    level: float = 0.95
    point: str | None = None
    name: str | None = None
    accuracy: float | None = None
    sigma: float | None = None
    target: float | None = None
    noise: float | None = None
    below: Below | None = None
    selection: Selection = "test"
    reason: str | None = None
    notes: tuple[str, ...] = ()


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
        role: what it was chosen as: the network of the minimal size, of the next smaller size, or the most accurate.
        accuracy: mean over its seeds on the test split; one that diverged counts as guessing.
        interval: 95 % interval of the accuracy of a single network, for so many images.
        images: of the test split.
        seeds: how many networks were evaluated.
        validation_accuracy: mean of the same networks, which were trained again from their seeds.
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


class Certificate(Minimal, frozen=True, kw_only=True):
    """The answer for one family on one data set: its minimal size, and how far that network can be compressed.

    Attributes:
        fields: the network's architecture; None where there is no minimal size.
        redundancy: mean over seeds of the largest sparsity on the plateau, with its interval; None: no curves.
        bits: the fewest bits that are enough for every seed; None: no curves.
        bytes: None where there is no minimal size, or where they were not asked for.
        tested: the networks that the test split was looked at for; none where the study is not complete.
    """

    fields: dict[str, Any] | None = None
    redundancy: float | None = None
    redundancy_interval: Interval | None = None
    bits: Positive | None = None
    bytes: CertificateBytes | None = None
    tested: tuple[OnTest, ...] = ()


class Findings(Record, frozen=True, kw_only=True):
    """Everything that is found in the members of one study, or of several together.

    Attributes:
        regimes, convergence, redundancy, minimal_bits: one for each point that says something about it.
        minimal: the smallest minimal size of all families and data sets, or why there is none.
        minimals, certificates: one for each family on each data set.
        claims: the seven claims of paper 2.
    """

    regimes: list[Regime]
    minimal: Minimal
    minimals: list[Minimal]
    convergence: list[Convergence]
    redundancy: list[Redundancy]
    minimal_bits: list[MinimalBits]
    claims: list[Claim]
    certificates: list[Certificate]
