"""The records of a training run: config.json, metrics.jsonl, summary.json, predictions.npz."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from minjax.errors import UserError
from minjax.records.arrays import read_arrays, write_arrays
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
from minjax.records.samples import SAMPLES, Samples, read_samples

METRICS, SUMMARY, PREDICTIONS = "metrics.jsonl", "summary.json", "predictions.npz"


class Epoch(Record, frozen=True, kw_only=True):
    """A line of metrics.jsonl: one epoch.

    Attributes:
        epoch: counted from 1.
        step: steps taken since the start of the run.
        train_loss, train_accuracy: means over the epoch's steps, as the network was while it learned.
        validation_loss, validation_accuracy: after the epoch; None without a validation split.
        test_loss, test_accuracy: after the epoch; the loss is None where it is not finite.
        learning_rate: of the last step.
        seconds, evaluate_seconds: spent training, and evaluating after it.
        images_per_second: of training.
        population: runs that one program trained at the same time, this one among them. Of several, the seconds are
            each one's equal share, so that those of all runs add up, and `images_per_second` is that of all together.
    """

    epoch: Positive
    step: Count
    train_loss: float
    train_accuracy: Fraction
    validation_loss: float | None = None
    validation_accuracy: Fraction | None = None
    test_loss: float | None
    test_accuracy: Fraction
    learning_rate: float
    seconds: Seconds
    evaluate_seconds: Seconds
    images_per_second: float
    population: Positive = 1


class Final(Record, frozen=True, kw_only=True):
    """Loss and accuracy after the last epoch."""

    train_loss: float | None
    train_accuracy: Fraction
    test_loss: float | None
    test_accuracy: Fraction


class BestValidation(Record, frozen=True, kw_only=True):
    """The epoch that the validation split selects."""

    epoch: Positive
    validation_accuracy: Fraction
    test_accuracy: Fraction


class MaxTestAccuracy(Record, frozen=True, kw_only=True):
    """The largest test accuracy over the epochs, paper 1's convention: selected on the test split."""

    epoch: Positive
    test_accuracy: Fraction


class RunSeconds(Record, frozen=True, kw_only=True):
    """Seconds that a run took, by what they were spent on."""

    setup: Seconds
    compile: Seconds
    train: Seconds
    evaluate: Seconds


class DataSheet(Record, frozen=True, kw_only=True):
    """What a network asks of a device.

    Attributes:
        num_params: trainable numbers.
        macs: multiply-adds of one image.
        peak_activations: numbers that are alive at once while the layers run in order, the input included.
        ram_bytes_float32, ram_bytes_int8: the same in bytes: activations alone, computed from the graph.
    """

    num_params: Positive
    macs: Count
    peak_activations: Positive
    ram_bytes_float32: Positive
    ram_bytes_int8: Positive


class RunSummary(ResultFile, frozen=True, kw_only=True):
    """summary.json: the result of a training run.

    Attributes:
        epochs, steps: done.
        final, best_validation, max_test_accuracy: each accuracy under its own name; None before the first epoch, and
            `best_validation` without a validation split.
        images_per_second: median over the epochs; None before the first one.
        seconds: of a run that was trained with others, its share, see `Epoch`.
        population: the most runs that one program trained at the same time, this one among them.
        diverged_step: the step whose loss was not finite, of a diverged run.
        sheet: what the network asks of a device, of a completed run.
    """

    name: str
    model: Name
    dataset: Name
    optimizer: Name
    seed: int
    num_params: Positive
    num_classes: Positive
    epochs: Count
    steps: Count
    final: Final | None
    best_validation: BestValidation | None
    max_test_accuracy: MaxTestAccuracy | None
    images_per_second: float | None
    seconds: RunSeconds
    status: Literal["completed", "diverged", "interrupted"]
    diverged_step: int | None = None
    sheet: DataSheet | None = None
    population: Positive = 1

    def __post_init__(self) -> None:
        if self.status == "completed" and self.final is None:
            raise ValueError("a completed run has no `final` accuracies")


