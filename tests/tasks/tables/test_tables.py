"""task=tables: every cell is an ordinary run; what goes wrong with one leaves the others alone; all of it resumes."""

from __future__ import annotations

import json
import shlex
import shutil
from types import SimpleNamespace

import pytest
from PIL import Image

from minjax.main import main
from minjax.records.run import read_run
from minjax.records.table import read_table
from minjax.tasks import signals, train
from minjax.tasks.tables import driver
from tests.conftest import read_json, read_jsonl

PRESET = "--config=paper/tables"
QUICK = (
    PRESET, "--config.tables.networks=dnn", "--config.tables.optimizers=sgdm,adam", "--config.tables.datasets=digits",
    "--config.epochs=2", "--config.batch_size=32", "--config.dataset.limit_train=64", "--config.tensorboard=False",
    "--config.dataset.validation_fraction=0.0", "--config.steps_per_call=1",
)  # fmt: skip
TIMES = ("seconds", "evaluate_seconds", "images_per_second")
LARGE = "cells/paper-vgg16_s-digits-sgdm-s42"


def epochs(run):
    """The records of a run's epochs, without times."""
    return [
        {key: value for key, value in line.items() if key not in TIMES} for line in read_jsonl(run / "metrics.jsonl")
    ]


def statuses(directory):
    return {cell.directory.removeprefix("cells/"): cell.status for cell in read_table(directory).cells}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("undisturbed") / "table"
    assert main([*QUICK, f"--workdir={directory}"]) == 0
    return directory


@pytest.mark.slow
def test_a_cell_is_the_run_that_its_command_makes(undisturbed, tmp_path, monkeypatch):
    cell = undisturbed / "cells" / "dnn-digits-adam-s42"
    command = shlex.split(read_json(cell / "summary.json")["command"])
    assert f"--workdir={cell}" in command
    monkeypatch.chdir(tmp_path)
    assert main([*(one for one in command[1:] if not one.startswith("--workdir")), "--workdir=alone"]) == 0
    assert epochs(tmp_path / "alone") == epochs(cell)
    assert read_json(tmp_path / "alone" / "config.json") == read_json(cell / "config.json")
    assert {path.name for path in cell.iterdir()} == {path.name for path in (tmp_path / "alone").iterdir()}


@pytest.mark.slow
def test_the_record_says_what_was_run_and_the_papers_scale(undisturbed):
    table = read_table(undisturbed)
    assert (table.status, table.seeds, table.networks, table.optimizers) == (
        "completed",
        [42],
        ["dnn"],
        ["sgdm", "adam"],
    )
    assert (table.paper.epochs, table.paper.batch_size) == (200, 8)
    assert statuses(undisturbed) == {"dnn-digits-sgdm-s42": "completed", "dnn-digits-adam-s42": "completed"}
    for cell in table.cells:
        assert (cell.scale.epochs, cell.scale.batch_size, cell.scale.limit_train) == (2, 32, 64)
        assert len(read_run(undisturbed / cell.directory).epochs) == 2


@pytest.mark.slow
def test_the_same_command_says_that_it_is_finished(undisturbed, capsys):
    before = (undisturbed / "table.json").read_bytes()
    assert main([*QUICK, f"--workdir={undisturbed}"]) == 0
    said = capsys.readouterr().out
    assert f"{undisturbed}: this table is finished" in said
    assert "2 epochs in batches of 32, 64 training images; 1 seed. Paper 1: 200 epochs in batches of 8" in said
    assert (undisturbed / "report" / "index.html").exists()
    (undisturbed / "report" / "index.html").unlink()
    assert main([*QUICK, f"--workdir={undisturbed}"]) == 0
    assert (undisturbed / "report" / "index.html").exists()
    assert (undisturbed / "table.json").read_bytes() == before


@pytest.mark.slow
def test_another_scale_is_refused_and_more_cells_are_not(undisturbed, tmp_path, capsys):
    directory = tmp_path / "table"
    shutil.copytree(undisturbed, directory)
    assert main([*QUICK, f"--workdir={directory}", "--config.epochs=3"]) == 2
    assert "epochs: there 2, asked for 3" in capsys.readouterr().err
    assert main([*QUICK, f"--workdir={directory}", "--config.tables.seeds=2"]) == 0
    assert len(statuses(directory)) == 4
    assert set(statuses(directory).values()) == {"completed"}
    assert epochs(directory / "cells" / "dnn-digits-sgdm-s43") != epochs(directory / "cells" / "dnn-digits-sgdm-s42")
    assert read_json(directory / "config.json")["tables"]["seeds"] == 2


