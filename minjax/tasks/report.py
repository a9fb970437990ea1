"""task=report: one page over several runs, beside the paper's figures."""

from __future__ import annotations

import glob
from pathlib import Path

from ml_collections import ConfigDict

from minjax import report
from minjax.errors import UserError


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Report on the run directories that `config.run` names; with a single one, write that run's own report anew.

    Args:
        config: `run` holds directories or globs, separated by commas.
        directory: where the comparison goes; None: runs/report.
        command: not used; every task takes it.

    Returns:
        0.

    Raises:
        UserError: no directory named or matched, or one that is not a run's.
    """
    patterns = [pattern.strip() for pattern in config.run.split(",") if pattern.strip()]
    if not patterns:
        raise UserError("task=report needs run directories: --config.run=runs/a,runs/b or --config.run='runs/*'")
    found: list[Path] = []
    for pattern in patterns:
        matches = sorted(Path(p) for p in glob.glob(pattern))
        if not matches:
            raise UserError(f"config.run: no directory matches {pattern!r}")
        # A glob may match other things than runs; a directory that was named must be one.
        named = not glob.has_magic(pattern)
        found += [p for p in matches if named or (p / "config.json").exists()]
    runs = list(dict.fromkeys(found))
    if not runs:
        raise UserError(
            f"config.run: nothing that matches {config.run!r} is a run directory (none holds a config.json)"
        )
    if len(runs) == 1 and directory is None:
        page = report.run.write(runs[0])
    else:
        page = report.compare.write(runs, directory or Path("runs") / "report")
    print(f"report: {page}")
    return 0
