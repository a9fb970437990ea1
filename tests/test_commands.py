"""The commands: what they expand to, what they list, and what they refuse."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import minjax
from minjax import commands, main, models, usage
from minjax.command_line import parse
from minjax.errors import UserError
from tests.conftest import ROOT, read_json


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def settings(*arguments):
    """The fields that a command sets, as a flat dictionary."""
    config, workdir = parse(commands.expand(arguments[0], arguments[1:]))
    return config, workdir


def test_train_takes_a_folder_or_a_name(tmp_path):
    (tmp_path / "my-images").mkdir()
    config, workdir = settings("train", "my-images", "--workdir", "runs/a", "--config.epochs", "5")
    assert (config.task, config.dataset.name, config.dataset.path) == ("train", "folder", "my-images")
    assert (config.name, config.epochs, workdir) == ("resnet18_s", 5, "runs/a")
    config, _ = settings("train", "digits")
    assert (config.dataset.name, config.dataset.path) == ("digits", "")
    config, _ = settings("train", "emnist/letters", "--config.model.name=cnn")
    assert (config.dataset.name, config.name, config.model.name) == ("emnist/letters", "cnn", "cnn")


def test_a_folder_called_digits_is_written_with_a_dot(tmp_path):
    (tmp_path / "digits").mkdir()
    assert settings("train", "digits")[0].dataset.name == "digits"
    assert settings("train", "./digits")[0].dataset.name == "folder"


def test_flags_count_before_what_the_command_sets(tmp_path):
    (tmp_path / "my-images").mkdir()
    config, _ = settings("train", "my-images", "--config=vit_s", "--config.dataset.image_size=16")
    assert (config.name, config.model.name, config.dataset.path) == ("vit_s", "vit_s", "my-images")
    assert config.dataset.validation_fraction == 0.1  # of a folder, whichever preset trains on it
    config, _ = settings("train", "my-images", "--config.dataset.validation_fraction=0.")
    assert config.dataset.validation_fraction == 0
    assert settings("find-min", "my-images")[0].dataset.validation_fraction == 0.2
    config, _ = settings("train", "--config.tensorboard", "my-images", "--noconfig.deterministic")
    assert (config.dataset.path, config.tensorboard) == ("my-images", True)
    config, _ = settings("train", "--config=digits")  # a preset names its data
    assert config.dataset.name == "digits"


def test_the_other_commands_name_a_run():
    config, _ = settings("find-min", "digits")
    assert (config.task, config.name, config.dataset.name) == ("study", "find-min", "digits")
    config, _ = settings("compress", "runs/a")
    assert (config.task, config.run) == ("compress", "runs/a")
    config, _ = settings("predict", "runs/a", "photos")
    assert (config.task, config.run, config.predict.images) == ("predict", "runs/a", "photos")
    config, _ = settings("export", "runs/a", "--formats=onnx,c")
    assert (config.task, config.run, config.export.formats) == ("export", "runs/a", ("onnx", "c"))
    assert settings("export", "runs/a", "--formats", "onnx")[0].export.formats == ("onnx",)
    config, _ = settings("report", "runs/a", "runs/b", "--workdir=runs/both")
    assert (config.task, config.run) == ("report", "runs/a,runs/b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian' (did you mean 'train'?); known: compress, export, fields, find-min"),
        (["train"], "DATA is missing: minjax train DATA"),
        (["train", "my-imagse"], "there is no folder 'my-imagse'; the data are a folder of images, digits, or"),
        (["train", "a", "b"], "unexpected argument 'b': minjax train DATA"),
        (["predict", "runs/a"], "IMAGES is missing: minjax predict RUN IMAGES"),
        (["compress"], "RUN is missing"),
        (["report"], "RUN is missing"),
        (["export", "runs/none"], "runs/none"),
        (["train", "digits", "--wrokdir=a"], "Unknown command line flag 'wrokdir'. Did you mean: workdir ?"),
        (["train", "digits", "--config.epoch=3"], "unknown field 'epoch' (did you mean 'epochs'?)"),
        (["models", "restnet"], "unknown model 'restnet' (did you mean 'resnet'?)"),
        (["models", "cnn", "--images=3"], "--images is '3'; it must be height, width and channels"),
        (["models", "cnn", "--classes=1"], "1 classes"),
        (["models", "vit_s", "--images=30x30x3"], "patch"),
        (["models", "--images=3"], "minjax models takes no flag '--images=3'"),
        (["fields", "datset"], "no field's name contains 'datset' (did you mean 'dataset'?)"),
        (["presets", "x"], "unexpected argument 'x': minjax presets"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys, tmp_path):
    assert main.main(arguments, "minjax") == 2
    error = capsys.readouterr().err
    assert error.startswith("minjax: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_names_every_command_and_each_has_its_own(capsys):
    assert main.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, command in commands.COMMANDS.items():
        assert re.search(rf"^  {name} .*{re.escape(command.summary)}", shown, re.MULTILINE)
        assert main.main([name, "--help"]) == 0
        assert command.example in capsys.readouterr().out
    assert "minjax fields" in shown
    assert "minjax presets" in shown
    assert max(map(len, usage.overview().splitlines())) <= usage.WIDTH
    assert main.main([]) == 2


def test_the_examples_in_the_help_can_be_parsed():
    for name, command in commands.COMMANDS.items():
        program, called, *arguments = command.example.split()
        assert (program, called) == ("minjax", name)
        if command.preset:
            settings(name, *arguments)


def test_lists(capsys):
    assert main.main(["fields", "image_size"]) == 0
    shown = capsys.readouterr().out
    assert "dataset.image_size" in shown
    assert "optimizer.momentum" not in shown
    assert main.main(["presets"]) == 0
    assert re.search(r"^paper/vit_s +vit_s as paper 1", capsys.readouterr().out, re.MULTILINE)
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"minjax {minjax.__version__}\n"


def test_a_network_layer_by_layer(capsys):
    flags = ["--images=8x10x1", "--classes=4", "--config.model.channels=8,16"]
    assert main.main(["models", "cnn", *flags]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"conv1 +Conv +6x8x8 +80\n", shown)
    assert re.search(r"conv2 +Conv +4x6x16 +1,168\n", shown)
    assert re.search(r"head +Dense +4 +1,540\n", shown)
    assert "parameters            2,788\n" in shown
    assert "weights in float32    11,152 bytes" in shown
    assert "input, float32        320 bytes" in shown
    assert f"outputs, float32      {4 * (6 * 8 * 8 + 4 * 6 * 16 + 4):,} bytes" in shown


# Paper 1, appendices A to C: parameters of the layers that have any, in its order; in C of one block of four.
APPENDICES = {
    "resnet18_s": (
        *(432, 32, *(2_304, 32) * 4, 4_608, 64, 9_216, 64, 512, 64, *(9_216, 64) * 2, 18_432, 128, 36_864, 128, 2_048),
        *(128, *(36_864, 128) * 2, 73_728, 256, 147_456, 256, 8_192, 256, *(147_456, 256) * 2, 1_290),
    ),
    "vgg16_s": (*(448, 2_320, 4_640, 9_248, 18_496, 36_928, 36_928, 73_856, *(147_584,) * 5, 16_512, 16_512, 1_290),),
    "vit_s": (9_408, *(384, 110_592, 37_056, 384, 24_704, 24_768) * 4, 384, 24_704, 1_290),
}


@pytest.mark.parametrize("name", APPENDICES)
def test_the_layers_are_those_of_the_papers_appendices(name):
    from minjax.tasks import networks

    found = networks.layers(name, 10, (32, 32, 3))
    own = [layer for layer in found if layer.name != "class_token, positions"]  # the paper's tool leaves these out
    assert tuple(layer.params for layer in own) == APPENDICES[name]
    assert sum(layer.params for layer in found) - sum(APPENDICES[name]) == (12_672 if name == "vit_s" else 0)


@pytest.mark.parametrize("name", ["dnn", "resnet18_s", "vgg11_bn", "vit_s"])
def test_the_layers_have_all_parameters(name):
    from minjax.tasks import networks

    found = networks.layers(name, 10, (32, 32, 3))
    assert sum(layer.params for layer in found) == models.param_count(name, 10)
    assert len({layer.name for layer in found}) == len(found)


def test_what_names_no_command_is_a_mistake():
    with pytest.raises(UserError):
        commands.expand("train", ["nowhere at all"])


def test_a_reader_that_stops_early_sees_no_traceback():
    command = f"{sys.executable} -m minjax fields | true"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.slow
def test_the_recorded_command_is_the_one_that_was_typed_and_works_again(tmp_path):
    typed = ["-m", "minjax", "train", "digits", "--config.model.name=dnn", "--config.epochs=1"]

    def run(words):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        result = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    run(typed)
    recorded = read_json(tmp_path / "runs" / "dnn-digits-sgdm-s42" / "summary.json")["command"]
    assert recorded == f"python {' '.join(typed)}"
    assert "this run is finished" in run(recorded.split()[1:])
