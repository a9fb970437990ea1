"""task=tables: networks x optimizers x data sets x seeds, each a run of its own, and one page over them; resumable.

The way through: `settings` checks the configuration, `cells` makes each cell's own, `plan` says what they will take and
`populations` which of them one program trains. `driver` has the cells that have no result trained through an executor
(`executors`), which is task=train, and records after each how far the table has come.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from minjax.errors import UserError
from minjax.records.record import write_config
from minjax.records.table import ENDED, TABLE, Table, read_table
from minjax.tasks import cluster, report, workdir
from minjax.tasks.signals import Stop
from minjax.tasks.tables import overview, settings
from minjax.tasks.tables.cells import Planned, planned
from minjax.tasks.tables.driver import Tables, stood
from minjax.tasks.tables.plan import Plan


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Train a table, resume it, or say that it is finished.

    Args:
        config: with `task="tables"`.
        directory: the work directory; None: `runs/<config name>`.
        command: as the user typed it, for the records.

    Returns:
        The exit code: 0 every cell has a result or the budget is spent, 2 cells have none (they failed, or their data
        are absent or do not suit them), 75 interrupted and resumable.

    Raises:
        UserError: a mistake in what was asked for; nothing has been written then.
        Interrupted: a signal came while there was nothing to save, or twice.
    """
    asked = settings.settle(config)
    cells = planned(asked)
    if asked["tables"]["dry_run"]:
        Plan(asked, cells).describe()
        return 0
    if directory is None:
        directory = Path("runs") / asked["name"]
        print(f"work directory: {directory}")
    workdir.check(directory, asked)
    cluster.check(asked["tables"], "tables")
    if (finished := _finished(asked, directory, cells)) is not None:
        print(f"{directory}: this table is finished")
        print("\n".join(overview.lines(finished, directory)))
        report.write_missing(directory)
        return 0
    with Stop() as stop:
        plan = Plan(asked, cells)
        with workdir.locked(directory):
            workdir.check(directory, asked)
            write_config(directory, asked)  # a table may have grown
            stop.save_first()
            return Tables(plan, directory, command, stop).run()


def _finished(asked: dict[str, Any], directory: Path, cells: list[Planned]) -> Table | None:
    """The record of a table in which all of these cells have a result; those of other commands may be in it too."""
    if not (directory / TABLE).exists():
        return None
    try:
        table = read_table(directory)
    except UserError as error:
        if (directory / TABLE).is_dir():
            raise
        print(f"minjax: warning: {error}; it is written again from the records of the runs", file=sys.stderr)
        return None
    recorded = {cell.directory: cell.status for cell in table.cells if cell.status in ENDED}
    stand = all(recorded.get(one.cell.directory) == stood(one, directory).status for one in cells)
    return table if stand and len(recorded) == len(table.cells) else None
