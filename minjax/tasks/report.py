"""task=report: one page over several runs, or over several studies; of a single one its own report anew."""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from ml_collections import ConfigDict

from minjax import records, report
from minjax.errors import UserError
from minjax.findings.samples import LIMITS, Limits
from minjax.findings.study import findings
from minjax.records.record import builtins
from minjax.records.study import MemberRecord

KINDS = {"train": "training runs", "study": "studies", "compress": "compression runs"}  # first what a page is of


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Report on the directories that `config.run` names; with a single one, write that one's own report anew.

    Several training runs are compared, several studies stand on one page with what is found of all their members
    together. What a glob matches beside that (a compression run, a study among training runs) is left out, and said
    to be; one that is named among others of another kind is a mistake.

    Args:
        config: `run` holds directories or globs, separated by commas.
        directory: where the page over several goes; None: runs/report.
        command: not used; every task takes it.

    Returns:
        0.

    Raises:
        UserError: no directory named or matched, one that is not a run's, compression runs to compare, different
            kinds that were named, studies of different data under one name or with different tolerances.
    """
    found = _directories(config.run)
    if len(found) == 1 and directory is None:
        (path,) = found
        own = {"compress": report.compression.write, "study": report.study.write}
        page = own.get(_kind(path), report.run.write)(path)
    else:
        kind, paths = _alike(found)
        directory = directory or Path("runs") / "report"
        page = _studies(paths, directory) if kind == "study" else report.compare.write(paths, directory)
    print(f"report: {page}")
    return 0


def _directories(run: str) -> dict[Path, bool]:
    """The directories that were asked for, and whether each was named, not only matched."""
    patterns = [pattern.strip() for pattern in run.split(",") if pattern.strip()]
    if not patterns:
        raise UserError("task=report needs run directories: --config.run=runs/a,runs/b or --config.run='runs/*'")
    found: dict[Path, bool] = {}
    for pattern in patterns:
        matches = sorted(Path(p) for p in glob.glob(pattern))
        if not matches:
            raise UserError(f"config.run: no directory matches {pattern!r}")
        # A glob may match other things than runs; a directory that was named must be one.
        named = not glob.has_magic(pattern)
        for path in matches:
            if named or (path / "config.json").exists():
                found[path] = found.get(path, False) or named
    if not found:
        raise UserError(f"config.run: nothing that matches {run!r} is a run directory (none holds a config.json)")
    return found


def _alike(found: dict[Path, bool]) -> tuple[str, list[Path]]:
    """The kind of page, and those of the directories that it is of; the others are named on a line of their own."""
    kinds = {path: _kind(path) for path in found}
    kind = next(kind for kind in KINDS if kind in kinds.values())
    compressed = [path for path in found if kinds[path] == "compress"]
    named = [path for path in compressed if found[path]]
    if named or kind == "compress":
        raise UserError(
            f"{_listed(named or compressed)}: a compression run is not compared with others; name one alone, without "
            "--workdir, and its own report is written anew"
        )
    others = [path for path in found if kinds[path] == "study"] if kind == "train" else []
    if any(found[path] for path in others):
        raise UserError(
            f"{_listed([path for path in others if found[path]])}: a study is not compared with training runs; name "
            "studies alone, and the page is over them together"
        )
    for name, paths in (("compression runs", compressed), ("studies", others)):
        if paths:
            print(f"not compared, {name}: {_listed(paths)}")
    return kind, [path for path in found if kinds[path] == kind]


def _studies(paths: Sequence[Path], directory: Path) -> Path:
    """One page over several studies."""
    members = msgspec.convert(report.study.members(paths), list[MemberRecord])
    return report.study.write_together(directory, paths, builtins(findings(members, _limits(paths))))


def _limits(paths: Sequence[Path]) -> Limits:
    """The tolerances that the studies were made with: one set, as findings of all together have only one."""
    found = {path: _own_limits(_config(path).get("study")) for path in paths}
    first = found[paths[0]]
    for path, limits in found.items():
        if limits != first:
            raise UserError(f"{paths[0]} and {path} have different tolerances, {first} and {limits}: study each alone")
    return first


def _own_limits(section: Any) -> Limits:
    section = section if isinstance(section, dict) else {}
    given = section.get("limits", section)
    names = [field.name for field in dataclasses.fields(Limits)]
    return dataclasses.replace(LIMITS, **{name: given[name] for name in names if given.get(name) is not None})


def _kind(path: Path) -> str:
    """Whose directory it is, by its configuration: one of `KINDS`."""
    task = _config(path).get("task")
    return task if task in KINDS else "train"


def _config(path: Path) -> dict[str, Any]:
    config = path / "config.json"
    fields = records.read_json(config) if config.exists() else {}
    return fields if isinstance(fields, dict) else {}


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))
