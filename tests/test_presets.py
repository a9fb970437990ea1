"""Presets are found by name from anywhere, and always with minjax's own `configs`."""

from __future__ import annotations

import sys

import pytest

from minjax import presets
from minjax.command_line import parse
from minjax.errors import UserError


@pytest.mark.parametrize("text", ["digits", "digits.py", "configs/digits.py", "configs/digits"])
def test_a_preset_is_found_by_its_name_from_anywhere(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, _ = parse([f"--config={text}"])
    assert (config.name, config.dataset.name, config.epochs) == ("digits", "digits", 20)
    config, _ = parse(["--config", text, "--config.epochs=3"])
    assert config.epochs == 3


def test_every_preset_has_a_name_and_a_summary(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = presets.names()
    assert {"train", "digits", "predict", "export", "paper/vit_s", "studies/find_min", "compress/default"} <= {*names}
    assert not [name for name in names if name.endswith("base")]
    for name in names:
        assert len(presets.summary(name)) > 20, name
        assert presets.label(presets.find(name)) == name.replace("/", "-")


def test_a_foreign_package_called_configs_is_in_nobodys_way(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "__init__.py").write_text("mine = True\n")
    (tmp_path / "configs" / "base.py").write_text("def get_config():\n    raise ValueError('the foreign one')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    import configs

    assert configs.mine
    assert parse(["--config=studies/digits"])[0].task == "study"
    assert sys.modules["configs"] is configs  # and afterwards it is there again
    assert not [name for name in sys.modules if name.startswith(("configs.", "minjax.configs"))]


def test_ones_own_preset_builds_on_those_of_minjax(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from configs import resnet18_s\nfrom minjax.configs.paper import base\n\n"
        "def get_config():\n    config = resnet18_s.get_config()\n    config.epochs = 7\n    return config\n"
    )
    config, _ = parse(["--config=mine.py"])
    assert (config.name, config.model.name, config.epochs) == ("mine", "resnet18_s", 7)


def test_in_a_folder_called_configs_its_own_files_come_first(tmp_path, monkeypatch):
    folder = tmp_path / "configs"
    (folder / "big").mkdir(parents=True)
    (folder / "common.py").write_text("EPOCHS = 9\n")
    (folder / "big" / "mine.py").write_text(
        "from configs import base, common\n\n"
        "def get_config():\n    config = base.get_config()\n    config.epochs = common.EPOCHS\n    return config\n"
    )
    monkeypatch.chdir(tmp_path)
    config, _ = parse(["--config=configs/big/mine.py"])
    assert (config.name, config.epochs) == ("big-mine", 9)


@pytest.mark.parametrize(
    ("text", "source", "message"),
    [
        ("digitz", None, "unknown preset 'digitz' .did you mean 'digits'.*; known: cnn, .*vit_s"),
        ("configs/resnet18s.py", None, "unknown preset 'resnet18s' .did you mean 'resnet18_s'"),
        ("there/mine.py", None, "unknown preset 'there/mine.py'"),
        ("mine.py", "def get_config(:", "the preset 'mine.py' fails: SyntaxError"),
        ("mine.py", "", "the preset 'mine.py' fails: AttributeError"),
        ("mine.py", "from configs import nothing", "the preset 'mine.py' fails: ImportError"),
        ("mine.py", "def get_config():\n    return {}", "returns dict from get_config"),
    ],
)
def test_a_preset_that_cannot_be_used_is_one_line(text, source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if source is not None:
        (tmp_path / "mine.py").write_text(source)
    before = set(sys.modules)
    with pytest.raises(UserError, match=message) as caught:
        parse([f"--config={text}"])
    assert "\n" not in str(caught.value)
    assert not [name for name in set(sys.modules) - before if name.startswith("configs")]
