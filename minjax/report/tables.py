"""Tables as plain data, which the templates print as HTML and as Markdown; and those of one run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from minjax.report.formats import ABSENT, count, decimal, duration, percent, plain, printable
from minjax.report.record import RunRecord

SECONDS = ("setup", "compile", "train", "evaluate")


@dataclass(frozen=True)
class Table:
    """Cells of text under a header.

    Attributes:
        header: the columns' names.
        rows: as many cells each as the header has.
        align: a letter a column, l or r; empty: all left.
        footer: how many of the last rows sum up the others.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = ""
    footer: int = 0

    @property
    def alignments(self) -> str:
        """A letter a column."""
        return self.align or "l" * len(self.header)


def accuracies(record: RunRecord) -> list[dict[str, str]]:
    """The three test accuracies of a run, each with its name, its value in percent and how it was chosen."""
    chosen = record.number("best_validation", "epoch")
    validation = record.number("best_validation", "validation_accuracy")
    if chosen is None:
        how = "no validation split was asked for"
    else:
        how = f"of epoch {chosen:.0f}, the best on the validation split ({percent(validation)} there)"
    maximum = record.number("max_test_accuracy", "epoch")
    largest = "the paper's convention: selected on the test split" + (
        "" if maximum is None else f", epoch {maximum:.0f}"
    )
    values = [
        ("Final test accuracy", record.number("final", "test_accuracy"), "of the last epoch"),
        ("Best-validation test accuracy", record.number("best_validation", "test_accuracy"), how),
        ("Maximum test accuracy", record.number("max_test_accuracy", "test_accuracy"), largest),
    ]
    return [{"name": name, "value": percent(value), "how": how} for name, value, how in values]


def subject(record: RunRecord) -> Table:
    """What was trained, on what, for how long."""
    return pairs(
        ("model", record.model),
        ("data set", record.dataset),
        ("optimizer", record.optimizer),
        ("parameters", count(record.number("num_params"))),
        ("classes", count(record.number("num_classes"))),
        ("epochs", count(record.number("epochs"))),
        ("steps", count(record.number("steps"))),
    )


def outcome(record: RunRecord) -> Table:
    """The losses at the end, and what it took."""
    times = ((f"time: {part}", duration(record.number("seconds", part))) for part in SECONDS)
    return pairs(
        ("final training loss", decimal(record.number("final", "train_loss"))),
        ("final training accuracy", percent(record.number("final", "train_accuracy"))),
        ("final test loss", decimal(record.number("final", "test_loss"))),
        ("images per second", count(record.number("images_per_second"))),
        *times,
    )


def pairs(*rows: tuple[str, str]) -> Table:
    """A table of names and values, without those that are absent."""
    return Table(("", ""), [row for row in rows if row[1] != ABSENT], align="lr")


def settings(record: RunRecord) -> Table:
    """The resolved configuration, a row a field; fields left at None do not apply and are left out."""
    return Table(("field", "value"), [(key, plain(value)) for key, value in flat(record.config)])


def flat(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nested configuration by dotted name, without None and without a preset's alternatives."""
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            if name != "optimizer.preset":  # choices for other optimizers: what counted is resolved beside them
                yield from flat(value, f"{name}.")
        elif value is not None and value != "":
            yield printable(name), value


def provenance(record: RunRecord) -> Table:
    """What it takes to make the figures again: command, commit, seed, device, versions."""
    summary = record.summary or {}
    command = summary.get("command")
    if isinstance(command, list):
        command = shlex.join(str(word) for word in command)
    versions = summary.get("versions")
    rows = [
        ("run directory", printable(str(record.path))),
        ("status", record.status_text()),
        ("command", plain(command)),
        ("git commit", plain(summary.get("git_commit"))),
        ("seed", plain(summary.get("seed", record.config.get("seed")))),
        ("device", plain(summary.get("device"))),
    ]
    if isinstance(versions, dict):
        rows += [(f"version of {printable(name)}", plain(version)) for name, version in versions.items()]
    return Table(("", ""), rows)
