"""The records of a study: config.json, points.jsonl (a line for each member), study.json (the findings)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import msgspec

from minjax.errors import UserError
from minjax.records.answer import Selection
from minjax.records.finding import Findings
from minjax.records.member import History, MemberCurves, MemberFinal, MemberSeconds
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
from minjax.records.stages import StageRecord, Training
from minjax.records.winner import Winner

MEMBERS, SUMMARY = "points.jsonl", "study.json"

Status = Literal["completed", "interrupted", "budget"]


class MemberRecord(Record, frozen=True, kw_only=True):
    """A line of points.jsonl: one point trained with one seed.

    Attributes:
        point: the id of the point: the hash of what was trained.
        name: the point's name; `names` are all that it goes by in the grid.
        family: the model's name.
        fields: the architecture, by field of the model.
        labels: where the point stands on the axes of the grid.
        settings: the fields that the grid sets for this point beside its architecture, such as an optimizer's.
        num_params: trainable parameters.
        dataset: the data set's name.
        chance: accuracy of guessing.
        status: completed; diverged (the loss was not finite at `diverged_step`); failed (`error` says why).
        fresh: whether its seed is one of those that are trained after the choice, to state the accuracy of what was
            chosen.
        final: None unless it completed.
        history: None of a member that failed.
        curves: None where none were measured.
        correct: a bit for each of the member's validation images, in the order of its split, 1 where the network
            classifies it correctly after the last epoch, packed as by `numpy.packbits`, base64 in JSON. None unless it
            completed, and in records of older versions.
    """

    point: Name
    name: Name
    names: list[str]
    family: Name
    fields: dict[str, Any]
    labels: dict[str, Any]
    settings: dict[str, Any]
    num_params: Positive
    seed: int
    dataset: Name
    chance: Fraction
    status: Literal["completed", "diverged", "failed"]
    error: str | None = None
    diverged_step: int | None = None
    fresh: bool = False
    final: MemberFinal | None
    history: History | None
    curves: MemberCurves | None
    correct: bytes | None = None
    seconds: MemberSeconds

    def __post_init__(self) -> None:
        if self.status == "completed" and self.final is None:
            raise ValueError("a completed member has no `final` accuracies")
        if self.correct is not None:
            accuracy = None if self.final is None else self.final.validation_accuracy
            if accuracy is None:
                raise ValueError("it has correct images but no validation accuracy")
            _check_correct(self.correct, accuracy)

    @property
    def selection(self) -> Selection:
        """The images that its accuracies were measured on: those that networks are chosen by."""
        metrics = self.final or self.history
        return "test" if metrics is not None and metrics.test_accuracy is not None else "validation"


def _check_correct(correct: bytes, accuracy: float) -> None:
    """See that packed correct images are those of an accuracy: it and their number say how many images there are."""
    bits = int.from_bytes(correct)
    right, most = bits.bit_count(), 8 * len(correct)
    images = round(right / accuracy) if accuracy > 0 else most
    fits = most - 8 < images <= most and not bits & ((1 << most - images) - 1)
    if not fits or abs(right - accuracy * images) > 1e-6 * images:
        raise ValueError(f"{right} correct images in {len(correct)} bytes are not an accuracy of {accuracy:.6g}")


class MemberCounts(Record, frozen=True, kw_only=True):
    """How many members ended in which way, of how many that the study plans."""

    completed: Count
    diverged: Count
    failed: Count
    planned: Count


class StudySeconds(Record, frozen=True, kw_only=True):
    """Seconds spent training, measuring curves, compiling, and in all; `curves` None: counted under `train`."""

    train: Seconds
    curves: Seconds | None
    compile: Seconds
    total: Seconds


class StudySummary(ResultFile, frozen=True, kw_only=True):
    """study.json: what a study found.

    Attributes:
        status: completed; interrupted; budget (its time was spent).
        training: how the points were trained; an entry for each way, where they differ.
        findings: over the points that have all their seeds.
        stages: in their order; none in records of older versions.
        winner: the network that is handed over; None of a study that looks for none, or is not completed.
    """

    name: str
    dataset: str
    status: Status
    training: list[Training]
    findings: Findings
    winner: Winner | None = None
    members: MemberCounts
    stages: list[StageRecord] = msgspec.field(default_factory=list)
    seconds: StudySeconds
    compilations: Count


@dataclass(frozen=True)
class Study:
    """A study's directory read back.

    Attributes:
        path: the directory, as it was named.
        config: the resolved configuration.
        members: the lines of points.jsonl, in their order.
        summary: None while the study is unfinished.
    """

    path: Path
    config: dict[str, Any]
    members: list[MemberRecord]
    summary: StudySummary | None


def read_study(directory: Path | str) -> Study:
    """Read the records of a study.

    Raises:
        UserError: not a study's directory, or a record that is damaged or of another format; names the file.
    """
    path = Path(directory)
    config = config_of(path, "study's directory", "study")
    summary = read(path / SUMMARY, StudySummary) if (path / SUMMARY).exists() else None
    return Study(path, config, read_lines(path / MEMBERS, MemberRecord), summary)


def read_studies(directories: Sequence[Path | str]) -> list[Study]:
    """Read several studies for one page; a directory named twice counts once.

    Raises:
        UserError: no directory, one name for different data, one data set measured on different splits, or as
            `read_study`.
    """
    named = {Path(directory).resolve(): Path(directory) for directory in directories}
    if not named:
        raise UserError("no studies to report on: nothing matched")
    studies = [read_study(path) for path in named.values()]
    for one, other in combinations(studies, 2):
        shared = {member.dataset for member in one.members} & {member.dataset for member in other.members}
        chosen = {selection(study.members) for study in (one, other)}
        if shared and len(chosen) > 1:
            raise UserError(
                f"{one.path} and {other.path}, both on {min(shared)}, were measured on different images, one on "
                "validation images and the older one on the test split: report on each alone"
            )
        prints = {study.config.get("data", {}).get("fingerprint") for study in (one, other)} - {None}
        if shared and len(prints) > 1:
            raise UserError(
                f"{one.path} and {other.path} have different data under one name, {min(shared)}: their fingerprints "
                "differ, so nothing can be said about them together"
            )
    return studies


def selection(members: Sequence[MemberRecord]) -> Selection:
    """The images that these members were measured on, as those among them say that have metrics."""
    return next((member.selection for member in members if member.history or member.final), "validation")
