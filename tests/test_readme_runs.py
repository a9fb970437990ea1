"""Every command and every Python block of the README and the guides is run as written, on a small folder of images.

To a command that trains, flags are appended as a user would append them: one epoch, a smaller network or grid, and the
folder in place of a data set that would have to be downloaded. Everything before them is the page's own.
"""

from __future__ import annotations

import contextlib
import glob
import re
import shutil
from pathlib import Path
from string import Template

import pytest
from PIL import Image

from minjax import models
from minjax.main import main
from tests import arrows
from tests.report.reading import undrawn
from tests.test_readme import GUIDES, OWN, bash_blocks, minjax_arguments, python_blocks

pytestmark = pytest.mark.slow
ONE_EPOCH = ("--config.epochs=1", "--config.tensorboard=False")
SMALL = ("--config.model.name=dnn", "--config.model.widths=8", "--config.name=resnet18_s")  # where it would go
FOLDER = ("--config.dataset.name=folder", "--config.dataset.path=my-images", "--config.name=downloaded")
ONE_VERSION = (
    "--config.prune.amounts=2", "--config.prune.methods=global_l1", "--config.quantize.bits=8",
    "--config.compress.calibration_images=20", "--config.compress.candidate_methods=global_l1",
    "--config.compress.candidate_amounts=0.5", "--config.compress.candidate_bits=8", "--config.compress.retrainings=0",
)  # fmt: skip
ONE_CURVE = (
    "--config.compress.joint_method=", "--config.compress.sensitivity_amounts=", "--config.compress.sensitivity_bits=",
    "--config.compress.shrink_method=", "--config.compress.latency_batch=0",
)  # fmt: skip
FEW_NETWORKS = (
    "--config.epochs=1", "--config.study.seeds=2", "--config.study.fresh_seeds=0", "--config.study.learning_rates=1",
    "--config.study.epoch_doublings=0", "--config.study.curves=none", "--config.study.dnn.depths=1",
    "--config.study.dnn.widths=3,6",
)  # fmt: skip
THREE_FAMILIES = (
    *FEW_NETWORKS, "--config.study.cnn.channels=2", "--config.study.cnn.depths=1", "--config.study.vit.dims=4",
    "--config.study.vit.depths=1",
)  # fmt: skip
ONE_RUN = (
    "--config.epochs=1", "--config.tables.networks=dnn", "--config.tables.optimizers=sgdm", "--config.tables.seeds=1",
)  # fmt: skip
DNN = ("--config.study.families=dnn",)
# What is appended to a command, by what it begins with; the first that fits.
APPENDED = {
    "train cifar10": (*ONE_EPOCH, *SMALL, *FOLDER),
    "train my-images --config=vit_s": (*ONE_EPOCH, "--config.model.dim=8", "--config.model.depth=1"),
    "train": (*ONE_EPOCH, *SMALL),
    "--config=paper": (*ONE_EPOCH, *SMALL, *FOLDER, "--config.name=paper"),
    "--config=configs/digits": (*ONE_EPOCH, *SMALL, "--config.name=digits"),
    "find-min": (*FEW_NETWORKS, *DNN),
    "--config=studies/mnist_min": (
        *FEW_NETWORKS, *FOLDER, "--config.study.cnn.channels=2", "--config.study.cnn.depths=3",
        "--config.study.cnn.kernels=3",
    ),
    "--config=studies/digits_dnn": FEW_NETWORKS,
    "--config=studies/digits": THREE_FAMILIES,
    "--config=studies/paper --config.study.dry_run": (*THREE_FAMILIES, "--config.study.datasets=digits"),
    "--config=studies/paper": (*THREE_FAMILIES, "--config.study.datasets=MNIST=my-mnist"),
    "compress": (*ONE_VERSION, *ONE_CURVE),
    "tables --config.tables.datasets=CIFAR-10": ONE_RUN,
    "tables": (*ONE_RUN, "--config.tables.datasets=digits"),
}  # fmt: skip
# How the blocks begin whose pictures are drawn: between them they have a page of every kind.
DRAWN = ("train my-images compress", "compress runs/paper-tables")
FURTHER = {  # by preset: what it does besides, once
    "compress/rounds": ("--config.prune.series=one_shot", "--config.prune.rounds=1", "--config.prune.epochs=1"),
    "compress/aware": ("--config.quantize.aware_bits=2", "--config.quantize.aware_epochs=1"),
}


def minjax_commands(block: list[list[str]]) -> list[tuple[str, list[str]]]:
    """Those commands of a block that are minjax's: how it is started, and its arguments, with the block's variables."""
    variables = dict(words[0].split("=", 1) for words in block if len(words) == 1 and "=" in words[0])
    found = [command for words in block if (command := minjax_arguments(words))]
    return [(module, [Template(word).safe_substitute(variables) for word in words]) for module, words in found]


