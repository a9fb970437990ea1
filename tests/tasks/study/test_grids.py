"""task=study on other grids: further axes, families, the knee alone, members that diverge or fail."""

from __future__ import annotations

import json

import pytest

from minjax.main import main
from minjax.tasks.study import program
from tests.conftest import read_json
from tests.tasks.study.small_studies import PRESET, lines, small

pytestmark = pytest.mark.slow  # whole studies, some in processes of their own


def test_a_diverged_member_is_recorded_and_the_others_go_on(tmp_path):
    directory = tmp_path / "diverged"
    quick = ("--config.study.curves=none", "--config.epochs=2", "--config.study.dnn.depths=(2,)")
    assert main(small(directory, *quick, "--config.study.axes=(('optimizer.learning_rate',(0.1,1e8)),)")) == 0
    members = lines(directory)
    diverged = [line for line in members if line["status"] == "diverged"]
    assert len(diverged) == 65
    assert len(members) == 130
    for line in diverged:
        assert line["labels"]["learning_rate"] == 1e8
        assert line["final"] is None
        assert line["diverged_step"] >= 0
    assert "NaN" not in (directory / "points.jsonl").read_text()
    assert read_json(directory / "study.json")["members"]["diverged"] == len(diverged)


def test_a_failed_program_is_recorded_and_can_be_tried_again(tmp_path, monkeypatch, capsys):
    directory = tmp_path / "failed"
    quick = ("--config.study.curves=none", "--config.epochs=1", "--config.study.seeds=2", "--config.study.programs=2")
    curves = program.Program._curves

    def fail(self, members, trained, stop):
        if len(self.group.points[0].fields["widths"]) == 2:
            raise MemoryError("no room for it")
        return curves(self, members, trained, stop)

    monkeypatch.setattr(program.Program, "_curves", fail)
    assert main(small(directory, *quick)) == 0
    failed = [line for line in lines(directory) if line["status"] == "failed"]
    assert len(failed) == 26
    assert all("no room" in line["error"] for line in failed)
    assert "failed: dnn-2" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(small(directory, *quick)) == 0  # finished: what failed stays
    assert len([line for line in lines(directory) if line["status"] == "failed"]) == 26
    assert main(small(directory, *quick, "--config.study.retry_failed=True")) == 0
    assert {line["status"] for line in lines(directory)} == {"completed"}
    assert len(lines(directory)) == 36


def test_the_knee_alone(tmp_path, capsys):
    directory = tmp_path / "knee"
    quick = ("--config.study.extent=knee", "--config.study.dnn.depths=(1,)", "--config.study.coarse=3")
    widths = "--config.study.dnn.widths=(1,2,3,4,6,8,12,16,24,32,48,64)"
    assert main(small(directory, *quick, widths, "--config.epochs=6")) == 0
    sizes = {line["num_params"] for line in lines(directory)}
    assert 5 < len(sizes) < 12
    (certificate,) = read_json(directory / "study.json")["findings"]["certificates"]
    assert certificate["minimal"]["grid"] == sorted(sizes)
    assert "parameters" in capsys.readouterr().out


def test_dry_run_writes_nothing(tmp_path, capsys):
    directory = tmp_path / "dry"
    assert main(small(directory, "--config.study.dry_run=True")) == 0
    printed = capsys.readouterr().out
    assert "dnn-2-equal-32" in printed
    assert "predicted" in printed
    assert "18 distinct networks" in printed
    assert not directory.exists()


