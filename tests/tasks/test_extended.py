"""A finished run with more epochs: goes on where its schedule allows it, and says what to do where it does not."""

from __future__ import annotations

import pytest

from minjax.main import main
from tests.conftest import read_json, read_jsonl

pytestmark = pytest.mark.slow
TIMES = ("seconds", "evaluate_seconds", "images_per_second")


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch, root):
    monkeypatch.chdir(root)


def train(run, epochs, *more, schedule="constant"):
    arguments = ["train", "digits", "--config=dnn", "--config.tensorboard=False", "--config.model.widths=16"]
    given = [f"--config.epochs={epochs}", f"--config.optimizer.schedule={schedule}", f"--workdir={run}"]
    return main([*arguments, *given, *more], "minjax")


def metrics(run):
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_jsonl(run / "metrics.jsonl")]


@pytest.mark.parametrize("schedule", ["constant", "multistep"])
def test_a_longer_run_goes_on_to_what_it_would_have_been(tmp_path, capsys, schedule):
    for epochs in (1, 3):
        assert train(tmp_path / "extended", epochs, schedule=schedule) == 0
    shown = capsys.readouterr().out
    assert "extending the run from 1 to 3 epochs" in shown
    assert "resuming at epoch 2" in shown
    assert train(tmp_path / "at-once", 3, schedule=schedule) == 0
    assert metrics(tmp_path / "extended") == metrics(tmp_path / "at-once")
    assert read_json(tmp_path / "extended" / "config.json")["epochs"] == 3
    summary = read_json(tmp_path / "extended" / "summary.json")
    assert (summary["status"], summary["epochs"]) == ("completed", 3)
    assert (tmp_path / "extended" / "report" / "index.html").exists()
    capsys.readouterr()
    assert train(tmp_path / "extended", 3, schedule=schedule) == 0
    assert "this run is finished" in capsys.readouterr().out
    assert train(tmp_path / "extended", 2, schedule=schedule) == 2
    assert "epochs: there 3, asked for 2" in capsys.readouterr().err


@pytest.mark.parametrize("again", [1, 3])
def test_killed_between_its_first_two_writes_either_command_goes_on(tmp_path, monkeypatch, again):
    from minjax.records import record

    assert train(tmp_path / "run", 1) == 0
    before = metrics(tmp_path / "run")

    class KilledError(Exception):
        pass

    def kill(*arguments):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(record, "write_config", kill)
        with pytest.raises(KilledError):
            train(tmp_path / "run", 3)
    assert read_json(tmp_path / "run" / "summary.json")["status"] == "interrupted"
    assert train(tmp_path / "run", again) == 0
    assert metrics(tmp_path / "run")[:1] == before
    assert read_json(tmp_path / "run" / "summary.json")["epochs"] == again
    assert read_json(tmp_path / "run" / "summary.json")["status"] == "completed"


def test_under_a_cosine_one_line_says_what_to_do(tmp_path, capsys):
    assert train(tmp_path / "run", 1, schedule="cosine") == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir() if file.is_file()}
    capsys.readouterr()
    assert train(tmp_path / "run", 2, schedule="cosine") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "holds a run of 1 epoch whose cosine schedule ends there, so a longer one is another run" in error
    assert "--workdir" in error
    assert "--config.optimizer.schedule=constant" in error
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir() if file.is_file()} == before


def test_another_difference_beside_is_refused(tmp_path, capsys):
    assert train(tmp_path / "run", 1) == 0
    assert train(tmp_path / "run", 2, "--config.batch_size=64") == 2
    assert "batch_size: there 128, asked for 64" in capsys.readouterr().err


def test_a_run_that_stopped_early_stays_finished(tmp_path, capsys):
    early = ["--config.dataset.validation_fraction=0.1", "--config.early_stop=1", "--config.optimizer.learning_rate=0."]
    assert train(tmp_path / "run", 9, *early) == 0
    assert read_json(tmp_path / "run" / "summary.json")["epochs"] == 2
    capsys.readouterr()
    assert train(tmp_path / "run", 12, *early) == 0
    assert "this run is finished" in capsys.readouterr().out
