"""Every preset loads, resolves, and says its network's true number of parameters."""

from __future__ import annotations

import re

import pytest

from minjax import command_line, models
from minjax.config import check
from minjax.config.resolving import resolve
from tests.conftest import ROOT

PRESETS = sorted(p.relative_to(ROOT) for p in (ROOT / "configs").rglob("*.py") if p.stem not in ("base", "__init__"))


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_presets_that_were_promised_are_there():
    names = {str(p) for p in PRESETS}
    corrected = ("digits", "dnn", "cnn", "resnet18", "resnet18_s", "vgg16", "vgg16_s", "vit", "vit_s")
    paper = ("resnet18", "resnet18_s", "vgg16", "vgg16_s", "vit", "vit_s")
    assert names >= {f"configs/{name}.py" for name in corrected} | {f"configs/paper/{name}.py" for name in paper}


@pytest.mark.parametrize("path", PRESETS, ids=str)
def test_preset(path):
    config, workdir = command_line.parse([f"--config={path}"])
    assert workdir is None
    assert config.name == "-".join(path.relative_to("configs").with_suffix("").parts)
    text = (ROOT / path).read_text()
    assert f"python -m minjax.main --config={path}" in text  # each opens with its command
    if config.task != "train":
        return
    resolved = resolve(config)
    own = models.fields(resolved["model"]["name"])
    assert all(value is not None or own[key] is None for key, value in resolved["model"].items())
    assert resolved["optimizer"]["learning_rate"] > 0
    said = re.search(r"([\d,]+) parameters", text)
    if said:
        assert int(said[1].replace(",", "")) == models.param_count(num_classes=10, **resolved["model"])


@pytest.mark.parametrize("path", PRESETS, ids=str)
def test_the_flags_in_a_docstring_are_flags(path):
    flags = re.findall(r"--config\.[\w.]+=(?:'[^']*'|\"[^\"]*\"|[^\s;)]+)", (ROOT / path).read_text())
    config, _ = command_line.parse([f"--config={path}", *(re.sub(r"['\"]|[.,]$", "", flag) for flag in flags)])
    check(config.to_dict())


@pytest.mark.parametrize("path", PRESETS, ids=str)
@pytest.mark.parametrize("optimizer", ["sgdm", "adam", "adabound", "amsbound"])
def test_naming_an_optimizer_is_enough(path, optimizer):
    config, _ = command_line.parse([f"--config={path}", f"--config.optimizer.name={optimizer}"])
    if config.task == "train":
        resolved = resolve(config)["optimizer"]
        assert resolved["learning_rate"] > 0
        assert ("final_lr" in resolved) == (optimizer in ("adabound", "amsbound"))


def test_a_field_that_was_set_wins_over_the_preset():
    config, _ = command_line.parse(["--config=configs/vgg16_s.py", "--config.optimizer.learning_rate=0.5"])
    assert resolve(config)["optimizer"]["learning_rate"] == 0.5
    config, _ = command_line.parse(["--config=configs/vgg16_s.py"])
    assert resolve(config)["optimizer"]["learning_rate"] == 0.05
    config, _ = command_line.parse(["--config=configs/vgg16_s.py", "--config.optimizer.name=adabound"])
    assert resolve(config)["optimizer"]["learning_rate"] == 1e-3  # the optimizer's own