def test_a_further_axis_is_swept(tmp_path):
    directory = tmp_path / "rates"
    axis = "--config.study.axes=(('optimizer.learning_rate',(0.1,0.01)),)"
    quick = ("--config.study.curves=none", "--config.epochs=1", "--config.study.seeds=2")
    grid = ("--config.study.dnn.widths=(4,8)", "--config.study.dnn.depths=(1,)")
    assert main(small(directory, *quick, *grid, axis)) == 0
    labels = {(line["labels"]["width"], line["settings"]["optimizer.learning_rate"]) for line in lines(directory)}
    ways = [way["settings"] for way in read_json(directory / "study.json")["training"]]
    assert [way["optimizer.learning_rate"] for way in ways] == [0.1, 0.01]
    assert labels == {(4, 0.1), (8, 0.1), (4, 0.01), (8, 0.01)}
    assert len({json.dumps(line["final"]) for line in lines(directory)}) == 8
    found = read_json(directory / "study.json")
    assert found["compilations"] == 1  # learning rates are arguments of the program
    alone = tmp_path / "alone"
    assert main(small(alone, *quick, *grid, "--config.optimizer.learning_rate=0.01")) == 0
    every = {(line["point"], line["seed"]): line["final"] for line in lines(directory)}
    for line in lines(alone):
        assert every[line["point"], line["seed"]] == line["final"]


def test_the_number_of_training_images_can_be_an_axis(tmp_path):
    directory = tmp_path / "limits"
    quick = ("--config.study.curves=none", "--config.epochs=1", "--config.study.seeds=2")
    grid = ("--config.study.dnn.widths=(4,)", "--config.study.dnn.depths=(1,)", "--config.dataset.limit_train=None")
    axis = "--config.study.axes=(('dataset.limit_train',(None,300)),)"
    assert main(small(directory, *quick, *grid, axis)) == 0
    every = {(line["settings"].get("dataset.limit_train"), line["seed"]): line for line in lines(directory)}
    assert len(every) == 4
    alone = tmp_path / "alone"
    assert main(small(alone, *quick, *grid[:2], "--config.dataset.limit_train=300")) == 0
    for line in lines(alone):
        assert every[300, line["seed"]]["point"] == line["point"]
        assert every[300, line["seed"]]["final"] == line["final"]
        assert every[None, line["seed"]]["final"] != line["final"]


def test_a_convolutional_member_is_the_same_padded_and_alone(tmp_path):
    """To rounding, which moves an image or two; its curves too."""
    quick = (
        "--config.study.families=('cnn',)", "--config.study.cnn.depths=(2,)", "--config.study.cnn.paddings=('SAME',)",
        "--config.study.cnn.blocks=('separable',)", "--config.study.cnn.batch_norms=(True,)",
        "--config.study.cnn.heads=('average',)", "--config.study.seeds=2", "--config.epochs=2",
        "--config.study.curves=all",
    )  # fmt: skip
    assert main(small(tmp_path / "both", *quick, "--config.study.cnn.channels=(2,3)")) == 0
    assert read_json(tmp_path / "both" / "study.json")["compilations"] == 2  # training, curves
    assert main(small(tmp_path / "alone", *quick, "--config.study.cnn.channels=(2,)")) == 0
    both = {(line["point"], line["seed"]): line for line in lines(tmp_path / "both")}
    assert len(both) == 4
    for line in lines(tmp_path / "alone"):
        other = both[line["point"], line["seed"]]
        assert other["num_params"] == line["num_params"]
        assert other["final"] == pytest.approx(line["final"], rel=1e-4, abs=0.01)
        for kind in ("pruning", "quantization"):
            for ours, theirs in zip(line["curves"][kind], other["curves"][kind], strict=True):
                assert ours == pytest.approx(theirs, rel=1e-3, abs=0.02)


def test_families_without_padding(tmp_path):
    directory = tmp_path / "families"
    arguments = (
        "--config.study.families=('cnn','vit')", "--config.study.cnn.channels=(1,2)", "--config.study.vit.depths=(1,)",
        "--config.study.vit.dims=(8,)", "--config.study.seeds=2", "--config.epochs=1", "--config.study.amounts=3",
        "--config.study.bits=(8,2)",
    )  # fmt: skip
    assert main([f"--config={PRESET}", f"--workdir={directory}", "--config.dataset.limit_train=300", *arguments]) == 0
    members = lines(directory)
    assert {line["family"] for line in members} == {"cnn", "vit"}
    assert len(members) == 6
    assert all(line["curves"]["quantization"][0][0] == 8 for line in members)
