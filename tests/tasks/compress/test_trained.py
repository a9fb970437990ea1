"""Runs that can be compressed and runs that cannot; one copy of the training images for all trainings."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from minjax.main import main
from minjax.records.record import write_config
from minjax.tasks.compress.trained import directory_of, load
from minjax.tasks.compress.tuning import Tuner
from tests.conftest import ROOT
from tests.tasks.compress.commands import NONE, PRESET


@pytest.mark.slow
def test_the_training_images_are_placed_once(run, monkeypatch):
    directory, _ = run
    placed, device_put = [], jax.device_put

    def counted(x, *args, **kwargs):
        placed.extend(leaf.shape for leaf in jax.tree.leaves(x) if isinstance(leaf, np.ndarray))
        return device_put(x, *args, **kwargs)

    monkeypatch.setattr(jax, "device_put", counted)
    trained = load(directory / "trained")
    tuners = [Tuner(trained, 1, rate) for rate in (0.1, None)]
    images = trained.parts.engine.train.images
    assert placed.count(images.shape) == 1
    assert {tuner.engine.train.images.unsafe_buffer_pointer() for tuner in tuners} == {images.unsafe_buffer_pointer()}


@pytest.mark.slow
def test_runs_that_cannot_be_compressed(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    directory, _ = run
    trained = directory / "trained"

    def attempt(source) -> str:
        assert main([f"--config={PRESET}", f"--config.run={source}", *NONE, f"--workdir={tmp_path / 'out'}"]) == 2
        return capsys.readouterr().err

    assert "is a run of task=compress; task=compress needs a finished one of task=train" in attempt(directory)
    for name, change, message in (
        ("unfinished", lambda d: (d / "summary.json").unlink(), "is not finished .it has no summary.json"),
        ("interrupted", lambda d: status(d, "interrupted"), "is not finished: its status is interrupted"),
        ("other", architecture, "no checkpoint can be read as a cnn for 10 classes"),
        ("empty", lambda d: shutil.rmtree(d / "checkpoints"), "has no checkpoints"),
    ):
        copy = tmp_path / name
        shutil.copytree(trained, copy)
        change(copy)
        assert re.search(message, attempt(copy)), name
        assert not (tmp_path / "out" / "config.json").exists(), name  # so that another run is not refused
    code = main(
        [
            f"--config={PRESET}",
            f"--config.run={trained}",
            "--config.prune.include=('conv9*',)",
            f"--workdir={tmp_path / 'p'}",
        ]
    )
    assert code == 2
    assert "'conv9*' matches no parameter; there are: conv1/kernel" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()  # so that the corrected command is not refused


@pytest.mark.slow
def test_another_network_is_another_compression(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    moved = tmp_path / "moved"
    shutil.copytree(run[0] / "trained", moved)
    arguments = [f"--config={PRESET}", *NONE, f"--workdir={tmp_path / 'out'}"]
    assert main([*arguments, f"--config.run={run[0] / 'trained'}"]) == 0
    assert main([*arguments, f"--config.run={moved}"]) == 0
    assert "this compression is finished" in capsys.readouterr().out
    changed(moved / "config.json", lambda config: config.update(seed=7))
    assert main([*arguments, f"--config.run={moved}"]) == 2
    assert "training.seed: there " in capsys.readouterr().err


def status(directory: Path, value: str) -> None:
    changed(directory / "summary.json", lambda summary: summary.update(status=value))


def architecture(directory: Path) -> None:
    changed(directory / "config.json", lambda config: config["model"].update(channels=[6, 9]))


def changed(path: Path, change: Callable[[dict], None]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_of_a_study_the_winner_is_meant(tmp_path):
    study, run = tmp_path / "study", tmp_path / "run"
    for directory, task in ((study, "study"), (study / "winner", "train"), (run, "train"), (run / "winner", "train")):
        write_config(directory, {"task": task})
    assert directory_of(str(study)) == study / "winner"
    assert directory_of(str(run)) == run
    assert directory_of(str(tmp_path / "nothing")) == tmp_path / "nothing"
