"""Synthetic run directories: what a training run leaves behind, without training."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from minjax import records

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def _line(epoch: int, epochs: int, best: float, classes: int, validation: bool) -> dict:
    grown = 1 - math.exp(-4 * epoch / max(epochs, 8))
    train, test = min(1.0, best * 1.06) * grown, best * grown - 0.01 * math.sin(epoch)
    line = {
        "epoch": epoch,
        "step": epoch * 390,
        "train_loss": math.log(classes) * (1.02 - train),
        "train_accuracy": train,
        "test_loss": math.log(classes) * (1.05 - test),
        "test_accuracy": min(max(test, 0.0), 1.0),
        "learning_rate": 0.05 * (1 + math.cos(math.pi * epoch / epochs)),
        "seconds": 12.5,
        "images_per_second": 4000.0,
    }
    return line | (
        {"validation_loss": 1.0 - test / 2, "validation_accuracy": line["test_accuracy"] - 0.005} if validation else {}
    )


def _predictions(images: int, classes: int, right: int) -> dict[str, np.ndarray]:
    """`right` of `images` are classified correctly; mistakes lie near the diagonal."""
    draw = np.random.default_rng(0)
    labels = np.arange(images, dtype=np.int32) % classes
    mistaken = draw.permutation(images) >= right
    away = np.minimum(draw.geometric(0.4, images), classes - 1)
    return {"labels": labels, "predicted": np.where(mistaken, (labels + away) % classes, labels).astype(np.int32)}


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
    predictions: bool = True,
    metrics: bool = True,
    planned: int | None = None,
) -> Path:
    """Write a run directory; ``status=None`` leaves it unfinished."""
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
    records.write_json(path / "config.json", fields)
    lines = [_line(epoch, planned or epochs, best, len(class_names), validation) for epoch in range(1, epochs + 1)]
    images = max(20 * len(class_names), 1000)
    for line in lines:
        line["test_accuracy"] = round(images * line["test_accuracy"]) / images
    if metrics:
        records.write_jsonl(path / "metrics.jsonl", lines)
    if status is None:
        return path
    top = max(lines, key=lambda line: line["test_accuracy"])
    chosen = {
        "epoch": top["epoch"],
        "validation_accuracy": top.get("validation_accuracy"),
        "test_accuracy": top["test_accuracy"],
    }
    summary = {
        "name": model,
        "model": model,
        "dataset": dataset,
        "optimizer": optimizer,
        "seed": seed,
        "num_params": num_params,
        "num_classes": len(class_names),
        "epochs": epochs,
        "steps": epochs * 390,
        "final": {key: lines[-1][key] for key in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")},
        "best_validation": chosen if validation else None,
        "max_test_accuracy": {"epoch": top["epoch"], "test_accuracy": top["test_accuracy"]},
        "images_per_second": 4012.3,
        "seconds": {"setup": 2.1, "compile": 14.0, "train": 3661.0, "evaluate": 61.5},
        "device": "cpu: 2 cores",
        "versions": {"python": "3.11.9", "jax": "0.10.2"},
        "git_commit": "7b014988c0ffee",
        "status": status,
        "command": "python -m minjax.main --config=configs/resnet18_s.py",
    } | ({"diverged_step": 1234} if status == "diverged" else {})
    records.write_json(path / "summary.json", summary)
    if predictions and status == "completed":
        arrays = _predictions(images, len(class_names), round(images * lines[-1]["test_accuracy"]))
        np.savez(path / "predictions.npz", class_names=np.array(class_names), **arrays)
    return path


@pytest.fixture(scope="session", name="make_run")
def _make_run():
    """The builder; session-wide, as it keeps nothing."""
    return make_run
