"""Directories of sets of runs (task=tables) as the task leaves them, without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minjax.records.record import write, write_config
from minjax.records.table import CELLS, TABLE, Cell, Scale, Table, TableData
from tests.report.runs import CIFAR, ORIGIN, make_run

PAPER = Scale(epochs=200, batch_size=8)
SIZES = {"resnet18": 11_173_962, "resnet18_s": 701_466, "vit": 9_786_378, "vit_s": 840_010, "vgg16_s": 955_098}
HUNDRED = tuple(f"class {number}" for number in range(100))
SHORT = {"completed": 6, "diverged": 3, "interrupted": 3}


def make_cell(
    path: Path,
    model: str,
    optimizer: str,
    dataset: str = "cifar10",
    seed: int = 42,
    *,
    best: float = 0.9,
    status: str = "completed",
    reason: str = "",
    departures: Sequence[str] | None = (),
    scale: Scale = PAPER,
    validation: bool = False,
    preset: str = "paper/",
) -> Cell:
    """A cell, and its run where it has one; the run is of six epochs, whatever its scale says."""
    directory = f"{CELLS}/{preset.replace('/', '-')}{model}-{dataset.lower()}-{optimizer}-s{seed}"
    if status in SHORT:
        make_run(
            path / directory,
            model=model,
            optimizer=optimizer,
            dataset=dataset,
            seed=seed,
            best=best,
            epochs=SHORT[status],
            planned=6,
            status=status,
            validation=validation,
            num_params=SIZES.get(model, 1_000),
            class_names=HUNDRED if dataset == "cifar100" else CIFAR,
        )
    return Cell(
        network=f"{preset}{model}",
        model=model,
        optimizer=optimizer,
        dataset=dataset,
        seed=seed,
        directory=directory,
        scale=scale,
        departures=None if departures is None else list(departures),
        status=status,
        reason=reason,
    )


def make_table(path: Path, cells: Sequence[Cell], folders: Sequence[str] = (), **changes: Any) -> Path:
    """Write a tables directory around its cells; `folders` are labels of data sets that are folders."""
    path.mkdir(parents=True, exist_ok=True)
    labels = list(dict.fromkeys(cell.dataset for cell in cells))
    write_config(path, {"task": "tables", "name": "paper-tables", "seed": 42, "tables": {"datasets": labels}})
    fields: dict[str, Any] = {
        "name": "paper-tables",
        "status": "completed",
        "networks": list(dict.fromkeys(cell.network for cell in cells)),
        "optimizers": list(dict.fromkeys(cell.optimizer for cell in cells)),
        "datasets": [TableData(label=label, name="folder" if label in folders else label) for label in labels],
        "seeds": sorted({cell.seed for cell in cells}),
        "paper": PAPER,
        "cells": list(cells),
        **ORIGIN,
    }
    write(path / TABLE, Table(**fields | changes))
    return path
