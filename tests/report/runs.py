"""Directories of training runs as a run leaves them, without training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from minjax.records.record import write, write_config, write_lines
from minjax.records.run import (
    METRICS,
    PREDICTIONS,
    SUMMARY,
    BestValidation,
    Epoch,
    Final,
    MaxTestAccuracy,
    Predictions,
    RunSeconds,
    RunSummary,
    write_predictions,
)
from minjax.records.samples import INPUTS, MISTAKES, SAMPLES, Samples, write_samples

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ORIGIN: dict[str, Any] = {
    "device": "cpu: 2 cores",
    "device_count": 1,
    "versions": {"python": "3.11.9", "jax": "0.10.2"},
    "git_commit": "7b014988c0ffee",
    "command": "python -m minjax.main --config=configs/resnet18_s.py",
}


def epoch(number: int, epochs: int, best: float, classes: int, images: int, validation: bool) -> Epoch:
    """A line of metrics.jsonl on the way to an accuracy."""
    grown = 1 - math.exp(-4 * number / max(epochs, 8))
    train, test = min(1.0, best * 1.06) * grown, min(max(best * grown - 0.01 * math.sin(number), 0.0), 1.0)
    return Epoch(
        epoch=number,
        step=number * 390,
        train_loss=math.log(classes) * (1.02 - train),
        train_accuracy=train,
        validation_loss=1.0 - test / 2 if validation else None,
        validation_accuracy=max(test - 0.005, 0.0) if validation else None,
        test_loss=math.log(classes) * (1.05 - test),
        test_accuracy=round(images * test) / images,
        learning_rate=0.05 * (1 + math.cos(math.pi * number / epochs)),
        seconds=12.5,
        evaluate_seconds=0.5,
        images_per_second=4000.0,
    )


def predictions(images: int, names: tuple[str, ...], right: int) -> Predictions:
    """`right` of `images` are classified correctly; mistakes lie near the diagonal."""
    draw, classes = np.random.default_rng(0), len(names)
    labels = np.arange(images) % classes
    away = np.minimum(draw.geometric(0.4, images), classes - 1)
    mistaken = draw.permutation(images) >= right
    confidence = np.where(mistaken, 0.6, 0.95).astype(np.float32)
    return Predictions(labels, np.where(mistaken, (labels + away) % classes, labels), names, confidence)


def samples(found: Predictions) -> Samples:
    """Grey images of noise: the first mistakes, and one training image of each class."""
    draw = np.random.default_rng(1)
    places = np.flatnonzero(found.labels != found.predicted)[:MISTAKES]
    labels = np.arange(min(len(found.class_names), INPUTS))
    images = [draw.integers(0, 256, (len(numbers), 9, 7, 1), np.uint8) for numbers in (places, labels)]
    return Samples(images[0], places, images[1], labels)


def summary(lines: list[Epoch], **fields: Any) -> RunSummary:
    """summary.json of these epochs."""
    top, last = max(lines, key=lambda line: line.test_accuracy), lines[-1]
    chosen = None
    if top.validation_accuracy is not None:
        chosen = BestValidation(
            epoch=top.epoch, validation_accuracy=top.validation_accuracy, test_accuracy=top.test_accuracy
        )
    known: dict[str, Any] = {
        "epochs": len(lines),
        "steps": last.step,
        "final": Final(
            train_loss=last.train_loss,
            train_accuracy=last.train_accuracy,
            test_loss=last.test_loss,
            test_accuracy=last.test_accuracy,
        ),
        "best_validation": chosen,
        "max_test_accuracy": MaxTestAccuracy(epoch=top.epoch, test_accuracy=top.test_accuracy),
        "images_per_second": 4012.3,
        "seconds": RunSeconds(setup=2.1, compile=14.0, train=3661.0, evaluate=61.5),
        "diverged_step": 1234 if fields["status"] == "diverged" else None,
        **ORIGIN,
    }
    return RunSummary(**known | fields)


def make_run(
    path: Path,
    *,
    model: str = "resnet18_s",
    optimizer: str = "sgdm",
    dataset: str = "cifar10",
    folder: bool = False,
    seed: int = 42,
    epochs: int = 6,
    best: float = 0.9,
    status: str | None = "completed",
    class_names: tuple[str, ...] = CIFAR,
    num_params: int = 701_466,
    validation: bool = False,
    config: dict | None = None,
    with_predictions: bool = True,
    metrics: bool = True,
    planned: int | None = None,
    **changes: Any,
) -> Path:
    """Write a run directory; ``status=None`` leaves it unfinished, `changes` replace fields of summary.json."""
    fields = {
        "task": "train",
        "name": model,
        "seed": seed,
        "epochs": planned or epochs,
        "batch_size": 128,
        "run": "",
        "dataset": {"name": "folder" if folder else dataset, "limit_train": None}
        | ({"path": f"/data/{dataset}"} if folder else {}),
        "model": {"name": model, "width": None, "init": "paper"},
        "optimizer": {"name": optimizer, "learning_rate": 0.1, "preset": {"adam": {"learning_rate": 0.001}}},
    } | (config or {})
    path.mkdir(parents=True, exist_ok=True)
    write_config(path, fields)
    images, total = max(20 * len(class_names), 1000), planned or epochs
    lines = [epoch(number, total, best, len(class_names), images, validation) for number in range(1, epochs + 1)]
    if metrics:
        write_lines(path / METRICS, lines)
    if status is None:
        return path
    names = {"name": model, "model": model, "dataset": dataset, "optimizer": optimizer, "seed": seed}
    sizes = {"num_params": num_params, "num_classes": len(class_names)}
    write(path / SUMMARY, summary(lines, status=status, **names, **sizes, **changes))
    if with_predictions and status == "completed":
        right = round(images * lines[-1].test_accuracy)
        kept = predictions(images, class_names, right)
        write_predictions(path / PREDICTIONS, kept)
        write_samples(path / SAMPLES, samples(kept))
    return path
