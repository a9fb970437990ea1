"""Bad input through the documented command: one line, a code that is not 0, nothing written."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from minjax.main import main
from minjax.presets import label

BAD = {
    "no preset": ([], "which preset"),
    "unknown preset": (
        ["--config=configs/resnet.py"],
        r"unknown preset 'resnet' .did you mean 'resnet18'.*known: .*resnet18_s",
    ),
    "unknown flag": (["--config=configs/dnn.py", "--wrokdir=x"], "Unknown command line flag 'wrokdir'"),
    "stray argument": (["--config=configs/dnn.py", "runs/a"], "unexpected argument 'runs/a'"),
    "unknown field": (["--config=configs/dnn.py", "--config.epoch=3"], "unknown field 'epoch' .did you mean 'epochs'"),
    "unknown nested field": (
        ["--config=configs/dnn.py", "--config.model.depht=3"],
        "unknown field 'depht' .did you mean 'depth'",
    ),
    "wrong type": (["--config.epochs=many"], "epochs is 'many'; it must be an integer of at least 1"),
    "not a number": (
        ["--config.optimizer.learning_rate=fast"],
        "optimizer.learning_rate is 'fast'; it must be a number of at least 0, or None",
    ),
    "not a tuple": (
        ["--config.model.widths=(1,"],
        "model.widths is '.1,'; it must be a tuple .* type it as a,b or as a Python tuple",
    ),
    "not a flag": (["--config.deterministic=maybe"], "deterministic is 'maybe'; it must be True or False"),
    "unknown task": (
        ["--config.task=trian"],
        "task is 'trian'; it must be train, compress, study, tables, report, export or predict .did you mean 'train'",
    ),
    "unknown model": (["--config.model.name=resnet19"], "unknown model 'resnet19'.*known: .*resnet18_s"),
    "unknown optimizer": (
        ["--config.optimizer.name=adm"],
        "optimizer.name is 'adm'; it must be sgdm, adam, adabound or amsbound .did you mean 'adam'",
    ),
    "unknown schedule": (
        ["--config.optimizer.schedule=step"],
        "optimizer.schedule is 'step'; it must be constant, multistep or cosine",
    ),
    "unknown dataset": (["--config.dataset.name=digitz"], "unknown dataset 'digitz'.*digits"),
    "unknown parallel mode": (["--config.parallel=ddp"], "parallel is 'ddp'; it must be auto, jit or pmap"),
    "unknown dtype": (
        ["--config.dtype=float16"],
        "dtype is 'float16'; it must be float32, bfloat16 or float64 .did you mean 'bfloat16'",
    ),
    "foreign model field": (["--config.model.patch_size=4"], "model 'dnn' has no field 'patch_size'; it has: .*widths"),
    "foreign optimizer field": (
        ["--config.optimizer.gamma=.1"],
        "optimizer 'sgdm' has no field 'gamma'; it has: .*momentum",
    ),
    "epochs": (["--config.epochs=0"], "epochs is 0; it must be at least 1"),
    "epochs without end": (["--config.epochs=2147483648"], "epochs is 2147483648; it must be at most 2,147,483,647"),
    "too many steps": (
        ["--config.epochs=2147483647"],
        "epochs is 2147483647; of 11 steps each, .* at most 195225786",
    ),
    "seed": (["--config.seed=2147483648"], "seed is 2147483648; it must be at most 2,147,483,647"),
    "warm-up": (["--config.optimizer.warmup_epochs=inf"], "warmup_epochs is inf; it must be a number .* and finite"),
    "milestones": (["--config.optimizer.milestones=None"], "optimizer.milestones is None; it must be a tuple"),
    "padding": (["--config.dataset.crop_padding=-1"], "dataset.crop_padding is -1; it must be at least 0"),
    "a field of another task": (["--config.prune.rounds=0"], "prune.rounds is 0; it must be at least 1"),
    "clip norm": (["--config.optimizer.clip_norm=-1."], "clip_norm is -1.0; it must be greater than 0"),
    "learning rate": (
        ["--config.optimizer.learning_rate=-1."],
        "optimizer.learning_rate is -1.0; it must be at least 0",
    ),
    "early stop": (["--config.early_stop=3"], "early_stop needs a validation split"),
    "vgg on digits": (["--config.model.name=vgg16_s"], "32"),
    "vit patch": (["--config.model.name=vit_s", "--config.model.patch_size=3"], "patch.*3.*8"),
    "folder without a path": (["--config.dataset.name=folder"], "path"),
    "missing folder": (["--config.dataset.name=folder", "--config.dataset.path=/nowhere"], "/nowhere"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name, capsys, tmp_path, monkeypatch, root):
    arguments, message = BAD[name]
    monkeypatch.chdir(root)
    if arguments and not arguments[0].startswith("--config=") and not any("dataset.name" in a for a in arguments):
        arguments = ["--config.dataset.name=digits", *arguments]
    if arguments and not arguments[0].startswith("--config="):
        arguments = ["--config=configs/dnn.py", *arguments]
    workdir = tmp_path / "run"
    code = main([*arguments, f"--workdir={workdir}"])
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("minjax: error: ")
    assert error.count("\n") == 1
    assert re.search(message, error), error
    assert not workdir.exists()


def test_help_needs_no_preset(capsys):
    assert main(["--help"]) == 0
    assert "--config.FIELD" in capsys.readouterr().out


def test_preset_names(root):
    assert label(root / "configs" / "resnet18_s.py") == "resnet18_s"
    assert label(root / "configs" / "paper" / "resnet18_s.py") == "paper-resnet18_s"


def test_another_configuration_is_refused_with_the_difference(tmp_path, capsys, monkeypatch, root):
    monkeypatch.chdir(root)
    run = [
        "--config=configs/dnn.py",
        "--config.dataset.name=digits",
        "--config.tensorboard=False",
        f"--workdir={tmp_path / 'a'}",
    ]
    assert main([*run, "--config.epochs=1"]) == 0
    before = (tmp_path / "a" / "metrics.jsonl").read_bytes()
    capsys.readouterr()
    assert main([*run, "--config.epochs=2", "--config.optimizer.name=adam"]) == 2
    error = capsys.readouterr().err
    assert "epochs: there 1, asked for 2" in error
    assert "optimizer.name: there 'sgdm', asked for 'adam'" in error
    assert (tmp_path / "a" / "metrics.jsonl").read_bytes() == before
    assert main([*run, "--config.epochs=1"]) == 0
    shown = capsys.readouterr().out
    assert "this run is finished" in shown
    assert f"report: {tmp_path / 'a' / 'report' / 'index.html'}" in shown


def test_a_directory_of_something_else_is_refused(tmp_path, capsys, monkeypatch, root):
    monkeypatch.chdir(root)
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["--config=configs/dnn.py", "--config.dataset.name=digits", f"--workdir={tmp_path}"]) == 2
    assert "is not empty and holds no run" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_no_permission_is_one_line(capsys, monkeypatch, root):
    monkeypatch.chdir(root)
    arguments = ["--config=configs/dnn.py", "--config.dataset.name=digits", "--config.tensorboard=False"]
    assert main([*arguments, "--workdir=/proc/minjax-run"]) == 2  # not even root can write there
    assert "cannot write" in capsys.readouterr().err


def test_changed_data_is_refused_on_resume(tmp_path, capsys, monkeypatch, root):
    monkeypatch.chdir(root)
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in "ab":
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for i in range(8):
                pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "images" / part / name / f"{i}.png")
    run = tmp_path / "run"
    arguments = [
        "--config=configs/dnn.py",
        "--config.dataset.name=folder",
        f"--config.dataset.path={tmp_path / 'images'}",
    ]
    arguments += ["--config.batch_size=4", "--config.epochs=1", "--config.tensorboard=False", f"--workdir={run}"]
    assert main(arguments) == 0
    summary = json.loads((run / "summary.json").read_text())
    assert summary["dataset"] == "images"
    (run / "summary.json").unlink()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "images" / "train" / "a" / "0.png")
    assert main(arguments) == 2
    assert "data.fingerprint" in capsys.readouterr().err