@dataclass(frozen=True)
class Predictions:
    """predictions.npz: the class that the network chose for each image of the test split.

    Attributes:
        labels: int64 [N], the true classes.
        predicted: int64 [N], the chosen ones.
        class_names: one for each class, in the order of the labels.
        confidence: float32 [N], the probability that the network gave the chosen class; None where it was not kept.
    """

    labels: np.ndarray
    predicted: np.ndarray
    class_names: tuple[str, ...]
    confidence: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """A run directory read back; what is absent is empty or None.

    Attributes:
        path: the directory, as it was named.
        config: the resolved configuration.
        epochs: the lines of metrics.jsonl by epoch; of an epoch that was written twice, the later line.
        summary: None while the run is unfinished.
        predictions, samples: None where they were not kept.
    """

    path: Path
    config: dict[str, Any]
    epochs: list[Epoch]
    summary: RunSummary | None
    predictions: Predictions | None
    samples: Samples | None = None


def read_run(directory: Path | str) -> Run:
    """Read the records of a training run.

    Raises:
        UserError: not a run directory, or a record that is damaged or of another format; names the file.
    """
    path = Path(directory)
    return Run(
        path=path,
        config=config_of(path, "run directory"),
        epochs=read_epochs(path),
        summary=read_summary(path),
        predictions=read_predictions(path / PREDICTIONS) if (path / PREDICTIONS).exists() else None,
        samples=read_samples(path / SAMPLES) if (path / SAMPLES).exists() else None,
    )


def read_epochs(directory: Path) -> list[Epoch]:
    """The lines of metrics.jsonl, by epoch; of an epoch that was written twice, the later one."""
    by_epoch = {line.epoch: line for line in read_lines(directory / METRICS, Epoch)}
    return [by_epoch[epoch] for epoch in sorted(by_epoch)]


def read_summary(directory: Path) -> RunSummary | None:
    """summary.json; None where there is none."""
    return read(directory / SUMMARY, RunSummary) if (directory / SUMMARY).exists() else None


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions.npz, atomically."""
    arrays = {
        "labels": predictions.labels,
        "predicted": predictions.predicted,
        "class_names": np.array(predictions.class_names),
    }
    if predictions.confidence is not None:
        arrays["confidence"] = predictions.confidence.astype(np.float32)
    write_arrays(path, arrays)


def read_predictions(path: Path) -> Predictions:
    """Read predictions.npz.

    Raises:
        UserError: damaged, or arrays that cannot be predictions.
    """
    arrays = read_arrays(path, ("labels", "predicted", "class_names"), optional=("confidence",))
    labels, predicted, names = arrays["labels"], arrays["predicted"], arrays["class_names"]
    confidence = arrays.get("confidence")
    if labels.ndim != 1 or labels.shape != predicted.shape or names.ndim != 1:
        raise UserError(f"{path}: labels {labels.shape}, predicted {predicted.shape}, class_names {names.shape}")
    if labels.size == 0 or not all(np.issubdtype(array.dtype, np.integer) for array in (labels, predicted)):
        raise UserError(f"{path}: labels and predicted must be integers, for at least one image")
    low, high = min(labels.min(), predicted.min()), max(labels.max(), predicted.max())
    if low < 0 or high >= len(names):
        raise UserError(f"{path}: classes {low} to {high}, but {len(names)} class names")
    if confidence is not None and (
        confidence.shape != labels.shape
        or confidence.dtype != np.float32
        or not ((confidence > 0) & (confidence <= 1.00001)).all()
    ):
        raise UserError(f"{path}: confidence must be {len(labels)} probabilities of type float32")
    class_names = tuple(str(name) for name in names)
    return Predictions(labels.astype(np.int64), predicted.astype(np.int64), class_names, confidence)
