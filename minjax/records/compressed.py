"""What a compression leaves on the disk besides measurements: packed files, shrunk networks, and the one it recommends.

All are parts of compression.json (`records.compression`).
"""

from __future__ import annotations

from typing import Any, Literal

from minjax.records.record import Count, Fraction, Interval, Name, Positive, Record
from minjax.records.run import DataSheet

Split = Literal["validation", "test"]
Metric = Literal["accuracy", "balanced_accuracy"]
ROUNDS = 15  # of measuring latency


class Scored(Record, frozen=True, kw_only=True):
    """An accuracy, with its exact binomial 95 % interval over the images that it was measured on.

    Attributes:
        balanced: mean over classes of the share of their images that is classified correctly; None: not asked for.
    """

    accuracy: Fraction
    interval: Interval
    images: Positive
    balanced: Fraction | None = None

    @property
    def score(self) -> float:
        """What networks are chosen by: accuracy, or balanced accuracy where that is asked for."""
        return self.accuracy if self.balanced is None else self.balanced


class ClassAccuracy(Record, frozen=True, kw_only=True):
    """How well one class is recognised before and after compression.

    Attributes:
        name: of the class.
        images: of this class among those measured on.
        dense, compressed: fractions of them; None where there are none.
    """

    name: str
    images: Count
    dense: Fraction | None
    compressed: Fraction | None


class ChosenFile(Record, frozen=True, kw_only=True):
    """A packed file that is handed over: the recommended one, or the runner-up.

    Attributes:
        path: relative to the compression's directory.
        bytes: of the file.
        method, amount: how the network in it was pruned; None: it was not.
        bits, scheme: how it was quantized; None: it was not.
        retrained: whether its weights were trained again with these zeros and these bits.
        shrunk: whether pruned channels were removed, so that it is a smaller network.
        keeps: whether it keeps the accuracy that was asked for.
        selection: the split that it was chosen on.
        validation: its accuracy on all validation images; None where the run has none.
        test: its accuracy on the test split; where that was not used to choose, it was used this once.
        loss: accuracy lost on the split that it was chosen on, against the dense network; balanced accuracy where that
            was asked for, like `loss_interval`.
        loss_interval: the 95 % interval of that, of differences on the same images.
        classes: per class, on the test split.
        sheet: what the network in the file asks of a device.
        command: classifies images with it.
    """

    path: Name
    bytes: Positive
    method: str | None
    amount: Fraction | None
    bits: Positive | None
    scheme: str | None
    retrained: bool
    shrunk: bool
    keeps: bool
    selection: Split
    validation: Scored | None
    test: Scored
    loss: float
    loss_interval: Interval
    classes: list[ClassAccuracy]
    sheet: DataSheet | None
    command: str


class Choice(Record, frozen=True, kw_only=True):
    """What the recommended file was asked to keep, and what it was chosen from.

    Attributes:
        metric: what had to be kept.
        target: the accuracy that was asked for; None: one within `tolerance` of the dense network's.
        tolerance: see `target`.
        floor: the accuracy that follows, on the split that files are chosen on.
        selection: that split: the validation split, or the test split where the run has no other.
        images: its images.
        screening_images: as many of them as candidates were screened on.
        retraining_steps: gradient steps of each retraining.
        dense: the dense network on all images of the split.
        dense_test: the same on the test split.
        reached: whether any file keeps the floor.
    """

    metric: Metric = "accuracy"
    target: Fraction | None
    tolerance: Fraction
    floor: Fraction
    selection: Split
    images: Positive
    screening_images: Positive
    retraining_steps: Count
    dense: Scored
    dense_test: Scored
    reached: bool


class PackedFile(Record, frozen=True, kw_only=True):
    """A packed file that was asked for, written, read back, and evaluated on the whole test split.

    Attributes:
        file: its path inside the directory.
        method, amount: how the network in it was pruned; amount 0: it was not.
        bits, scheme: how it was quantized; None: it was not.
        retrained: whether its weights were trained again with these zeros and these bits.
        bytes_measured: the size of the file.
        bytes_theoretical: without its header.
        bytes_entropy: the order-0 entropy of its integers: what a perfect entropy coder could reach.
        share: bytes_measured over that of the unquantized network in the same format.
        same_predictions: whether it predicts what the network in memory does, for every test image.
        accuracy: on the whole test split.
    """

    file: Name
    method: str | None
    amount: Fraction
    bits: int | None
    scheme: str | None
    retrained: bool = False
    bytes_measured: Count
    bytes_theoretical: Count
    bytes_entropy: Count
    share: float
    same_predictions: bool
    accuracy: Fraction


class Latency(Record, frozen=True, kw_only=True):
    """Milliseconds for one batch, over several rounds: the median and the quartiles."""

    median_ms: float
    quartiles_ms: Interval


class ShrunkNetwork(Record, frozen=True, kw_only=True):
    """A network that lost the channels which structured pruning left unused.

    Attributes:
        path: of the run directory that it was written as, inside the compression's; None: minjax 0.1 wrote none.
        method, axis, amount: of the pruning.
        params_before, params_after, multiply_adds_before, multiply_adds_after: of the masked and of the small network.
        validation, test: its accuracies; None: not measured.
        latency_before, latency_after: for `batch` images; None: not measured.
        latency_before_ms, latency_after_ms: medians alone, as minjax 0.1 recorded them.
        batch: images of a batch whose latency was measured.
        largest_difference: of the two networks' logits, over `images` test images.
        layers: the small network's widths, by field.
        kept: reasons why channels that are all zero had to stay.
    """

    path: str | None = None
    method: str
    axis: Literal["in", "out"]
    amount: Fraction
    params_before: Count
    params_after: Count
    multiply_adds_before: Count
    multiply_adds_after: Count
    validation: Scored | None = None
    test: Scored | None = None
    latency_before: Latency | None = None
    latency_after: Latency | None = None
    latency_before_ms: float | None = None
    latency_after_ms: float | None = None
    batch: Positive | None = None
    largest_difference: float
    images: Positive
    layers: dict[str, Any]
    kept: list[str]
