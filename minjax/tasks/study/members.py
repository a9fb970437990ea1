"""A member of a study, and its record: trained to the end, diverged, or failed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from minjax.data import Dataset
from minjax.findings.candidates import balanced_accuracy
from minjax.records.member import History, MemberCurves, MemberFinal, MemberSeconds
from minjax.records.study import MemberRecord
from minjax.studies.points import Member
from minjax.train import population


def trained(
    member: Member,
    dataset: Dataset,
    history: population.History,
    images: Mapping[str, int],
    curves: MemberCurves | None,
    seconds: MemberSeconds,
    *,
    chance: float,
    labels: np.ndarray | None = None,
) -> MemberRecord:
    """The record of a member that was trained, to the end or until it diverged.

    Args:
        member: which one.
        dataset: what it was trained on.
        history: of this member, on the host: sums over the images of each epoch.
        images: how many images those are, by split ("train", "validation").
        curves: None where none were measured.
        seconds: its share of the time.
        chance: accuracy that needs no learning.
        labels: of its validation images, where networks are chosen by balanced accuracy; None: they are not.
    """
    columns = {
        "train_loss": np.asarray(history.train_loss, float) / images["train"],
        "train_accuracy": np.asarray(history.train_correct) / images["train"],
        "validation_loss": np.asarray(history.validation_loss, float) / images["validation"],
        "validation_accuracy": np.asarray(history.validation_correct) / images["validation"],
    }
    step = int(history.bad_step)
    diverged = step >= 0
    final = {name: _finite(column[-1]) for name, column in columns.items()}
    if labels is not None:
        right = np.unpackbits(np.asarray(history.images, np.uint8), count=len(labels))
        final["balanced_accuracy"] = balanced_accuracy(right, labels)
    return MemberRecord(
        **_about(member, dataset, chance),
        status="diverged" if diverged else "completed",
        diverged_step=step if diverged else None,
        final=None if diverged else MemberFinal(**final),
        history=History(**{name: [_short(x) for x in column] for name, column in columns.items()}),
        correct=None if diverged else np.asarray(history.images, np.uint8).tobytes(),
        curves=None if diverged else curves,
        seconds=seconds,
    )


def failed(member: Member, dataset: Dataset, error: str, *, chance: float) -> MemberRecord:
    """The record of a member that could not be trained, with the reason."""
    return MemberRecord(
        **_about(member, dataset, chance),
        status="failed",
        error=error,
        final=None,
        history=None,
        curves=None,
        seconds=MemberSeconds(train=0.0, curves=0.0),
    )


def _about(member: Member, dataset: Dataset, chance: float) -> dict[str, Any]:
    point = member.point
    return {
        "point": point.id,
        "name": point.name,
        "names": list(point.names),
        "family": point.family,
        "fields": point.fields,
        "labels": point.labels,
        "settings": point.settings,
        "num_params": point.num_params,
        "seed": member.seed,
        "fresh": member.fresh,
        "dataset": dataset.name,
        "chance": chance,
    }


def _short(value: float) -> float | None:
    """To six digits: histories are most of a study's records."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _finite(value: float) -> Any:
    return float(value) if math.isfinite(value) else None
