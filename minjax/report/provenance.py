"""What it takes to make the numbers again: the settings of a run, and where its records come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minjax.records.record import Provenance
from minjax.report.formats import ABSENT, count, plain, printable
from minjax.report.page import Section, Table


def settings_section(config: dict[str, Any]) -> Section:
    """The resolved configuration, a row for each field; fields left at None do not apply and are left out."""
    return Section("Settings", [settings_table(config)])


def settings_table(config: dict[str, Any]) -> Table:
    """A row for each field of a nested configuration, by its dotted name."""
    return Table(("field", "value"), [(key, plain(value)) for key, value in flat(config)])


def flat(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nested configuration by dotted name, without None and without a preset's alternatives."""
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            if name != "optimizer.preset":  # choices for other optimizers: what was used is resolved beside them
                yield from flat(value, f"{name}.")
        elif value is not None and value != "":
            yield printable(name), value


def provenance_table(
    path: Path, status: str, origin: Provenance | None, *, seed: int | None = None, caption: str = ""
) -> Table:
    """Command, commit, seed, device, versions; of a directory without a result, only the directory and its status."""
    rows = [("directory", str(path)), ("status", status)]
    if origin is not None:
        rows += [
            ("command", plain(origin.command)),
            ("git commit", plain(origin.git_commit)),
            ("seed", plain(seed)),
            ("device", plain(origin.device)),
            ("devices", count(origin.device_count)),
            ("processes", count(origin.process_count)),
            *((f"version of {name}", plain(version)) for name, version in origin.versions.items()),
        ]
    return Table(("", ""), [row for row in rows if row[1] != ABSENT], caption=caption)
