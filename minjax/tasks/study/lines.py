"""Lines of points.jsonl: a member each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minjax.studies.points import Point
from minjax.tasks.study.program import Member, Outcome

METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def line(outcome: Outcome, names: Sequence[str], dataset: str, chance: float) -> dict[str, Any]:
    """The record of a member that was trained, to the end or until it diverged."""
    history, sizes = outcome.history, outcome.sizes
    columns = {
        "train_loss": np.asarray(history.train_loss, float) / sizes["train"],
        "train_accuracy": np.asarray(history.train_correct) / sizes["train"],
        "test_loss": np.asarray(history.test_loss, float) / sizes["test"],
        "test_accuracy": np.asarray(history.test_correct) / sizes["test"],
    }
    epochs = {name: [_short(x) for x in columns[name]] for name in METRICS}
    step = int(history.bad_step)
    diverged = step >= 0
    return _member(outcome.member, names, dataset, chance) | {
        "status": "diverged" if diverged else "completed",
        "diverged_step": step if diverged else None,
        "final": None if diverged else {name: _finite(columns[name][-1]) for name in METRICS},
        "history": epochs,
        "curves": None if diverged else outcome.curves,
        "seconds": outcome.seconds,
    }


def failure(member: Member, names: Sequence[str], dataset: str, chance: float, error: str) -> dict[str, Any]:
    """The record of a member that could not be trained."""
    return _member(member, names, dataset, chance) | {
        "status": "failed",
        "diverged_step": None,
        "error": error,
        "final": None,
        "history": None,
        "curves": None,
        "seconds": {"train": 0.0, "curves": 0.0},
    }


def _member(member: Member, names: Sequence[str], dataset: str, chance: float) -> dict[str, Any]:
    point: Point = member.point
    return {
        "point": point.id,
        "name": point.name,
        "names": list(names),
        "family": point.family,
        "fields": point.fields,
        "labels": point.labels,
        "num_params": point.num_params,
        "seed": member.seed,
        "dataset": dataset,
        "chance": chance,
        "error": None,
    }


def _short(value: float) -> float | None:
    """To six digits: histories are most of a study's records."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
