"""Every file of a run, a compression and a study, damaged in every way: the same command ends with one line or rightly.

`again` gives the command of a finished directory once more, `resume` that of one that a kill left before its end.
"""

from __future__ import annotations

import os
import shutil

import pytest

from minjax.main import main
from tests.conftest import ROOT
from tests.tasks.mutations import MUTATIONS, copy

QUICK = ["--config.dataset.name=digits", "--config.tensorboard=False"]
COMMANDS = {
    "train": ["--config=configs/dnn.py", *QUICK, "--config.model.widths=(8,)", "--config.epochs=2"],
    "study": [
        "--config=configs/studies/digits_dnn.py", "--config.study.dnn.widths=(2,8)", "--config.study.dnn.depths=(1,)",
        "--config.study.seeds=2", "--config.epochs=2", "--config.study.amounts=3", "--config.study.bits=(8,2)",
        "--config.dataset.limit_train=200",
    ],
    "compress": [
        "--config=configs/compress/full.py", *QUICK, "--config.model.name=dnn", "--config.model.widths=(6,)",
        "--config.epochs=1", "--config.prune.amounts=2", "--config.quantize.bits=(8,)",
        "--config.compress.joint_method=", "--config.compress.sensitivity_amounts=()",
        "--config.compress.sensitivity_bits=()", "--config.compress.shrink_method=", "--config.compress.pack_bits=(8,)",
        "--config.compress.calibration_images=100", "--config.compress.candidate_amounts=(0.5,)",
        "--config.compress.candidate_bits=(4,)", "--config.compress.retrainings=1",
    ],
    "tables": [
        "--config=configs/paper/tables.py", "--config.tables.networks=dnn", "--config.tables.optimizers=adam",
        "--config.tables.datasets=digits", "--config.epochs=1", "--config.dataset.limit_train=128",
        "--config.tensorboard=False",
    ],
}  # fmt: skip
END = {
    "train": ("summary.json", "predictions.npz", "samples.npz", "report"),
    "study": ("study.json", "report"),
    "compress": ("compression.json", "report"),
    "tables": ("table.json", "report"),
}
CELL = "cells/dnn-digits-adam-s42"
OF_A_CELL = ("nothing", "half of it", "a directory", "another status", "controls in text")
FILES = {
    "train": ("config.json", "summary.json", "metrics.jsonl", "predictions.npz", "samples.npz"),
    "study": ("config.json", "study.json", "points.jsonl"),
    "compress": ("config.json", "compression.json", "compression.jsonl", "trained/config.json", "trained/summary.json"),
    "tables": ("config.json", "table.json", CELL + "/config.json", CELL + "/summary.json", CELL + "/metrics.jsonl"),
}
CASES = [
    (kind, state, file)
    for kind, files in FILES.items()
    for state in ("again", "resume")
    for file in files
    if state == "again" or file not in END[kind]
]


@pytest.fixture(scope="module", name="finished")
def _finished(tmp_path_factory):
    """A finished directory of each kind."""
    folder, before = tmp_path_factory.mktemp("finished"), os.getcwd()
    os.chdir(ROOT)
    try:
        for kind, arguments in COMMANDS.items():
            assert main([*arguments, f"--workdir={folder / kind}"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "state", "file"), CASES)
def test_one_line_or_the_right_result(finished, kind, state, file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    few = file.startswith(CELL)  # a cell is a run, whose files are damaged in every way above
    for name, change in MUTATIONS.items():
        if few and name not in OF_A_CELL:
            continue
        directory = copy(finished / kind, tmp_path / name.replace(" ", "-"))
        for end in END[kind] if state == "resume" else ():
            shutil.rmtree(directory / end) if (directory / end).is_dir() else (directory / end).unlink()
        before = (directory / file).read_bytes()
        change(directory / file)
        if (directory / file).is_file() and (directory / file).read_bytes() == before:
            continue
        code = main([*COMMANDS[kind], f"--workdir={directory}"])
        out, err = capsys.readouterr()
        lines = err.splitlines()
        assert code in (0, 2), (name, code, err)
        assert len(lines) == 1 if code else len(lines) <= 1, (name, err)
        assert all(line.isprintable() and len(line) < 3000 and str(directory) in line for line in lines), (name, err)
        assert "9700" not in out, (name, out)
        shutil.rmtree(directory)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((b'"seed": 42', b'"seed": 99'), "with seed 99 and"),
        ((b'"point": "', b'"point": "f'), "is not a member of this study; remove its line"),
        ((b'"num_params": ', b'"num_params": 1'), "is not a member of this study; remove its line"),
    ],
)
def test_a_member_that_the_study_does_not_plan_is_refused(finished, change, problem, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    directory = copy(finished / "study", tmp_path / "study")
    (directory / "study.json").unlink()
    path = directory / "points.jsonl"
    path.write_bytes(path.read_bytes().replace(*change))
    assert main([*COMMANDS["study"], f"--workdir={directory}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"minjax: error: {path}: ")
    assert problem in line
