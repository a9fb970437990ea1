"""What is asked of a table: names, data sets, scales; whatever is wrong is one line, and nothing is written."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from minjax.command_line import parse
from minjax.config.resolving import resolve
from minjax.main import main
from minjax.records.table import Scale
from minjax.tasks.tables import cells, settings

PRESET = "--config=paper/tables"


def planned(*flags, preset=PRESET):
    config, _ = parse([preset, *flags])
    return cells.planned(settings.settle(config))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config.tables.networks=vit_t"], "tables.networks: unknown preset 'vit_t' (did you mean 'vit"),
        (["--config.tables.networks=vit_t"], "known: cnn, digits, dnn, paper/resnet18, paper/resnet18_s, paper/vgg16"),
        (["--config.tables.networks=studies/digits"], "a preset of task=study; each must be one of task=train"),
        (["--config.tables.networks=vit,vit"], "tables.networks has 'vit' twice"),
        (["--config.tables.networks="], "tables.networks is"),
        (["--config.tables.optimizers=adm"], "tables.optimizers has 'adm'; each must be sgdm"),
        (["--config.tables.optimizers=adam,adam"], "tables.optimizers has 'adam' twice"),
        (["--config.tables.datasets=CIFAR-10="], "tables.datasets has 'CIFAR-10='; each must be digits"),
        (["--config.tables.datasets=folder"], "tables.datasets has 'folder'; each must be digits"),
        (["--config.tables.datasets=a b=x,a-b=y"], "tables.datasets has 'a-b' twice"),
        (["--config.tables.seeds=0"], "tables.seeds is 0; it must be at least 1"),
        (["--config.seed=2147483647", "--config.tables.seeds=2"], "with tables.seeds=2 the last seed would be above"),
        (["--config.tables.budget_minutes=0"], "tables.budget_minutes is 0"),
        (["--config.epochs=0"], "epochs is 0; it must be at least 1"),
        (
            ["--config.dataset.limit_train=100", "--config.batch_size=128"],
            "dataset.limit_train is 100; it must be at least batch_size, which is 128 for paper/resnet18",
        ),
        (["--config.early_stop=3"], "paper/resnet18 under sgdm: early_stop needs a validation split"),
        (["--config.optimizer.momentum=0.5"], "paper/resnet18 under adam: optimizer 'adam' has no field 'momentum'"),
        (["--config.model.patch_size=2"], "paper/resnet18 under sgdm: model 'resnet18' has no field 'patch_size'"),
        (["--config.model.name=vit"], "model.name is 'vit', but tables.networks says what a table has"),
        (["--config.optimizer.name=adam"], "optimizer.name is 'adam', but tables.optimizers says"),
        (["--config.dataset.name=digits"], "dataset.name is 'digits', but tables.datasets says"),
        (["--config=digits", "--config.task=tables"], "model.name is 'resnet18_s', but tables.networks says"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(tmp_path, capsys, flags, message):
    assert main([PRESET, *flags, f"--workdir={tmp_path / 'table'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "table").exists()


def test_the_tables_of_the_paper_are_24_runs_with_its_own_settings():
    found = planned()
    assert len(found) == len({one.cell.directory for one in found}) == 24
    first = found[0].cell
    assert first.directory == "cells/paper-resnet18-cifar10-sgdm-s42"
    assert {one.cell.scale for one in found} == {cells.paper_scale()} == {Scale(epochs=200, batch_size=8)}
    assert all(one.cell.departures == [] for one in found)
    assert [one.cell.dataset for one in found] == ["cifar10"] * 12 + ["cifar100"] * 12


def test_one_seed_of_every_network_comes_before_the_next():
    found = planned("--config.tables.seeds=2", "--config.seed=7", "--config.tables.networks=vit,resnet18")
    assert [one.cell.seed for one in found] == [7] * 12 + [8] * 12


def test_what_is_set_is_set_in_every_run_and_the_rest_is_each_presets_own():
    found = planned(
        "--config.tables.networks=paper/vit_s,vit_s,cnn", "--config.tables.optimizers=sgdm,amsbound",
        "--config.tables.datasets=CIFAR 10=my folder", "--config.epochs=3", "--config.dataset.image_size=16,8",
        "--config.drop_last=True",
    )  # fmt: skip
    assert {one.config["epochs"] for one in found} == {3}
    assert {tuple(one.config["dataset"]["image_size"]) for one in found} == {(16, 8)}
    assert {one.config["dataset"]["path"] for one in found} == {"my folder"}
    paper, bound, own, *_ = found
    assert (paper.config["batch_size"], own.config["batch_size"]) == (8, 128)
    assert (paper.config["optimizer"]["learning_rate"], own.config["optimizer"]["learning_rate"]) == (0.1, 0.05)
    assert paper.cell.directory == "cells/paper-vit_s-CIFAR-10-sgdm-s42"
    assert "drop_last: the paper False, here True" in paper.cell.departures
    assert not any(one.startswith(("epochs", "batch_size", "dataset.path")) for one in own.cell.departures)
    assert bound.cell.departures is None
    assert found[-1].cell.departures is None


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--config.tables.networks=vit,cnn,configs/digits.py", "--config.tables.datasets=A=my images,digits"),
        ("--config.epochs=2", "--config.dataset.limit_train=64", "--config.dataset.normalize=train"),
        ("--config.dataset.augment=none", "--config.tensorboard=False", "--config.dtype=bfloat16"),
    ],
)
def test_the_command_of_a_cell_trains_that_cell_alone(flags, root, monkeypatch):
    monkeypatch.chdir(root)
    for one in planned(*flags):
        program, *arguments = shlex.split(one.command(Path("runs/a b")))
        config, workdir = parse(arguments)
        assert (program, workdir) == ("minjax", "runs/a b")
        assert resolve(config) == one.config
