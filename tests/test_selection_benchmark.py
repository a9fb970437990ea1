"""The simulation of minimal sizes: a small run of it, resumed, and its page."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from minjax.errors import UserError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def selection(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("selection")
    for name in ("selection", "selection_table", "simulated"):
        sys.modules.pop(name, None)


def command(tmp_path: Path, studies: int, *more: str) -> list[str]:
    where = [f"--out={tmp_path / 'record.json'}", f"--folder={tmp_path / 'outcomes'}"]
    return [*where, f"--studies={studies}", "--points=12", "--images=360", *more]


def test_a_run_goes_on_and_is_the_same(selection, tmp_path, capsys):
    selection.main(command(tmp_path, 2))
    selection.main(command(tmp_path, 3))
    once = json.loads((tmp_path / "record.json").read_text())
    assert len(once) == 12  # two curves, three noises, two answers
    assert all(row["studies"] == 3 and 0 <= row["covered"] <= 1 for row in once)
    (tmp_path / "again").mkdir()
    selection.main(command(tmp_path / "again", 3))
    assert json.loads((tmp_path / "again" / "record.json").read_text()) == once
    table = importlib.import_module("selection_table")
    table.main([f"--record={tmp_path / 'record.json'}", f"--out={tmp_path / 'page.md'}"])
    page = (tmp_path / "page.md").read_text()
    assert page.count("| logistic |") == 6
    assert "6 cells, 18 studies" in page


def test_time_that_is_over_is_said(selection, tmp_path):
    with pytest.raises(UserError, match="the same command goes on"):
        selection.main(command(tmp_path, 1, "--minutes=-1"))


def test_simulated_accuracies_are_the_true_ones(selection):
    simulated = importlib.import_module("simulated")
    rng = np.random.default_rng(0)
    known = simulated.truth("logistic", 12, 0.003, rng)
    learned = (known.mean > 0.5) & (known.failing == 0) & (known.deviation < 0.02)
    errors = []
    for _ in range(20):
        study = simulated.Study(known, 1000, True, rng)
        errors.append([one.accuracy.mean() - known.mean[int(one.point)] for one in study.candidates])
    assert np.abs(np.mean(errors, axis=0)[learned]).max() < 0.006
