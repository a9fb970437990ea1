"""A wheel, installed away from the checkout: everything works from an empty directory with nothing but the package."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests import arrows
from tests.conftest import ROOT, read_json

pytestmark = pytest.mark.slow
QUICK = ["--config.tensorboard=False", "--config.epochs=15", "--config.batch_size=16"]
RUN = "runs/cnn-my-images-sgdm-s42"


def pip(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "pip", *arguments, "-q"], capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module", name="installed")
def _installed(tmp_path_factory) -> Path:
    """The package as a wheel installs it, in a folder of its own; what it depends on is that of these tests."""
    place = tmp_path_factory.mktemp("installed")
    new_enough = int(metadata.version("setuptools").split(".")[0]) >= 77
    isolation = ["--no-build-isolation"] if new_enough else []
    built = pip("wheel", "--no-deps", *isolation, f"--wheel-dir={place}", str(ROOT))
    if built.returncode and not new_enough:
        pytest.skip("building a wheel needs setuptools 77, here or from the network")
    assert built.returncode == 0, built.stderr
    (wheel,) = place.glob("minjax-*.whl")
    assert pip("install", "--no-deps", f"--target={place / 'packages'}", str(wheel)).returncode == 0
    return place / "packages"


@pytest.fixture(scope="module", name="run")
def _run(installed, tmp_path_factory):
    """Runs the installed command in a directory that holds a user's images and a foreign package called configs."""
    directory = tmp_path_factory.mktemp("empty")
    arrows.write(directory / "my-images", 100)
    arrows.write(directory / "photos", 5, seed=9)
    (directory / "configs").mkdir()
    (directory / "configs" / "__init__.py").write_text("raise ImportError('this is not the configs of minjax')\n")

    def run(*arguments: str, module: str = "minjax") -> tuple[str, Path]:
        environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
        command = [str(installed / "bin" / "minjax")] if module == "minjax" else [sys.executable, "-m", module]
        result = subprocess.run(
            [*command, *arguments], cwd=directory, env=environment, capture_output=True, text=True, timeout=600
        )
        assert result.returncode == 0, result.stderr
        return result.stdout, directory

    return run


def test_presets_are_a_part_of_the_package_and_nothing_else_is_installed(installed, run):
    installed_there = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert installed_there == {"minjax", "bin"}
    assert (installed / "minjax" / "configs" / "paper" / "resnet18_s.py").is_file()
    shown, _ = run("presets")
    assert f"They are in {installed / 'minjax' / 'configs'}." in shown
    assert run("--version")[0].startswith("minjax ")


def test_from_a_folder_of_images_to_files_for_a_device(run):
    shown, directory = run("train", "my-images", "--config=cnn", *QUICK)
    assert "my-images: 288 train, 32 validation, 80 test images, 4 classes; augmentation: crop" in shown
    summary = read_json(directory / RUN / "summary.json")
    assert summary["command"].startswith("minjax train my-images --config=cnn")
    assert summary["final"]["test_accuracy"] > 0.5  # four directions, which mirror images would make three
    assert "this run is finished" in run(*summary["command"].split()[1:])[0]

    run("predict", RUN, "photos")
    with open(directory / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    right = sum(Path(row["path"]).parent.name == row["class"] for row in rows)
    assert right > 10

    run("export", RUN)
    made = read_json(directory / RUN / "export" / "export.json")
    assert {file["file"] for file in made["files"]} == {"model.stablehlo", "model.safetensors"}
    run("export", RUN, "--formats=c", "--config.export.max_accuracy_drop=1.")
    assert (directory / RUN / "export" / "c" / "model.c").is_file()


def test_the_smallest_network_for_ones_own_images(run):
    """A study of two networks, to its end: nothing here is about how good its answer is."""
    study = {"families": "dnn", "dnn.widths": "2,6", "dnn.depths": "1", "seeds": 2, "fresh_seeds": 2}
    study |= {"learning_rates": 1, "epoch_doublings": 0, "target_accuracy": 0.3, "budget_minutes": 60}
    flags = [f"--config.study.{field}={value}" for field, value in study.items()]
    shown, directory = run("find-min", "my-images", *flags, "--config.epochs=2")
    place = Path("runs/find-min-my-images-sgdm-s42")
    assert f"report: {place}/report/index.html" in shown
    assert (directory / place / "winner" / "config.json").is_file()
    shown, _ = run("predict", str(place), "photos")
    assert "20 images" in shown
    run("export", str(place), "--formats=safetensors")
    assert (directory / place / "winner" / "export" / "model.safetensors").is_file()


def test_the_older_form_of_the_command_finds_the_presets_too(run):
    config = "--config=configs/dnn.py"
    shown, directory = run(
        config, "--config.dataset.name=digits", "--config.epochs=1", "--config.tensorboard=False", module="minjax.main"
    )
    assert "work directory: runs/dnn-digits-sgdm-s42" in shown
    recorded = read_json(directory / "runs" / "dnn-digits-sgdm-s42" / "summary.json")["command"]
    assert recorded.startswith(f"python -m minjax.main {config}")


def test_compress_writes_a_file_that_predicts(run):
    quick = ["--config.quantize.bits=8", "--config.prune.methods=global_l1"]
    run("train", "digits", "--config=dnn", "--config.model.widths=32", "--config.name=small", *QUICK)
    shown, directory = run("compress", "runs/small-digits-sgdm-s42", *quick, "--workdir=runs/compressed")
    assert (directory / "runs" / "compressed" / "report" / "index.html").is_file(), shown