@pytest.mark.slow
def test_what_another_command_asks_for_joins_the_results_that_are_there(undisturbed, tmp_path, capsys):
    directory = tmp_path / "table"
    shutil.copytree(undisturbed, directory)
    flags = (*QUICK, f"--workdir={directory}", "--config.tables.optimizers=adabound,adam")
    assert main([*flags, "--config.tables.seeds=2"]) == 0
    table = read_table(directory)
    assert table.optimizers == ["adabound", "adam", "sgdm"]
    assert (table.status, table.seeds, [one.label for one in table.datasets]) == ("completed", [42, 43], ["digits"])
    assert list(statuses(directory)) == [
        *(f"dnn-digits-{optimizer}-s{seed}" for seed in (42, 43) for optimizer in ("adabound", "adam")),
        "dnn-digits-sgdm-s42",
    ]
    assert "SGDM" in (directory / "report" / "report.md").read_text()
    before = (directory / "table.json").read_bytes()
    assert main([*QUICK, f"--workdir={directory}"]) == 0  # what the first command asked for is there too
    assert "this table is finished" in capsys.readouterr().out
    assert (directory / "table.json").read_bytes() == before


def folder(path):
    for name, shade in (("dark", 20), ("light", 230)):
        (path / name).mkdir(parents=True)
        for index in range(20):
            Image.new("L", (8, 8), shade + index % 10).save(path / name / f"{index}.png")


@pytest.mark.slow
def test_what_is_absent_or_does_not_fit_is_marked_and_the_others_run(undisturbed, tmp_path, capsys, monkeypatch):
    directory = tmp_path / "table"
    monkeypatch.chdir(tmp_path)
    flags = (
        *QUICK, f"--workdir={directory}", "--config.tables.networks=paper/vgg16_s,dnn",
        "--config.tables.optimizers=sgdm", "--config.tables.datasets=mine=images,digits", "--config.batch_size=16",
        "--config.dataset.limit_train=None", "--config.dataset.normalize=train",
    )  # fmt: skip
    assert main([*flags]) == 2
    cells = {cell.directory: cell for cell in read_table(directory).cells}
    assert statuses(directory) == {
        "paper-vgg16_s-mine-sgdm-s42": "no_data", "dnn-mine-sgdm-s42": "no_data",
        "paper-vgg16_s-digits-sgdm-s42": "unfit", "dnn-digits-sgdm-s42": "completed",
    }  # fmt: skip
    assert "images is not a directory" in cells["cells/dnn-mine-sgdm-s42"].reason
    assert "vgg cannot take 8x8 images" in cells[LARGE].reason
    said = capsys.readouterr()
    assert "3 of 4 runs have no result" in said.err
    assert "vgg cannot take 8x8 images" in said.out
    folder(tmp_path / "images")
    assert main([*flags]) == 2
    assert statuses(directory)["dnn-mine-sgdm-s42"] == "completed"
    assert statuses(directory)["paper-vgg16_s-mine-sgdm-s42"] == "unfit"
    assert main([*flags, "--config.tables.networks=dnn"]) == 0


@pytest.mark.slow
def test_a_run_that_fails_is_marked_and_tried_again(tmp_path, capsys, monkeypatch):
    directory, original = tmp_path / "table", train.run_within

    def fails(config, *others):
        if config["optimizer"]["name"] == "sgdm":
            raise RuntimeError("RESOURCE_EXHAUSTED\nof memory")
        return original(config, *others)

    monkeypatch.setattr(train, "run_within", fails)
    assert main([*QUICK, f"--workdir={directory}"]) == 2
    assert statuses(directory) == {"dnn-digits-sgdm-s42": "failed", "dnn-digits-adam-s42": "completed"}
    reason = "RuntimeError: RESOURCE_EXHAUSTED of memory"
    assert read_table(directory).cells[0].reason == reason
    assert f"failed: dnn, sgdm, digits, seed 42: {reason}" in capsys.readouterr().out
    monkeypatch.undo()
    assert main([*QUICK, f"--workdir={directory}"]) == 0
    assert set(statuses(directory).values()) == {"completed"}


