"""The record of a set of runs, table.json: networks x optimizers x data sets x seeds, each a run directory of its own.

What a run came to is in its own records, `records.run.read_run(directory / cell.directory)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from minjax.records.record import Name, Positive, Record, ResultFile, Seed, read

TABLE = "table.json"
CELLS = "cells"  # the folder of the runs, within the table's directory

# A run's directory lies in `CELLS`, whatever a file says.
Directory = Annotated[str, Meta(pattern=rf"^{CELLS}/(?!\.{{1,2}}$)[^/]+$")]
CellStatus = Literal["completed", "diverged", "failed", "interrupted", "not_run", "no_data", "unfit"]
TableStatus = Literal["completed", "interrupted", "budget"]
ENDED: tuple[CellStatus, ...] = ("completed", "diverged")  # there is nothing left to train
LACKING: tuple[CellStatus, ...] = ("failed", "no_data", "unfit")  # something must change before it can be trained


class Scale(Record, frozen=True, kw_only=True):
    """How much a run trains.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        limit_train: images that it trains on; None: all.
    """

    epochs: Positive
    batch_size: Positive
    limit_train: Positive | None = None


class TableData(Record, frozen=True, kw_only=True):
    """A data set of a table.

    Attributes:
        label: what the table calls it.
        name: `digits`, `folder` or the name of a TFDS set.
    """

    label: Name
    name: Name


class Cell(Record, frozen=True, kw_only=True):
    """A network with an optimizer, a data set and a seed.

    Attributes:
        network: the preset that was asked for, such as "paper/vit_s".
        model: the network's name, such as "vit_s".
        optimizer: its name.
        dataset: the label of its data set, one of `Table.datasets`.
        seed: of the run.
        directory: the run's, within the table's directory.
        scale: what was asked for; a small data set may have made the batches smaller.
        departures: the other settings in which the run differs from the paper's, each as a phrase; None where the paper
            has no such network or optimizer.
        status: completed and diverged have a result; an interrupted one can go on; of one that failed, whose data set
            is absent (`no_data`), or whose network cannot take the images (`unfit`), `reason` says why.
        reason: one sentence; empty where there is nothing to say.
    """

    network: Name
    model: Name
    optimizer: Name
    dataset: Name
    seed: Seed
    directory: Directory
    scale: Scale
    departures: list[str] | None
    status: CellStatus
    reason: str = ""


class Table(ResultFile, frozen=True, kw_only=True):
    """table.json, written after each cell.

    Attributes:
        name: of the table's configuration.
        status: completed: every cell has a result or cannot have one; else why cells are left.
        networks, optimizers: as they were asked for, in this order, then those of earlier commands.
        datasets, seeds: the same.
        paper: the scale at which paper 1 trained, with one seed.
        cells: all that were asked for, in the order in which they are trained, then those with a result that earlier
            commands asked for.
        budget_minutes: after which the table stops; None: when everything is trained.
    """

    name: str
    status: TableStatus
    networks: list[Name]
    optimizers: list[Name]
    datasets: list[TableData]
    seeds: list[Seed]
    paper: Scale
    cells: list[Cell]
    budget_minutes: float | None = None

    def __post_init__(self) -> None:
        known = {one.label for one in self.datasets}
        for cell in self.cells:
            if cell.dataset not in known:
                raise ValueError(f"a cell of {cell.dataset!r}, which is not among the data sets")


def read_table(directory: Path | str) -> Table:
    """The record of a table's directory.

    Raises:
        UserError: missing, damaged or of another format version; names the file.
    """
    return read(Path(directory) / TABLE, Table)
