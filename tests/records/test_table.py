"""The record of a set of runs."""

from __future__ import annotations

import pytest

from minjax.errors import UserError
from minjax.records import record
from minjax.records.table import TABLE, Cell, Scale, Table, TableData, read_table

ORIGIN = {"device": "cpu", "device_count": 1, "versions": {"jax": "0.6"}, "git_commit": None, "command": "x"}
CELL = Cell(
    network="paper/vit_s",
    model="vit_s",
    optimizer="sgdm",
    dataset="CIFAR-10",
    seed=42,
    directory="cells/paper-vit_s-CIFAR-10-sgdm-s42",
    scale=Scale(epochs=2, batch_size=8, limit_train=100),
    departures=["dataset.normalize: the paper 'paper', here 'train'"],
    status="no_data",
    reason="there is no folder my-cifar10",
)


def table(*cells: Cell) -> Table:
    return Table(
        name="paper-tables",
        status="completed",
        networks=["paper/vit_s"],
        optimizers=["sgdm"],
        datasets=[TableData(label="CIFAR-10", name="folder")],
        seeds=[42],
        paper=Scale(epochs=200, batch_size=8),
        cells=list(cells),
        **ORIGIN,
    )


def test_a_table_comes_back(tmp_path):
    record.write(tmp_path / TABLE, table(CELL))
    assert read_table(tmp_path) == table(CELL)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"no_data"', '"lost"', "cells[0].status"),
        ('"dataset": "CIFAR-10"', '"dataset": "MNIST"', "a cell of 'MNIST', which is not among the data sets"),
        ('"epochs": 2,', '"epochs": 0,', "cells[0].scale.epochs"),
        ('"cells/paper-vit_s-CIFAR-10-sgdm-s42"', '"cells/.."', "cells[0].directory"),
        ('"cells/paper-vit_s-CIFAR-10-sgdm-s42"', '"/tmp/paper-vit_s"', "cells[0].directory"),
        ('"seed": 42', '"seed": "a"', "cells[0].seed"),
    ],
)
def test_damage_is_one_line_that_names_the_field(tmp_path, old, new, message):
    record.write(tmp_path / TABLE, table(CELL))
    text = (tmp_path / TABLE).read_text()
    assert old in text
    (tmp_path / TABLE).write_text(text.replace(old, new))
    with pytest.raises(UserError) as error:
        read_table(tmp_path)
    assert str(tmp_path / TABLE) in str(error.value)
    assert message in str(error.value)