@pytest.mark.slow
def test_a_run_that_diverged_is_a_result(tmp_path, capsys):
    directory = tmp_path / "table"
    flags = [*QUICK, f"--workdir={directory}", "--config.optimizer.learning_rate=1e30", "--config.epochs=1"]
    assert main(flags) == 0
    assert set(statuses(directory).values()) == {"diverged"}
    assert "the loss was not finite at step" in read_table(directory).cells[0].reason
    assert "1 diverged" in capsys.readouterr().out
    assert main(flags) == 0
    assert "this table is finished" in capsys.readouterr().out


@pytest.mark.slow
def test_a_damaged_or_foreign_cell_is_marked_and_the_others_stand(undisturbed, tmp_path):
    directory = tmp_path / "table"
    shutil.copytree(undisturbed, directory)
    (directory / "cells" / "dnn-digits-sgdm-s42" / "summary.json").write_text("{")
    changed = read_json(directory / "cells" / "dnn-digits-adam-s42" / "config.json") | {"batch_size": 4}
    (directory / "cells" / "dnn-digits-adam-s42" / "config.json").write_text(json.dumps(changed))
    assert main([*QUICK, f"--workdir={directory}"]) == 2
    first, second = read_table(directory).cells
    assert (first.status, second.status) == ("failed", "failed")
    assert "summary.json: not JSON" in first.reason
    assert "another configuration: batch_size: there 4, asked for 32" in second.reason


@pytest.mark.slow
def test_the_budget_ends_within_a_cell_and_a_larger_one_continues(undisturbed, tmp_path, capsys, monkeypatch):
    directory, asked = tmp_path / "table", []

    def clock():  # the budget is spent at the 6th question, in the first cell
        asked.append(None)
        return 0.0 if len(asked) < 6 else 1e9

    with monkeypatch.context() as patch:
        patch.setattr(signals, "time", SimpleNamespace(monotonic=clock))
        assert main([*QUICK, f"--workdir={directory}", "--config.tables.budget_minutes=60"]) == 0
    assert "the budget of 60 minutes is spent" in capsys.readouterr().out
    assert read_table(directory).status == "budget"
    assert statuses(directory) == {"dnn-digits-sgdm-s42": "interrupted", "dnn-digits-adam-s42": "not_run"}
    assert main([*QUICK, f"--workdir={directory}", "--config.tables.budget_minutes=600"]) == 0
    assert read_table(directory).status == "completed"
    for cell in read_table(directory).cells:
        assert epochs(directory / cell.directory) == epochs(undisturbed / cell.directory)


def test_a_budget_that_is_spent_trains_nothing(tmp_path, capsys):
    directory = tmp_path / "table"
    assert main([*QUICK, f"--workdir={directory}", "--config.tables.budget_minutes=1e-9"]) == 0
    assert set(statuses(directory).values()) == {"not_run"}
    assert "the budget of 1e-09 minutes is spent" in capsys.readouterr().out


def test_a_budget_counts_what_earlier_commands_took_by_the_clock(tmp_path, monkeypatch):
    """Four processes train for four minutes in one."""
    left = []
    run = lambda jobs, stop, tick: left.append(stop.seconds_left) or []  # noqa: E731
    executing = SimpleNamespace(slots=4, run=run, close=lambda: None)
    monkeypatch.setattr(driver, "executor", lambda fields, directory: executing)
    monkeypatch.setattr(driver, "_seconds_trained", lambda directory, cells: 240.0)
    assert main([*QUICK, f"--workdir={tmp_path / 'table'}", "--config.tables.budget_minutes=2"]) == 0
    assert left == [pytest.approx(60.0, abs=5.0)]


def test_a_dry_run_writes_nothing_and_says_what_there_would_be(tmp_path, capsys):
    flags = (
        *QUICK, f"--workdir={tmp_path / 'table'}", "--config.tables.seeds=3", "--config.tables.networks=dnn,vgg16_s",
        "--config.tables.dry_run",
    )  # fmt: skip
    assert main([*flags]) == 0
    said = capsys.readouterr().out
    assert "12 runs, 3 seeds each; 6 of them can be trained: 24 steps" in said
    assert "vgg cannot take 8x8 images" in said
    assert not (tmp_path / "table").exists()
