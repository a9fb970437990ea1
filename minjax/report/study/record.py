"""A study's directory read back: the trained members, and what was found of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minjax import records
from minjax.errors import UserError
from minjax.report.formats import finite, printable
from minjax.report.record import RunRecord, read_config, read_part

POINTS, SUMMARY = "points.jsonl", "study.json"
STATUSES = {
    "completed": "completed",
    "interrupted": "interrupted before all of its members were trained",
    "budget": "stopped at its budget of time before all of its members were trained",
}
MEMBER_STATUSES = ("completed", "diverged", "failed")
LISTS = ("regimes", "minimals", "convergence", "redundancy", "minimal_bits", "claims")  # what findings hold
CURVES = ("pruning", "quantization")


@dataclass(frozen=True)
class StudyRecord(RunRecord):
    """The records of a study. `summary` is study.json; there are no epochs and no predictions of its own.

    Attributes:
        members: the lines of points.jsonl in their order, checked.
    """

    members: tuple[dict[str, Any], ...] = ()

    @property
    def dataset(self) -> str:
        """The data set's name, as its members have it."""
        return ", ".join(dict.fromkeys(printable(member["dataset"]) for member in self.members))

    @property
    def optimizer(self) -> str:
        """The optimizer's name."""
        return printable(str(self.config.get("optimizer", {}).get("name", "unknown")))

    def status_text(self) -> str:
        """The status in words."""
        return STATUSES[self.status]

    @property
    def name(self) -> str:
        """The study's name, or its directory's."""
        name = (self.summary or {}).get("name") or self.config.get("name") or self.path.resolve().name
        return printable(str(name))

    @property
    def fingerprint(self) -> str | None:
        """That of the data, where config.json has it."""
        data = self.config.get("data")
        return data.get("fingerprint") if isinstance(data, dict) else None


def read(directory: Path | str) -> StudyRecord:
    """Read the records of a finished study: all of its members were trained, or it was stopped and says so.

    Raises:
        UserError: not such a directory, an unfinished study, or a record that is corrupt; the message names the
            directory.
    """
    path = Path(directory)
    if not path.is_dir():
        raise UserError(f"{path} is not a study's directory: there is no such directory")
    config = read_part(path, "config.json", read_config) or {}
    if config.get("task") != "study" and not any((path / name).exists() for name in (POINTS, SUMMARY)):
        raise UserError(
            f"{path} is not a study's directory: it has neither {POINTS} nor {SUMMARY}, and its task is not 'study'"
        )
    members = tuple(read_part(path, POINTS, _members) or ())
    summary = read_part(path, SUMMARY, _summary)
    if summary is None:
        raise UserError(
            f"{path} is not finished: no {SUMMARY} ({len(members)} members in {POINTS}); the command that started it "
            "resumes it"
        )
    if not members:
        raise UserError(f"corrupt record in {path}: it has {SUMMARY}, but {POINTS} holds no member")
    return StudyRecord(path, config, epochs=[], summary=summary, predictions=None, members=members)


def read_together(directories: Sequence[Path | str]) -> list[StudyRecord]:
    """Read several studies; where the name of a data set is the same, so must the data be. One named twice counts once.

    Raises:
        UserError: no directory, two of different data under one name, or as `read`.
    """
    named = {Path(directory).resolve(): Path(directory) for directory in directories}
    if not named:
        raise UserError("no studies to report on: nothing matched")
    studies = [read(path) for path in named.values()]
    for one, other in itertools.combinations(studies, 2):
        shared = {member["dataset"] for member in one.members} & {member["dataset"] for member in other.members}
        if shared and one.fingerprint and other.fingerprint and one.fingerprint != other.fingerprint:
            raise UserError(
                f"{one.path} and {other.path} are of different data under one name, {printable(min(shared))}: their "
                "fingerprints differ, so nothing can be said of them together"
            )
    return studies


def _members(path: Path) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(records.read_jsonl(path), 1):
        try:
            _check_member(line)
        except ValueError as error:
            raise UserError(f"{path.name}, line {number}: {error}") from error
        found.append(line)
    return found


def _check_member(line: Any) -> None:
    if not isinstance(line, dict):
        raise ValueError("not an object")
    for key in ("point", "name", "family", "dataset"):
        if not isinstance(line.get(key), str) or not line[key]:
            raise ValueError(f"{key} {line.get(key)!r} is not a name")
    for key, least in (("num_params", 1), ("seed", None)):
        value = line.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            raise ValueError(f"{key} {value!r} is not a whole number" + (f" from {least}" if least else ""))
    if line.get("status") not in MEMBER_STATUSES:
        raise ValueError(f"status {line.get('status')!r} is not one of {', '.join(MEMBER_STATUSES)}")
    _fraction("chance", line.get("chance"))
    for key in ("fields", "labels", "final", "history", "curves"):
        if line.get(key) is not None and not isinstance(line[key], dict):
            raise ValueError(f"{key} is not an object")
    if line["status"] == "completed":
        for key in ("train_accuracy", "test_accuracy"):
            _fraction(f"final.{key}", (line.get("final") or {}).get(key))
    for key, values in (line.get("history") or {}).items():
        if not isinstance(values, list):
            raise ValueError(f"history.{key} is not a list")
    for kind in CURVES:
        pairs = (line.get("curves") or {}).get(kind) or []
        if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
            raise ValueError(f"curves.{kind} is not a list of pairs of numbers")


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and finite(pair[0]) is not None


def _fraction(key: str, value: Any) -> None:
    number = finite(value)
    if number is None or not 0 <= number <= 1:
        raise ValueError(f"{key} {value!r} is not a fraction between 0 and 1")


def _summary(path: Path) -> dict[str, Any]:
    summary = records.read_json(path)
    if not isinstance(summary, dict):
        raise UserError(f"{path.name} is not an object")
    if isinstance(summary.get("findings"), dict):
        summary |= summary.pop("findings")
    if summary.get("status") not in STATUSES:
        raise UserError(f"{path.name}: status {summary.get('status')!r} is not one of {', '.join(STATUSES)}")
    check_findings(summary, path.name, (*LISTS, "certificates"))
    return summary


def check_findings(found: dict[str, Any], name: str, keys: Iterable[str] = LISTS) -> None:
    """Check that findings have their lists of objects.

    Raises:
        UserError: one is missing or not such a list; the message begins with `name`.
    """
    for key in keys:
        values = found.get(key)
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise UserError(f"{name}: {key!r} is not a list of objects")
