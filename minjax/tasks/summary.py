"""summary.json: what came out of a run, each accuracy under its own name."""

from __future__ import annotations

import statistics
from typing import Any


def headline(summary: dict[str, Any]) -> str:
    """One line: final, validation-selected and maximum test accuracy, each named."""
    final = 100 * summary["final"]["test_accuracy"]
    text = f"test accuracy {final:.2f} % after epoch {summary['epochs']}"
    if summary["best_validation"]:
        best = summary["best_validation"]
        text += f", {100 * best['test_accuracy']:.2f} % at epoch {best['epoch']} (selected on validation)"
    top = summary["max_test_accuracy"]
    return text + f", at most {100 * top['test_accuracy']:.2f} % at epoch {top['epoch']} (selected on the test split)"


def summarize(
    config: dict[str, Any],
    dataset: str,
    history: list[dict[str, Any]],
    sizes: dict[str, int],
    seconds: dict[str, float],
    status: str,
) -> dict[str, Any]:
    """The fields of summary.json that follow from the lines of metrics.jsonl.

    Args:
        config: resolved.
        dataset: its name as reported.
        history: the lines, an epoch each; may be empty.
        sizes: `num_params` and `num_classes`.
        seconds: of set-up and compilation; those of training and evaluation are added up from the lines.
        status: completed, diverged or interrupted.

    Returns:
        Accuracies as fractions. `final` is after the last epoch, `best_validation` the epoch that a validation split
        selects (None without one), `max_test_accuracy` the paper's convention, which selects on the test split.
    """
    last = history[-1] if history else None
    selected = None
    if last and "validation_accuracy" in last:
        selected = max(history, key=lambda line: line["validation_accuracy"])
    top = max(history, key=lambda line: line["test_accuracy"], default=None)
    return {
        "name": config["name"],
        "model": config["model"]["name"],
        "dataset": dataset,
        "optimizer": config["optimizer"]["name"],
        "seed": config["seed"],
        **sizes,
        "epochs": len(history),
        "steps": last["step"] if last else 0,
        "final": _pick(last, "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
        "best_validation": _pick(selected, "epoch", "validation_accuracy", "test_accuracy"),
        "max_test_accuracy": _pick(top, "epoch", "test_accuracy"),
        "images_per_second": statistics.median([line["images_per_second"] for line in history]) if history else None,
        "seconds": {
            **seconds,
            "train": sum(line["seconds"] for line in history),
            "evaluate": sum(line["evaluate_seconds"] for line in history),
        },
        "status": status,
    }


def _pick(line: dict[str, Any] | None, *keys: str) -> dict[str, Any] | None:
    return None if line is None else {key: line[key] for key in keys}
