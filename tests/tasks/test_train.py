"""Runs from end to end through the documented command."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from minjax import main as entry
from tests.conftest import ROOT, minjax, minjax_process, read_json

QUICK = ["--config=configs/dnn.py", "--config.dataset.name=digits", "--config.tensorboard=False"]
REPORT = ("index.html", "report.md", "curves.png", "confusion_matrix.png", "confusion_matrix.csv")


def lines(run):
    path = run / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def in_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.slow
def test_the_digits_job_learns_and_reports(tmp_path):
    """README command 1, as it stands but for the directory and TensorBoard; imports no TensorFlow."""
    run = tmp_path / "run"
    code = (
        "import sys; from minjax.main import main; "
        f"code = main(['--config=configs/digits.py', '--config.tensorboard=False', '--workdir={run}']); "
        "sys.exit('TensorFlow was imported' if 'tensorflow' in sys.modules else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "completed"
    assert summary["final"]["test_accuracy"] >= 0.97
    assert summary["num_params"] == 701_178
    for name in ("device", "versions", "git_commit", "command"):
        assert name in summary
    for name in (*REPORT, "classification_report.txt"):
        assert (run / "report" / name).stat().st_size > 0
    with np.load(run / "predictions.npz") as predictions:
        accuracy = np.mean(predictions["predicted"] == predictions["labels"])
    assert accuracy == pytest.approx(summary["final"]["test_accuracy"])
    with open(run / "report" / "confusion_matrix.csv") as file:
        counts = [[int(x) for x in row] for row in list(csv.reader(file))[1:]]
    assert np.sum(counts) == 360
    assert np.trace(counts) / 360 == pytest.approx(accuracy)
    history = lines(run)
    assert [line["epoch"] for line in history] == list(range(1, summary["epochs"] + 1))
    assert history[-1]["test_accuracy"] == summary["final"]["test_accuracy"]
    assert f"701,178 parameters, listed in {run / 'parameters.txt'}" in done.stdout
    assert "stage1_block1" in (run / "parameters.txt").read_text()
    assert "stage1_block1" not in done.stdout


def test_nothing_is_compiled_after_the_first_epoch(tmp_path, in_checkout):
    run, compiled_at = tmp_path / "run", []

    def listen(event, duration, **_):
        if "backend_compile" in event:
            compiled_at.append(len(lines(run)))

    jax.monitoring.register_event_duration_secs_listener(listen)
    assert entry.main([*QUICK, "--config.epochs=4", "--config.checkpoint_every=1", f"--workdir={run}"]) == 0
    assert len(lines(run)) == 4
    assert compiled_at
    assert max(compiled_at) == 0


def test_validation_selects_and_early_stop_ends(tmp_path, in_checkout):
    run = tmp_path / "run"
    more = ["--config.dataset.validation_fraction=0.2", "--config.early_stop=2", "--config.epochs=60"]
    assert entry.main([*QUICK, *more, "--config.optimizer.learning_rate=0.3", f"--workdir={run}"]) == 0
    summary, history = json.loads((run / "summary.json").read_text()), lines(run)
    best = max(history, key=lambda line: line["validation_accuracy"])
    assert summary["best_validation"] == {key: best[key] for key in ("epoch", "validation_accuracy", "test_accuracy")}
    assert len(history) < 60
    assert len(history) == best["epoch"] + 2
    assert summary["max_test_accuracy"]["test_accuracy"] == max(line["test_accuracy"] for line in history)


def test_a_diverged_run_says_so_and_keeps_the_last_good_checkpoint(tmp_path, in_checkout, capsys):
    run = tmp_path / "run"
    wild = ["--config.optimizer.learning_rate=1e12", "--config.optimizer.warmup_epochs=3.", "--config.epochs=9"]
    assert entry.main([*QUICK, *wild, f"--workdir={run}"]) == 1
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "diverged"
    assert f"not finite at step {summary['diverged_step']}" in capsys.readouterr().err
    assert (run / "report" / "index.html").exists()
    assert entry.main([*QUICK, *wild, f"--workdir={run}"]) == 1
    assert "this run diverged at step" in capsys.readouterr().out


@pytest.mark.slow
def test_tensorboard_events_are_those_of_the_records(tmp_path, in_checkout):
    run = tmp_path / "run"
    done = minjax_process("--config.tensorboard=True", "--config.epochs=3", f"--workdir={run}")
    assert done.returncode == 0, done.stderr
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(run), size_guidance={"tensors": 0})
    events.Reload()
    points = events.Tensors("test_loss")
    assert [event.step for event in points] == [line["step"] for line in lines(run)]
    values = [float(make_ndarray(event.tensor_proto)) for event in points]
    assert values == pytest.approx([line["test_loss"] for line in lines(run)])


def test_several_runs_on_one_page(tmp_path, in_checkout, capsys):
    for seed in (1, 2):
        assert (
            entry.main([*QUICK, f"--config.seed={seed}", "--config.epochs=2", f"--workdir={tmp_path}/runs/{seed}"]) == 0
        )
    report = ["--config=configs/report.py", f"--workdir={tmp_path / 'page'}"]
    assert entry.main([*report, f"--config.run={tmp_path}/runs/*"]) == 0
    assert (tmp_path / "page" / "index.html").exists()
    with open(tmp_path / "page" / "table.csv") as file:
        (row,) = csv.DictReader(file)
    assert (row["runs"], row["architecture"]) == ("2", "dnn")
    assert entry.main([*report, f"--config.run={tmp_path}/nothing*"]) == 2
    assert "no directory matches" in capsys.readouterr().err
    assert entry.main(report) == 2
    assert "task=report needs run directories" in capsys.readouterr().err


def test_bfloat16_trains_with_float32_parameters(tmp_path, in_checkout):
    run = tmp_path / "run"
    assert entry.main([*QUICK, "--config.dtype=bfloat16", "--config.epochs=8", f"--workdir={run}"]) == 0
    assert lines(run)[-1]["test_accuracy"] > 0.8


@pytest.mark.slow
def test_a_batch_larger_than_the_training_set_is_that_set(tmp_path):
    result = minjax("--config.batch_size=5000", "--config.epochs=2", f"--workdir={tmp_path / 'a'}")
    assert result.returncode == 0, result.stderr
    assert "there are 1,437 images to train on, so batches have 1,437 instead of batch_size=5,000" in result.stderr
    assert read_json(tmp_path / "a" / "summary.json")["steps"] == 2
    assert read_json(tmp_path / "a" / "config.json")["batch_size"] == 5000
