"""Run directories read back, and what is wrong with some of them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from minjax.errors import UserError
from minjax.report import run
from minjax.report.record import read


def _replace(path, name, text):
    (path / name).write_text(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: shutil.rmtree(path), "is not a run directory"),
        (lambda path: [child.unlink() for child in path.iterdir()], "is not a run directory"),
        (lambda path: (path / "summary.json").unlink(), "unfinished after epoch 6 of 6"),
        (lambda path: _replace(path, "summary.json", "{"), "is not JSON"),
        (lambda path: _replace(path, "summary.json", "[]"), "is not an object"),
        (lambda path: _replace(path, "summary.json", '{"model": "vit"}'), "has no 'dataset'"),
        (lambda path: _replace(path, "config.json", '{"model": 3}'), "'model' is not an object"),
        (lambda path: _replace(path, "metrics.jsonl", '{"epoch": 1}\nnonsense\n'), "line 2"),
        (lambda path: _replace(path, "metrics.jsonl", '{"step": 1}\n'), "has no epoch"),
        (lambda path: (path / "metrics.jsonl").write_bytes(b"\xff\xfe\n"), "metrics.jsonl"),
        (lambda path: _replace(path, "predictions.npz", "PK"), "predictions.npz"),
        (lambda path: np.savez(path / "predictions.npz", labels=np.zeros(3, int)), "predictions.npz"),
        (
            lambda path: np.savez(path / "predictions.npz", labels=[0, 1], predicted=[0, 2], class_names=["a", "b"]),
            "classes 0 to 2, but 2 class names",
        ),
    ],
)
def test_bad_records_are_one_line_that_names_the_directory(make_run, tmp_path, damage, message):
    path = make_run(tmp_path / "a run", predictions=False)
    damage(path)
    with pytest.raises(UserError) as caught:
        run.write(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_percent_in_a_summary_is_refused(make_run, tmp_path):
    path = make_run(tmp_path)
    summary = json.loads((path / "summary.json").read_text())
    summary["final"]["test_accuracy"] = 91.7
    (path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(UserError, match="not a fraction"):
        run.write(path)


def test_an_epoch_written_twice_counts_once_and_a_half_line_not(make_run, tmp_path):
    path = make_run(tmp_path, epochs=2)
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "test_loss": 0.25}\n{"epoch": 3, "test_l')
    assert read(path).series("test_loss")[0] == [1, 2]
    assert read(path).series("test_loss")[1][1] == 0.25
