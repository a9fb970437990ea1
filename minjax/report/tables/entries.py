"""A set of runs read back: its record, the runs of its cells, and the entries of its tables with their readings."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from minjax.errors import UserError
from minjax.findings.readings import Reading, departures, reading, shared
from minjax.records.record import CONFIG, config_of
from minjax.records.run import Run, read_run
from minjax.records.table import TABLE, Cell, Scale, Table, read_table
from minjax.report import paper
from minjax.report.formats import printable

FAMILIES = ("resnet", "vit", "vgg")
TRAINED = ("completed", "diverged", "interrupted")  # of other cells the directory holds nothing, or somebody else's run


@dataclass(frozen=True)
class Entry:
    """A network with an optimizer on a data set: an entry of a table, with one cell for each seed.

    Attributes:
        network: the preset that was asked for.
        model, optimizer, dataset: names; the data set's is its label.
        cells: those of the set of runs, by seed; none where the paper has a figure and the set has no such runs.
        runs: the runs of those cells that have one, with their cells.
        published: the scale at which the paper trained.
        figure: the paper's; None: it has none.
        papers_data: whether the data set is the paper's own.
        several: whether the set has this network in several presets.
    """

    network: str
    model: str
    optimizer: str
    dataset: str
    cells: tuple[Cell, ...]
    runs: tuple[tuple[Cell, Run], ...]
    published: Scale
    figure: paper.Figure | None
    papers_data: bool
    several: bool = False

    @property
    def name(self) -> str:
        """The network's name, with its preset where several have it."""
        name = network_name(self.model)
        return f"{name} ({printable(self.network)})" if self.several else name

    @property
    def completed(self) -> list[Run]:
        """The runs that the means are over."""
        return [run for cell, run in self.runs if cell.status == "completed" and run.summary]

    def accuracies(self, part: str) -> list[float]:
        """Test accuracies of the completed runs that have one: `final`, `best_validation`, `max_test_accuracy`."""
        parts = [getattr(run.summary, part) for run in self.completed]
        return [found.test_accuracy for found in parts if found is not None]

    @cached_property
    def departures(self) -> list[str]:
        """In what the training of all its seeds is not the paper's."""
        found = []
        for cell in self.cells:
            summary = next((run.summary for own, run in self.runs if own is cell), None)
            papers = paper.parameters(self.model, summary.num_classes) if summary else None
            params = summary.num_params if summary else None
            found.append(departures(cell, self.published, num_params=params, papers=papers))
        return list(dict.fromkeys(phrase for phrases in found for phrase in phrases))

    @cached_property
    def reading(self) -> Reading:
        """How its accuracy reads beside the paper's."""
        unusable = [cell for cell in self.cells if cell.status not in ("completed", "diverged")]
        reason = next((cell.reason for cell in unusable if cell.reason), "not trained yet")
        return reading(
            self.accuracies("max_test_accuracy"),
            self.figure.accuracy if self.figure else None,
            other_data=not self.papers_data,
            departs=bool(self.departures),
            diverged=sum(cell.status == "diverged" for cell in self.cells),
            reason=reason if self.cells else "not in this set of runs",
        )

    @property
    def difference(self) -> float | None:
        """Mean maximum less the paper's figure, a fraction; None where there are not both."""
        values = self.accuracies("max_test_accuracy")
        return statistics.mean(values) - self.figure.accuracy if values and self.figure else None


@dataclass(frozen=True)
class Tables:
    """A tables directory read back.

    Attributes:
        path: the directory.
        config: its resolved configuration.
        record: table.json.
        entries: by data set, then network and optimizer as they were asked for.
    """

    path: Path
    config: dict[str, Any]
    record: Table
    entries: tuple[Entry, ...]

    @property
    def labels(self) -> list[str]:
        """The data sets' labels."""
        return [one.label for one in self.record.datasets]

    def of(self, label: str) -> list[Entry]:
        """The entries of a data set."""
        return [entry for entry in self.entries if entry.dataset == label]


def read(directory: Path | str) -> Tables:
    """Read a tables directory: its record and the runs of its cells.

    Raises:
        UserError: not such a directory, one without a record yet, or a damaged table.json.
    """
    path = Path(directory)
    config = config_of(path, "directory of a set of runs", "tables")
    if not (path / TABLE).is_file():
        raise UserError(f"{path} has no {TABLE} to report on yet; the command that started it resumes it")
    record = read_table(path)
    runs: dict[str, Run] = {}
    cells = [_read(path, cell, runs) for cell in record.cells]
    record = replace(record, cells=cells)
    alike: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in record.cells:
        alike.setdefault((cell.dataset, cell.network, cell.optimizer), []).append(cell)
    return Tables(path, config, record, tuple(_entries(record, alike, runs)))


def _read(path: Path, cell: Cell, runs: dict[str, Run]) -> Cell:
    """Add a cell's run to `runs`, where it has come to one; a damaged one is a failed cell and no lost table."""
    if cell.status not in TRAINED or not (path / cell.directory / CONFIG).is_file():
        return cell
    try:
        runs[cell.directory] = read_run(path / cell.directory)
    except UserError as error:
        return replace(cell, status="failed", reason=f"{error}.")
    return cell


def _entries(record: Table, alike: dict[tuple[str, str, str], list[Cell]], runs: dict[str, Run]) -> Iterable[Entry]:
    folders = {one.label for one in record.datasets if one.name == "folder"}
    presets: dict[str, set[str]] = {}
    for cell in record.cells:
        presets.setdefault(cell.model, set()).add(cell.network)
    order = [one.label for one in record.datasets]
    for (label, network, optimizer), cells in sorted(alike.items(), key=lambda item: order.index(item[0][0])):
        model = cells[0].model
        yield Entry(
            network=network,
            model=model,
            optimizer=optimizer,
            dataset=label,
            cells=tuple(sorted(cells, key=lambda cell: cell.seed)),
            runs=tuple((cell, runs[cell.directory]) for cell in cells if cell.directory in runs),
            published=record.paper,
            figure=paper.figure(model, optimizer, label, is_folder=label in folders),
            papers_data=paper.is_papers(label, is_folder=label in folders),
            several=len(presets[model]) > 1,
        )


def absent(record: Table, table: str, label: str, model: str, optimizer: str) -> Entry:
    """The entry of a figure of the paper's for which the set of runs has no cell."""
    accuracy = paper.accuracies(table)[model][optimizer]
    return Entry(
        network=model,
        model=model,
        optimizer=optimizer,
        dataset=label,
        cells=(),
        runs=(),
        published=record.paper,
        figure=paper.Figure(accuracy, f"CIFAR-{paper.cifar_classes(label)}", table, same_dataset=True),
        papers_data=True,
    )


def family(model: str) -> str:
    """`resnet`, `vit`, `vgg`; another network is a family of its own."""
    return next((name for name in FAMILIES if model.startswith(name)), model)


def network_name(model: str) -> str:
    """The network's name as the paper has it; of another network its own."""
    return paper.NETWORK_NAMES.get(model, printable(model))


def optimizer_name(optimizer: str) -> str:
    """The optimizer's name as the paper has it."""
    return paper.OPTIMIZER_NAMES.get(optimizer, printable(optimizer))


def common_departures(entries: Sequence[Entry]) -> list[str]:
    """In what all entries that have cells depart from the paper."""
    return shared([entry.departures for entry in entries if entry.cells])
