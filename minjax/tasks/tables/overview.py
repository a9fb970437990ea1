"""What the console shows of a table: each network, optimizer and data set in a line, with its accuracies over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from minjax.findings.screen import columns
from minjax.findings.words import percent, plural, spread
from minjax.records.run import RunSummary, read_summary
from minjax.records.table import Cell, Scale, Table

WORDS = {
    "completed": "completed",
    "diverged": "diverged",
    "failed": "failed",
    "interrupted": "interrupted",
    "not_run": "not run",
    "no_data": "no data",
    "unfit": "cannot be trained on these data",
}


def lines(table: Table, directory: Path) -> list[str]:
    """The table, what it was trained with, and why cells have no result.

    Args:
        table: its record.
        directory: the table's, for the records of the runs.
    """
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in table.cells:
        groups.setdefault((cell.dataset, cell.network, cell.optimizer), []).append(cell)
    rows = [("data set", "network", "optimizer", "last epoch", "maximum over epochs", "runs")]
    for (dataset, network, optimizer), cells in groups.items():
        results = [_result(directory, cell) for cell in cells if cell.status == "completed"]
        last = [one.final.test_accuracy for one in results if one and one.final]
        most = [one.max_test_accuracy.test_accuracy for one in results if one and one.max_test_accuracy]
        rows.append((dataset, network, optimizer, _over_seeds(last), _over_seeds(most), _counted(cells)))
    return [*columns(rows), _protocol(table), *_reasons(table.cells)]


def _result(directory: Path, cell: Cell) -> RunSummary | None:
    return read_summary(directory / cell.directory)


def _over_seeds(accuracies: Sequence[float]) -> str:
    if len(accuracies) < 2:
        return "".join(map(percent, accuracies))
    return spread(statistics.mean(accuracies), statistics.stdev(accuracies))


def _counted(cells: Sequence[Cell]) -> str:
    """`5 completed`, `3 completed, 2 not run`."""
    statuses = [cell.status for cell in cells]
    return ", ".join(f"{statuses.count(status)} {word}" for status, word in WORDS.items() if status in statuses)


def _protocol(table: Table) -> str:
    scales = list(dict.fromkeys(cell.scale for cell in table.cells))
    here = "; ".join(map(_scale, scales))
    return (
        f"test accuracies; trained for {here}; {plural(len(table.seeds), 'seed')}. Paper 1: {_scale(table.paper)}, one "
        "seed, the maximum over epochs, which selects the epoch on test images"
    )


def _scale(scale: Scale) -> str:
    limited = "" if scale.limit_train is None else f", {plural(scale.limit_train, 'training image')}"
    return f"{plural(scale.epochs, 'epoch')} in batches of {scale.batch_size}{limited}"


def _reasons(cells: Sequence[Cell]) -> list[str]:
    """A line for each reason, with the first cell that has it and how many others do."""
    by_reason: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.reason:
            by_reason.setdefault((cell.status, cell.reason), []).append(cell)
    found = []
    for (status, reason), same in by_reason.items():
        first = same[0]
        more = f" and {plural(len(same) - 1, 'other')}" if len(same) > 1 else ""
        name = f"{first.network} with {first.optimizer} on {first.dataset}, seed {first.seed}"
        found.append(f"{WORDS[status]}: {name}{more}: {reason}")
    return found
