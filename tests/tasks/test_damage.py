"""A damaged, foreign, older or newer file in the directory of a run: one clear line, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from minjax import main as entry
from minjax.train.checkpoint import Checkpoints
from minjax.train.metadata import digest
from tests.conftest import ROOT

COMMAND = ["--config=configs/dnn.py", "--config.dataset.name=digits", "--config.tensorboard=False"]
COMMAND += ["--config.model.widths=(8,)", "--config.epochs=2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run, before = tmp_path_factory.mktemp("damage") / "run", os.getcwd()
    os.chdir(ROOT)
    try:
        assert entry.main([*COMMAND, f"--workdir={run}"]) == 0
    finally:
        os.chdir(before)
    return run


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A copy of the finished run."""
    monkeypatch.chdir(ROOT)
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def unfinished(run):
    """The run as a kill after its last epoch would leave it."""
    for name in ("summary.json", "predictions.npz"):
        (run / name).unlink()
    shutil.rmtree(run / "report")
    return run


def files(run):
    return {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def refused(run, capsys):
    """The one line with which the run is refused; nothing in its directory changes."""
    before = files(run)
    assert entry.main([*COMMAND, f"--workdir={run}"]) == 2
    assert files(run) == before
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("minjax: error: ")


def change(path, **fields):
    values = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


@pytest.mark.slow
def test_a_last_line_that_a_kill_cut_in_half_is_dropped(unfinished, finished):
    with open(unfinished / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 3, "st')
    assert entry.main([*COMMAND, f"--workdir={unfinished}"]) == 0
    assert (unfinished / "metrics.jsonl").read_bytes() == (finished / "metrics.jsonl").read_bytes()


METRICS = {
    "a line that is not JSON": (lambda first, second: first + second[:-9] + b"\n", ", line 2: not JSON ("),
    "a foreign line": (lambda first, second: first + b"{}\n" + second, ", line 2: object missing required field"),
    "another field": (lambda first, second: first.replace(b"train_acc", b"acc") + second, ", line 1: object "),
    "not UTF-8": (lambda first, second: first + b"\xff\xfe\n", ", line 2: not JSON ("),
    "deep nesting": (lambda first, second: first + b"[" * 100_000 + b"\n", ", line 2: "),
    "half of it": (lambda first, second: first, " lacks epoch 2 of 2"),
    "nothing": (lambda first, second: b"", " lacks 2 epochs, the first 1 of 2"),
    "lines twice": (lambda first, second: first + second + second, " records 3 epochs where there were 2"),
    "another order": (lambda first, second: second + first, " records its epochs out of order"),
    "another number": (lambda first, second: first + first.replace(b'"epoch": 1', b'"epoch": 2'), " differs from"),
    "no file": (None, " lacks 2 epochs, the first 1 of 2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", METRICS)
def test_the_records_of_the_epochs_come_back_from_the_checkpoint(unfinished, finished, what, capsys):
    path, (change, problem) = unfinished / "metrics.jsonl", METRICS[what]
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    if change:
        path.write_bytes(change(*lines))
    assert entry.main([*COMMAND, f"--workdir={unfinished}"]) == 0
    shown = capsys.readouterr()
    (warning,) = shown.err.splitlines()
    assert warning.startswith(f"minjax: warning: {path}{problem}")
    assert warning.endswith("; restored from the checkpoint, which carries the records of all 2 epochs")
    assert "after epoch 2," in shown.out
    assert path.read_bytes() == b"".join(lines)


def test_records_that_nothing_can_restore_are_refused(unfinished, capsys):
    for path in (unfinished / "checkpoints").glob("*/meta/metadata"):
        values = json.loads(path.read_text())
        arrays = Checkpoints(unfinished / "checkpoints")._writer.restore(path.parent.parent)["state"]
        old = {"position": values["position"], "accuracy": values["accuracy"], "digest": digest(arrays)}
        path.write_text(json.dumps(old))  # as earlier versions wrote it
    path = unfinished / "metrics.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.splitlines(keepends=True)[0])
    assert refused(unfinished, capsys).startswith(
        f"{path} lacks epoch 2 of 2; the checkpoint, which an earlier minjax wrote, does not carry the records"
    )
    path.write_bytes(whole)
    assert entry.main([*COMMAND, f"--workdir={unfinished}"]) == 0


@pytest.mark.parametrize("name", ["config.json", "summary.json"])
def test_a_newer_format_asks_for_a_newer_minjax(run, name, capsys):
    change(run / name, format=3)
    assert refused(run, capsys) == (
        f"{run / name} is of record format 3; this version of minjax reads format 2: use a newer minjax"
    )


def test_a_configuration_of_the_first_version_names_the_converter(run, capsys):
    change(run / "config.json", format=None)
    line = refused(run, capsys)
    assert line.startswith(f"{run / 'config.json'} is of record format 1, written by minjax 0.1")
    assert line.endswith(f"'python -m minjax.migration {run}'")


@pytest.mark.parametrize("name", ["config.json", "summary.json"])
def test_a_file_that_is_not_json_is_named(run, name, capsys):
    (run / name).write_text("{")
    assert refused(run, capsys).startswith(f"{run / name}: not JSON (")


def test_a_result_without_its_fields_is_named(run, capsys):
    change(run / "summary.json", steps=None)
    assert refused(run, capsys) == f"{run / 'summary.json'}: object missing required field `steps`"


def test_foreign_files_in_a_run_are_left_alone(unfinished):
    foreign = [unfinished / "notes.txt", unfinished / "checkpoints" / "notes.txt", unfinished / "more" / "notes.txt"]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine\n")
    assert entry.main([*COMMAND, f"--workdir={unfinished}"]) == 0
    assert [path.read_text() for path in foreign] == ["mine\n"] * 3
    assert json.loads((unfinished / "summary.json").read_text())["status"] == "completed"


def test_a_directory_of_something_else_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (tmp_path / "notes.txt").write_text("mine\n")
    assert "is not empty and holds no run (no config.json)" in refused(tmp_path, capsys)
