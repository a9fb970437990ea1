"""Links between the pages of a study, its winner, a run and its compression: relative paths that survive a move."""

from __future__ import annotations

import os
from pathlib import Path

from minjax.errors import UserError
from minjax.records.record import CONFIG, read_config
from minjax.report.page import Links

PAGE = Path("report", "index.html")
BELOW = {"winner": "the winner", "trained": "the network before compression", "compressed": "the compressed network"}
SETS = ("cells", "compress")  # folders of a set of runs: its runs, and compressions of these
ABOVE = {"study": "the study that it comes from", "compress": "its compression", "train": "the run that it comes from"}


def related(directory: Path) -> list[Links]:
    """The links of a directory's page, in a list of one; empty where nothing is related.

    A directory inside it is linked where it has a page. The one that it lies in is linked where that is a study, a
    compression or a run, or the set of runs that it is a cell of: the page there may still have to be written, by the
    command that is writing this one.
    """
    found = [
        (name, os.path.join("..", below, PAGE)) for below, name in BELOW.items() if (directory / below / PAGE).is_file()
    ]
    above = directory.resolve().parent
    if directory.name in BELOW and (task := _task(above)) in ABOVE:
        found.append((ABOVE[str(task)], os.path.join("..", "..", PAGE)))
    if above.name in SETS and _task(above.parent) == "tables":
        found.append(("the set of runs that it belongs to", os.path.join("..", "..", "..", PAGE)))
    return [Links(found)] if found else []


def _task(directory: Path) -> str | None:
    """The task of a directory; None where it is somebody else's."""
    try:
        return str(read_config(directory).get("task")) if (directory / CONFIG).is_file() else None
    except UserError:
        return None


def to_pages(directories: list[Path], page: Path) -> list[tuple[str, str]]:
    """The pages of some directories, as a page elsewhere links to them; without those that have none.

    Args:
        directories: of runs, studies or compressions.
        page: the directory of the page that has the links.
    """
    return [
        (str(directory), os.path.relpath((directory / PAGE).resolve(), page.resolve()))
        for directory in directories
        if (directory / PAGE).is_file()
    ]
