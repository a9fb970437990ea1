"""The record of a member, a line of points.jsonl: trained to the end, diverged, or failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minjax.records.study import History, MemberFinal, MemberRecord, MemberSeconds
from minjax.tasks.study.program import Member, Outcome


def line(outcome: Outcome, names: Sequence[str], dataset: str, chance: float) -> MemberRecord:
    """The record of a member that was trained, to the end or until it diverged."""
    history, sizes = outcome.history, outcome.sizes
    columns = {
        "train_loss": np.asarray(history.train_loss, float) / sizes["train"],
        "train_accuracy": np.asarray(history.train_correct) / sizes["train"],
        "test_loss": np.asarray(history.test_loss, float) / sizes["test"],
        "test_accuracy": np.asarray(history.test_correct) / sizes["test"],
    }
    step = int(history.bad_step)
    diverged = step >= 0
    return MemberRecord(
        **_about(outcome.member, names, dataset, chance),
        status="diverged" if diverged else "completed",
        diverged_step=step if diverged else None,
        final=None if diverged else MemberFinal(**{name: _finite(column[-1]) for name, column in columns.items()}),
        history=History(**{name: [_short(x) for x in column] for name, column in columns.items()}),
        curves=None if diverged else outcome.curves,
        seconds=outcome.seconds,
    )


def failure(member: Member, names: Sequence[str], dataset: str, chance: float, error: str) -> MemberRecord:
    """The record of a member that could not be trained."""
    return MemberRecord(
        **_about(member, names, dataset, chance),
        status="failed",
        error=error,
        final=None,
        history=None,
        curves=None,
        seconds=MemberSeconds(train=0.0, curves=0.0),
    )


def _about(member: Member, names: Sequence[str], dataset: str, chance: float) -> dict[str, Any]:
    point = member.point
    return {
        "point": point.id,
        "name": point.name,
        "names": list(names),
        "family": point.family,
        "fields": point.fields,
        "labels": point.labels,
        "settings": point.settings,
        "num_params": point.num_params,
        "seed": member.seed,
        "dataset": dataset,
        "chance": chance,
    }


def _short(value: float) -> float | None:
    """To six digits: histories are most of a study's records."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _finite(value: float) -> Any:
    return float(value) if math.isfinite(value) else None
