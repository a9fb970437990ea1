"""task=report: one page over several runs, beside the paper's figures; of a single run its own report anew."""

from __future__ import annotations

import glob
from pathlib import Path

from ml_collections import ConfigDict

from minjax import records, report
from minjax.errors import UserError


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Report on the run directories that `config.run` names; with a single one, write that run's own report anew.

    Several are compared, training runs that is: a compression run (task=compress) that a glob matches among others is
    left out, and said to be; one that is named among others is a mistake.

    Args:
        config: `run` holds directories or globs, separated by commas.
        directory: where the comparison goes; None: runs/report.
        command: not used; every task takes it.

    Returns:
        0.

    Raises:
        UserError: no directory named or matched, one that is not a run's, or compression runs to compare.
    """
    patterns = [pattern.strip() for pattern in config.run.split(",") if pattern.strip()]
    if not patterns:
        raise UserError("task=report needs run directories: --config.run=runs/a,runs/b or --config.run='runs/*'")
    found: dict[Path, bool] = {}  # whether it was named, not only matched
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
        raise UserError(
            f"config.run: nothing that matches {config.run!r} is a run directory (none holds a config.json)"
        )
    if len(found) == 1 and directory is None:
        (path,) = found
        page = report.compression.write(path) if _is_compression(path) else report.run.write(path)
    else:
        page = report.compare.write(_training_runs(found), directory or Path("runs") / "report")
    print(f"report: {page}")
    return 0


def _training_runs(found: dict[Path, bool]) -> list[Path]:
    """Those of the directories that can be compared; the others are named on a line of their own."""
    compressed = [path for path in found if _is_compression(path)]
    named = [path for path in compressed if found[path]]
    if named or len(compressed) == len(found):
        raise UserError(
            f"{', '.join(map(str, named or compressed))}: a compression run is not compared with others; name one "
            "alone, without --workdir, and its own report is written anew"
        )
    if compressed:
        print(f"not compared, compression runs: {', '.join(map(str, compressed))}")
    return [path for path in found if path not in compressed]


def _is_compression(path: Path) -> bool:
    """Whether a directory is that of task=compress, by its configuration."""
    config = path / "config.json"
    fields = records.read_json(config) if config.exists() else {}
    return isinstance(fields, dict) and fields.get("task") == "compress"
