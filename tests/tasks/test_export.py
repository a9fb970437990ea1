"""task=export and task=predict through the command, on a run of the digits; and reading what a run leaves."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minjax
from minjax import compress, data
from minjax.deploy.network import describe
from minjax.errors import UserError
from minjax.records.export import read_export
from minjax.records.run import read_predictions, read_run
from tests.conftest import minjax as command
from tests.report.reading import links_of, needs_no_other_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Three epochs of a small DNN."""
    directory = tmp_path_factory.mktemp("runs") / "dnn"
    done = command("--config.epochs=3", "--config.model.widths=(20,)", f"--workdir={directory}")
    assert done.returncode == 0, done.stderr
    return directory


def export(run: Path, *arguments: str):
    return command(f"--config.run={run}", *arguments, preset="configs/export.py")


def copy(run: Path, where: Path) -> Path:
    return Path(shutil.copytree(run, where, ignore=shutil.ignore_patterns("export")))


def test_a_run_predicts_what_its_evaluation_did(run):
    predictor, record = minjax.load(run), read_run(run)
    digits = data.load("digits")
    assert record.predictions is not None
    assert record.summary is not None
    names = [predictor.classes[i] for i in record.predictions.predicted]
    assert predictor.predict(digits.test.images) == names
    assert predictor.about["test_accuracy"] == record.summary.final.test_accuracy
    assert predictor.network.num_params == record.summary.num_params
    assert record.summary.sheet is not None
    assert (record.summary.sheet.macs, record.summary.sheet.ram_bytes_int8) == (64 * 20 + 20 * 10, 64 + 20)
    assert "RAM of activations in int8 | 84 bytes" in (run / "report" / "report.md").read_text()


def test_a_packed_file_predicts(run, tmp_path):
    network = minjax.load(run).network
    about = json.loads(json.dumps(describe(network)))
    compress.save_packed(tmp_path / "8bit.mjx", network.variables, bits=8, include=("*/kernel",), about=about)
    packed = minjax.load(tmp_path / "8bit.mjx")
    images = data.load("digits").test.images
    assert np.mean(np.array(packed.predict(images)) == np.array(minjax.load(run).predict(images))) > 0.97
    assert packed.classes == tuple("0123456789")


def test_export_writes_verifies_and_records(run):
    done = export(run, "--config.export.formats=safetensors,stablehlo")
    assert done.returncode == 0, done.stderr
    record, summary = read_export(run / "export"), read_run(run).summary
    assert [(file.format, file.status) for file in record.files] == [
        ("safetensors", "verified"),
        ("stablehlo", "verified"),
    ]
    assert record.accuracy == summary.final.test_accuracy
    assert record.files[0].checks[0].images == 360
    assert "model.stablehlo" in done.stdout
    page = (run / "report" / "report.md").read_text()
    assert "## Exported files" in page
    assert "| stablehlo | model.stablehlo |" in page
    assert minjax.load(run / "export" / "model.safetensors").predict(data.load("digits").test.images[:3])


def test_export_of_int8_that_loses_too_much_ends_with_2(run):
    pytest.importorskip("onnxruntime")
    formats = "--config.export.formats=onnx_int8,safetensors"
    done = export(run, formats, "--config.export.max_accuracy_drop=0", "--config.export.calibration_images=10")
    record = read_export(run / "export")
    lost = record.files[0].checks[0].accuracy < record.accuracy
    assert done.returncode == (2 if lost else 0)
    assert (run / "export" / "model_int8.onnx").exists() != lost
    assert record.files[1].status == "verified"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.export.formats=onx"], "export.formats has 'onx'; each must be"),
        (["--config.export.calibration_images=9"], "9 images to calibrate int8 on"),
        (["--config.run="], "task=export needs a finished run"),
        (["--config.run=no/where"], "no/where: no such run or file"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, tmp_path, arguments, message):
    where = copy(run, tmp_path / "run")
    done = export(where, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
    assert not (where / "export").exists()


def test_a_diverged_and_an_unfinished_run_are_refused(run, tmp_path):
    where = copy(run, tmp_path / "run")
    summary = json.loads((where / "summary.json").read_text())
    (where / "summary.json").write_text(json.dumps(summary | {"status": "diverged", "diverged_step": 7}))
    with pytest.raises(UserError, match="the run is diverged, so it has no network to use"):
        minjax.load(where)
    (where / "summary.json").unlink()
    with pytest.raises(UserError, match=r"is not finished: it has no summary\.json"):
        minjax.load(where)


def test_a_study_stands_for_its_winner(run, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"format": 2, "task": "study"}))
    with pytest.raises(UserError, match="is a study without a winner"):
        minjax.load(tmp_path)
    copy(run, tmp_path / "winner")
    assert minjax.load(tmp_path).about["path"] == str(tmp_path / "winner")
    done = export(tmp_path, "--config.export.formats=safetensors")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "winner" / "export" / "model.safetensors").exists()


def test_other_directories_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"is not a run directory: it has no config\.json"):
        minjax.load(tmp_path)
    (tmp_path / "a.mjx").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is not a packed file"):
        minjax.load(tmp_path / "a.mjx")
    (tmp_path / "a.txt").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is not a network: name a run's directory"):
        minjax.load(tmp_path / "a.txt")
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"cannot read .*a\.safetensors"):
        minjax.load(tmp_path / "a.safetensors")


def test_predict_writes_a_table_and_says_how_many_are_right(run, tmp_path):
    test = data.load("digits").test
    for i in range(12):
        (tmp_path / "photos" / str(test.labels[i])).mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.images[i, :, :, 0]).save(tmp_path / "photos" / str(test.labels[i]) / f"{i}.png")
    (tmp_path / "photos" / "0" / "bad.png").write_bytes(b"bad")
    arguments = [f"--config.run={run}", f"--config.predict.images={tmp_path / 'photos'}", f"--workdir={tmp_path}"]
    done = command(*arguments, preset="configs/predict.py")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "bad.png" in done.stderr
    assert not (tmp_path / "predictions.csv").exists()
    done = command(*arguments, "--config.predict.skip_damaged=True", preset="configs/predict.py")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "predictions.csv").read_text().splitlines()))
    right = sum(Path(row["path"]).parent.name == row["class"] for row in rows)
    assert len(rows) == 12
    assert f"{100 * right / 12:.2f} % are in the folder of their class" in done.stdout
    assert "bad.png" in done.stdout
    assert sum(float(rows[0][f"p({name})"]) for name in "0123456789") == pytest.approx(1, abs=1e-5)
    page = tmp_path / "predictions-report" / "index.html"
    assert f"report: {page}" in done.stdout
    assert f"{right} of 12 images are in the folder of the class" in page.read_text()
    needs_no_other_file(page, pictures=2 + (right < 12))
    assert str(run / "report" / "index.html") in [str((page.parent / link).resolve()) for link in links_of(page)]
    kept = read_predictions(page.parent / "predictions.npz")
    assert [kept.class_names[i] for i in kept.predicted] == [row["class"] for row in rows]


def test_predict_without_true_folders_writes_no_report(run, tmp_path):
    Image.fromarray(data.load("digits").test.images[0, :, :, 0]).save(tmp_path / "a.png")
    arguments = [f"--config.run={run}", f"--config.predict.images={tmp_path / 'a.png'}", f"--workdir={tmp_path}"]
    done = command(*arguments, preset="configs/predict.py")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "predictions.csv"]
