"""The recommended file: on the disk, loadable, with the bytes and the accuracy that it states; resumed as it was."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import minjax
from minjax.errors import UserError
from minjax.main import main
from minjax.records.compression import CompressionSummary, read_compression
from minjax.records.record import read, read_config
from minjax.records.run import PREDICTIONS, read_predictions, read_summary
from minjax.tasks.assembly import load_data
from minjax.tasks.compress import trained
from tests.conftest import ROOT, command
from tests.tasks.compress.commands import timeless

PRESET = "configs/compress/default.py"
FEW = (
    "--config.compress.candidate_amounts=(0.5,0.8,0.9)",
    "--config.compress.candidate_bits=(8,4,2)",
    "--config.compress.screening_images=120",
    "--config.compress.retrainings=2",
    "--config.compress.retrain_epochs=1",
    "--config.compress.calibration_images=100",
)
MODEL = (
    "--config.model.name=cnn",
    "--config.model.channels=(6,8)",
    "--config.model.padding=SAME",
    "--config.model.batch_norm=True",
    "--config.epochs=3",
)
pytestmark = pytest.mark.slow


def run(*arguments: str, directory: Path) -> int:
    """Compress in this process."""
    quick = ["--config.dataset.name=digits", "--config.tensorboard=False"]
    return main([f"--config={ROOT / PRESET}", *quick, *arguments, f"--workdir={directory}"])


def summary_of(directory: Path) -> CompressionSummary:
    return read(directory / "compression.json", CompressionSummary)


@pytest.fixture(scope="module", name="finished")
def _finished(tmp_path_factory):
    """A compression that trained its network first."""
    directory = tmp_path_factory.mktemp("recommending") / "run"
    assert run(*MODEL, *FEW, directory=directory) == 0
    return directory


def source(finished: Path) -> str:
    return f"--config.run={finished / 'trained'}"


def test_the_files_are_what_is_stated(finished):
    summary = summary_of(finished)
    dataset = load_data(read_config(finished / "trained"))
    choice, file = summary.choice, summary.recommended
    assert choice.selection == "validation"
    assert (choice.images, choice.screening_images, choice.dense.images) == (287, 120, 287)
    assert summary.runner_up.bytes >= file.bytes or not summary.runner_up.keeps
    for chosen in (file, summary.runner_up):
        assert (finished / chosen.path).stat().st_size == chosen.bytes
        predictor = minjax.load(finished / chosen.path)
        for split, scored in ((dataset.validation, chosen.validation), (dataset.test, chosen.test)):
            right = predictor.logits(split.images).argmax(-1) == split.labels
            assert scored.accuracy == right.mean()
            assert scored.images == len(right)
            assert scored.interval[0] < scored.accuracy < scored.interval[1] or scored.accuracy == 1
        assert chosen.keeps <= (chosen.validation.accuracy >= choice.floor)
        assert chosen.loss == pytest.approx(choice.dense.accuracy - chosen.validation.accuracy)
        assert [entry.name for entry in chosen.classes] == list(dataset.class_names)
        assert sum(entry.images for entry in chosen.classes) == len(dataset.test)
        right = sum(entry.compressed * entry.images for entry in chosen.classes)
        assert right == pytest.approx(chosen.test.accuracy * len(dataset.test))
    assert file.keeps
    assert minjax.load(finished).network.about["path"] == str(finished / file.path)
    assert str(finished / file.path) in file.command
    assert not (finished / "candidates").exists()


def test_everything_is_chosen_on_validation_images_alone(finished):
    measured = read_compression(finished).measurements
    assert {m.curve for m in measured} == {"candidate", "confirmed"}
    assert {m.split for m in measured} == {"validation"}
    assert {m.images for m in measured if m.curve == "candidate"} == {120}
    assert {m.images for m in measured if m.curve == "confirmed"} == {287}
    kinds = {(m.method is not None, m.bits is not None, m.retrained) for m in measured}
    assert {(True, False, False), (False, True, False), (True, True, False)} <= kinds


def test_shrunk_networks_are_runs(finished):
    (shrunk,) = summary_of(finished).shrink
    directory = finished / shrunk.path
    predictor, dataset = minjax.load(directory), load_data(read_config(directory))
    right = predictor.logits(dataset.test.images).argmax(-1) == dataset.test.labels
    result = read_summary(directory)
    assert right.mean() == shrunk.test.accuracy == result.final.test_accuracy
    assert result.best_validation.validation_accuracy == shrunk.validation.accuracy
    assert predictor.network.num_params == shrunk.params_after == result.num_params < shrunk.params_before
    assert np.array_equal(read_predictions(directory / PREDICTIONS).predicted == dataset.test.labels, right)
    again = trained.load(directory)
    assert again.summary.steps == result.steps


def test_the_console_says_it_once_more_when_it_is_finished(finished, capsys):
    assert run(*MODEL, *FEW, directory=finished) == 0
    out = capsys.readouterr().out
    assert "this compression is finished: recommended: " in out
    assert f"minjax predict {finished / 'recommended.mjx'} IMAGES" in out


def test_other_bits_later_without_measuring_again(finished, tmp_path, capsys):
    directory = tmp_path / "run"
    shutil.copytree(finished, directory)
    before = (directory / "compression.jsonl").read_bytes()
    arguments = (*MODEL, *FEW, "--config.compress.pack_bits=(5,)", "--config.compress.pack_amount=0.4")
    assert run(*arguments, directory=directory) == 0
    assert (directory / "compression.jsonl").read_bytes() == before
    names = ["packed/5bit.mjx", "packed/global_l1-0.4-float32.mjx", "packed/global_l1-0.4-5bit.mjx"]
    summary = summary_of(directory)
    assert [file.file for file in summary.packed] == names
    assert summary.recommended == summary_of(finished).recommended
    dataset = load_data(read_config(directory / "trained"))
    for file in summary.packed:
        predictor = minjax.load(directory / file.file)
        assert (predictor.logits(dataset.test.images).argmax(-1) == dataset.test.labels).mean() == file.accuracy
        assert file.same_predictions
    written = (directory / names[0]).stat().st_mtime_ns
    capsys.readouterr()
    assert run(*arguments, directory=directory) == 0
    assert (directory / names[0]).stat().st_mtime_ns == written


def test_a_recommended_file_that_is_gone_is_written_again(finished, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(finished, directory)
    (directory / "recommended.mjx").unlink()
    assert run(*MODEL, *FEW, directory=directory) == 0
    assert (directory / "recommended.mjx").read_bytes() == (finished / "recommended.mjx").read_bytes()
    ours, theirs = summary_of(directory).recommended, summary_of(finished).recommended
    assert (ours.bytes, ours.validation, ours.test) == (theirs.bytes, theirs.validation, theirs.test)


@pytest.mark.parametrize("kept", [0, 1, 8, -4, -3, -1, None])
def test_resumed_from_any_of_its_lines_it_is_as_undisturbed(finished, kept, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(finished, directory)
    lines = (directory / "compression.jsonl").read_text().splitlines(keepends=True)
    (directory / "compression.jsonl").write_text("".join(lines[:kept]) + '{"curve": "cand')
    (directory / "compression.json").unlink()
    if kept is not None:
        shutil.rmtree(directory / "retrained")  # these networks are trained again, to the same bits
        (directory / "recommended.mjx").unlink()
    assert run(*MODEL, *FEW, directory=directory) == 0
    assert Counter(timeless(directory)) == Counter(
        timeless(finished)
    )  # a wave that was cut short ends in another order
    for name in ("recommended.mjx", "runner_up.mjx"):
        assert (directory / name).read_bytes() == (finished / name).read_bytes()
    ours, theirs = summary_of(directory), summary_of(finished)
    assert (ours.choice, ours.recommended.test) == (theirs.choice, theirs.recommended.test)


def test_killed_while_it_trains_again(finished, tmp_path):
    directory = tmp_path / "killed"
    arguments = command(source(finished), *FEW, f"--workdir={directory}", preset=PRESET)
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(2400):
        if (directory / "retrained").exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (directory / "compression.json").exists()
    assert run(source(finished), *FEW, directory=directory) == 0
    assert Counter(timeless(directory)) == Counter(timeless(finished))
    assert summary_of(directory).recommended.bytes == summary_of(finished).recommended.bytes


def test_a_target_that_nothing_reaches_is_an_answer(finished, tmp_path, capsys):
    directory = tmp_path / "run"
    assert run(source(finished), *FEW, "--config.compress.target_accuracy=0.9999", directory=directory) == 0
    out = capsys.readouterr().out
    assert "no compressed version keeps an accuracy of at least 99.99 %" in out
    summary = summary_of(directory)
    assert (summary.recommended, summary.choice.reached, summary.runner_up.keeps) == (None, False, False)
    assert not (directory / "recommended.mjx").exists()
    assert minjax.load(directory / summary.runner_up.path).classes
    with pytest.raises(UserError, match="recommends no file; name one of its packed files: "):
        minjax.load(directory)


def test_a_target_that_guessing_reaches_is_a_mistake(finished, tmp_path, capsys):
    for arguments in ((source(finished),), MODEL):
        directory = tmp_path / "run"
        assert run(*arguments, "--config.compress.target_accuracy=0.1", directory=directory) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "compress.target_accuracy is 0.1; it must be above 0.1" in line
        assert line.endswith("always answering the commonest class reaches that")
        assert not directory.exists()


def test_without_a_validation_split_it_says_that_it_chose_on_test(tmp_path, capsys):
    directory = tmp_path / "run"
    arguments = ("--config.model.name=dnn", "--config.model.widths=(12,)", "--config.epochs=2")
    assert run(*arguments, *FEW, "--config.dataset.validation_fraction=0", directory=directory) == 0
    summary = summary_of(directory)
    assert (summary.choice.selection, summary.recommended.validation) == ("test", None)
    assert "which it was chosen on, so slightly too high" in capsys.readouterr().out
    assert "Chosen on the test split" in (directory / "report" / "report.md").read_text()
