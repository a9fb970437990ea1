"""The records of a compression: config.json, compression.jsonl, compression.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from minjax.records.compressed import Choice, ChosenFile, PackedFile, ShrunkNetwork, Split
from minjax.records.record import (
    Count,
    Fraction,
    Name,
    Positive,
    Record,
    ResultFile,
    Seconds,
    config_of,
    read,
    read_lines,
)

MEASUREMENTS, SUMMARY = "compression.jsonl", "compression.json"

# "candidate" and "confirmed" are on the way to the recommended file.
Curve = Literal["dense", "pruning", "quantization", "joint", "sensitivity", "rounds", "aware", "candidate", "confirmed"]
Statistics = Literal["trained", "re-estimated"]
TRAINED: Statistics = "trained"
REESTIMATED: Statistics = "re-estimated"


class Version(Record, frozen=True, kw_only=True):
    """One compressed version of a network.

    Attributes:
        curve: the curve that it is measured for.
        method: how it is pruned; None: it is not.
        amount: the fraction of the prunable weights that is pruned.
        exclude: patterns of the leaves that pruning spares.
        bits: of the quantized leaves; None: they stay float32.
        scheme: the quantization scheme or number format.
        layer: the only leaf that is pruned or quantized; None: all prunable ones.
        batch_norm: whose statistics: "trained", as training left them, or "re-estimated" on training images after
            compression.
        activation_bits: of the inputs of every layer with a kernel; None: float32.
        retrained: whether the weights were trained again with these zeros and these bits.
    """

    curve: Curve
    method: str | None = None
    amount: Fraction | None = None
    exclude: tuple[str, ...] = ()
    bits: Positive | None = None
    scheme: str | None = None
    layer: str | None = None
    batch_norm: Statistics = TRAINED
    activation_bits: Positive | None = None
    retrained: bool = False


class Measurement(Version, frozen=True, kw_only=True):
    """A line of compression.jsonl: a version and what was measured of it.

    Attributes:
        split, images: what it was measured on; images None: all test images that the curves were measured on.
        loss: mean over these images; None where it is not finite.
        accuracy: fraction of these images.
        nonzero: parameters of the network that are not zero.
        sparsity: pruned over prunable weights.
        bytes_theoretical: by the arithmetic of the packed file without its header; None where one leaf alone is
            quantized.
        bytes_dense: the same of the network before compression.
        multiply_adds, multiply_adds_sparse: for one image, of the dense and of the pruned network.
        series, round: of pruning in rounds; None elsewhere.
        lost, gained: images that the dense network classifies rightly and the version wrongly, and the reverse; None
            where the images were not compared one by one.
        balanced: mean over the classes of the share of their images that is classified correctly; None: not asked for.
        error: the standard error of `balanced`; of a confirmed version, that of what it loses against
            the dense network on the same images.
        bytes_file: of the packed file that was measured; None where there is none.
        status: of the training that made the version; None where there was none.
        seconds: spent measuring it; None where it was not timed.
    """

    split: Split = "test"
    images: Positive | None = None

    loss: float | None
    accuracy: Fraction
    nonzero: Count
    sparsity: Fraction
    bytes_theoretical: Count | None
    bytes_dense: Count
    multiply_adds: Count
    multiply_adds_sparse: Count
    series: str | None = None
    round: Positive | None = None
    lost: Count | None = None
    gained: Count | None = None
    balanced: Fraction | None = None
    error: float | None = None
    bytes_file: Positive | None = None
    status: Literal["completed", "diverged"] | None = None
    seconds: Seconds | None = None

    @property
    def score(self) -> float:
        """What versions are chosen by: accuracy, or balanced accuracy where that is asked for."""
        return self.accuracy if self.balanced is None else self.balanced

    @property
    def version(self) -> Version:
        """What was measured, without what came out."""
        return Version(**{name: getattr(self, name) for name in Version.__struct_fields__})


class Dense(Record, frozen=True, kw_only=True):
    """The network before compression, on the same images as its versions."""

    accuracy: Fraction
    loss: float | None


class CurvePhases(Record, frozen=True, kw_only=True):
    """The phases of one curve over amounts or bits (`findings.phases`).

    Attributes:
        curve, method, exclude, scheme, batch_norm, activation_bits: which curve.
        plateau_end: the last amount, or the fewest bits, on the plateau.
        knee: where the curve bends most; None: it does not.
        collapse_start: where the accuracy has fallen to chance; None: it never does.
    """

    curve: Literal["pruning", "quantization"]
    method: str | None
    exclude: tuple[str, ...]
    scheme: str | None
    batch_norm: Statistics
    activation_bits: int | None
    plateau_end: float | None
    knee: float | None
    collapse_start: float | None


class FirstLayer(Record, frozen=True, kw_only=True):
    """Where structured pruning takes an input plane of the first convolution, and what sparing that layer saves.

    Attributes:
        method, amount: of the first such version.
        accuracy: its accuracy.
        accuracy_without_first_layer: the accuracy at the same amount with the first convolution spared.
        layer: the leaf of the first convolution.
        lost_inputs: input planes pruned, of `inputs`.
    """

    method: str
    amount: Fraction
    accuracy: Fraction
    accuracy_without_first_layer: Fraction
    layer: str | None
    lost_inputs: Positive
    inputs: Positive


class CompressionSeconds(Record, frozen=True, kw_only=True):
    """Seconds spent training the network, evaluating its versions, compiling, and in all."""

    train: Seconds
    evaluate: Seconds
    compile: Seconds
    total: Seconds


class CompressionSummary(ResultFile, frozen=True, kw_only=True):
    """compression.json: what follows from the measurements, and what was written.

    Attributes:
        run: the directory of the run that trained the network.
        num_prunable: weights that may be pruned.
        chance: accuracy that needs no learning: the share of the commonest class.
        test_images: that every version was measured on.
        pareto: the versions that no other beats in both bytes and accuracy, smallest first.
        choice: what the recommended file had to keep; None: none was asked for.
        recommended: the smallest file that keeps it; None: none does.
        runner_up: the next smallest that does; where there is no other, the file that loses least.
        images_per_second: of the measurements; None where nothing was left to measure.
    """

    name: str
    model: Name
    dataset: Name
    optimizer: Name
    seed: int
    num_params: Positive
    num_classes: Positive
    run: str
    num_prunable: Count
    chance: Fraction
    dense: Dense
    test_images: Positive
    phases: list[CurvePhases]
    first_layer: FirstLayer | None
    pareto: list[Measurement]
    packed: list[PackedFile]
    shrink: list[ShrunkNetwork]
    choice: Choice | None = None
    recommended: ChosenFile | None = None
    runner_up: ChosenFile | None = None
    status: Literal["completed"]
    seconds: CompressionSeconds
    compilations: Count
    images_per_second: float | None

    @property
    def score_chance(self) -> float:
        """The same of what files are chosen by: accuracy, or balanced accuracy where that is asked for."""
        balanced = self.choice is not None and self.choice.metric == "balanced_accuracy"
        return 1 / self.num_classes if balanced else self.chance


@dataclass(frozen=True)
class Compression:
    """A compression's directory read back.

    Attributes:
        path: the directory, as it was named.
        config: the resolved configuration.
        measurements: the lines of compression.jsonl in their order; of a version written twice, the later line.
        summary: None while the compression is unfinished.
    """

    path: Path
    config: dict[str, Any]
    measurements: list[Measurement]
    summary: CompressionSummary | None


def read_compression(directory: Path | str) -> Compression:
    """Read the records of a compression.

    Raises:
        UserError: not such a directory, or a record that is damaged or of another format; names the file.
    """
    path = Path(directory)
    config = config_of(path, "compression's directory", "compress")
    summary = read(path / SUMMARY, CompressionSummary) if (path / SUMMARY).exists() else None
    return Compression(path, config, read_measurements(path), summary)


def read_measurements(directory: Path) -> list[Measurement]:
    """The lines of compression.jsonl; of a version written twice, the later line in the place of the first."""
    known = {
        (line.version, line.series, line.round): line for line in read_lines(directory / MEASUREMENTS, Measurement)
    }
    return list(known.values())


def measured(version: Version, **results: Any) -> Measurement:
    """The measurement of a version: its fields and these results."""
    return Measurement(**msgspec.structs.asdict(version), **results)