def appended(arguments: list[str]) -> list[str]:
    text = " ".join(arguments)
    flags = next((more for begin, more in APPENDED.items() if text.startswith(begin)), ())
    return [*flags, *(flag for preset, more in FURTHER.items() if preset in text for flag in more)]


def run(arguments: list[str], module: str = "minjax") -> int:
    """The command in the current directory, as the shell and `APPENDED` make it."""
    words = [name for word in arguments for name in (sorted(glob.glob(word)) if "*" in word else [word])]
    return main([*words, *appended(words)], module)


@pytest.fixture(scope="module", name="trained")
def _trained(tmp_path_factory):
    """What the reader has after the README's first commands: images, photos, and a run, which is called my-run too."""
    place = tmp_path_factory.mktemp("reader")
    arrows.write(place / "my-images", 12)
    for copy in ("my-cifar10", "my-mnist"):
        shutil.copytree(place / "my-images", place / copy)
    arrows.write(place / "photos", 1, seed=9)
    Image.open(place / "photos" / "arrow up" / "0.jpg").save(place / "photos" / "one.png")
    with contextlib.chdir(place):
        assert run(["train", "my-images"]) == 0
    shutil.copytree(place / OWN, place / "runs" / "my-run")
    return place


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy of it, which is the current directory."""
    shutil.copytree(trained, tmp_path / "reader")
    monkeypatch.chdir(tmp_path / "reader")
    return tmp_path / "reader"


def distinct(blocks: list[list[tuple[str, list[str]]]]) -> list[list[tuple[str, list[str]]]]:
    """The blocks without those whose commands are all in another one: the README repeats some of the guides'."""
    sets = [{" ".join([module, *arguments]) for module, arguments in block} for block in blocks]
    return [
        block
        for place, block in enumerate(blocks)
        if not any(
            sets[place] < other or (sets[place] == other and before < place) for before, other in enumerate(sets)
        )
    ]


BLOCKS = distinct([found for page in GUIDES for block in bash_blocks(page) if (found := minjax_commands(block))])


@pytest.mark.parametrize("block", BLOCKS, ids=[" ".join(block[0][1]) for block in BLOCKS])
def test_a_block_of_commands_runs(block, place, capsys):
    text = " ".join(word for _, arguments in block for word in arguments)
    with contextlib.nullcontext() if text.startswith(DRAWN) else undrawn():
        run_block(block, text, place, capsys)


def run_block(block, text, place, capsys):
    if "runs/mnist" in text:  # studies that the reader has made
        assert run(["--config=studies/digits_dnn", "--workdir=runs/digits"]) == 0
        shutil.copytree(place / "runs" / "digits", place / "runs" / "mnist")
    if cell := re.search(r"runs/paper-tables/cells/\S+", text):  # the table, with this run
        assert run(["tables"]) == 0
        shutil.copytree(place / OWN, place / cell[0])
    for module, arguments in block:
        code = run(arguments, module)
        shown = capsys.readouterr()
        if arguments[0] == "export":  # an int8 file may lose too much after one epoch, and onnx need not be installed
            assert code in (0, 2), shown.err
            assert (place / OWN / "export" / "export.json").exists() or "pip install" in shown.err
        else:
            assert code == 0, shown.err
            assert shown.out, arguments


PYTHON = list(dict.fromkeys(block for page in GUIDES for block in python_blocks(page)))


@pytest.mark.parametrize("block", PYTHON, ids=[block.splitlines()[0] for block in PYTHON])
@pytest.mark.usefixtures("place")
def test_a_block_of_python_runs(block):
    if "resnet18.pth" in block:
        torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
        from minjax.interop import torch_networks

        network = torch_networks.module(models.build("resnet18", 10), (32, 32, 3))
        torch.save(network.state_dict(), "resnet18.pth")
    exec(compile(block, "guide", "exec"), {})
    assert "save_packed" not in block or Path("net.mjx").is_file()


def test_every_rule_is_used():
    """A flag that is appended to nothing, or a command that is not shortened, would go unseen."""
    every = [" ".join(arguments) for block in BLOCKS for _, arguments in block]
    assert all(any(text.startswith(begin) for text in every) for begin in APPENDED)
    assert all(any(preset in text for text in every) for preset in FURTHER)
    whole = [" ".join(word for _, arguments in block for word in arguments) for block in BLOCKS]
    assert all(any(text.startswith(begin) for text in whole) for begin in DRAWN)
