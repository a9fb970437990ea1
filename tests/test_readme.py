"""Everything that the documentation refers to exists, and its commands are understood as they are written."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib

import pytest
from PIL import Image

from minjax import commands
from minjax.command_line import parse
from minjax.config import check
from minjax.config.resolving import resolve
from minjax.main import main
from tests import arrows
from tests.conftest import ROOT

# What a reader is told to type.
GUIDES = ("README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "guide").glob("*.md")))
PAGES = (*GUIDES, "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "docs/failures.md", "launch/README.md")


def test_every_test_that_is_named_exists():
    text = "\n".join((ROOT / page).read_text() for page in PAGES)
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+)[^`]*)?`", text)
    assert len(named) >= 10
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text() if name else (ROOT / path).is_file(), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_linked_exists(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", [*GUIDES, "CONTRIBUTING.md"])
def test_every_path_of_the_project_that_is_named_exists(page):
    named = re.findall(r"`((?:minjax|configs|tests|docs|launch|benchmarks)/[\w/.]*)`", (ROOT / page).read_text())
    assert named or page not in ("README.md", "CONTRIBUTING.md")
    for path in named:
        assert (ROOT / path).exists(), path


def bash_blocks(page):
    """The bash blocks of a page: of every command its words, without comments, continued lines joined."""
    for block in re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        parts = [part for line in block.replace("\\\n", " ").splitlines() for part in line.split("&&")]
        yield [words for part in parts if (words := shlex.split(part, comments=True))]


def bash_lines(page):
    """Every command in the bash blocks of a page."""
    return [words for block in bash_blocks(page) for words in block]


def python_blocks(page):
    """The text of the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def minjax_arguments(words):
    """What follows `minjax` or `python -m minjax...` in a command, and the module; None for another command."""
    if words[0] == "minjax":
        return "minjax", words[1:]
    if re.fullmatch(r"(\.venv/bin/)?python", words[0]) and words[1] == "-m" and words[2].startswith("minjax"):
        return words[2], words[3:]
    return None


MINJAX = [
    (module, arguments)
    for page in GUIDES
    for words in bash_lines(page)
    for module, arguments in [minjax_arguments(words) or ("", [])]
    if module
]
LISTS = ("models", "fields", "presets")
OWN = "runs/resnet18_s-my-images-sgdm-s42"  # where the guides' commands on a folder of one's own put their run


@pytest.fixture
def own_images(tmp_path, monkeypatch):
    """What the reader has: a folder of images in classes, and photos to classify; the current directory is there."""
    monkeypatch.chdir(tmp_path)
    arrows.write(tmp_path / "my-images", 12)
    arrows.write(tmp_path / "photos", 1, seed=9)
    Image.open(tmp_path / "photos" / "arrow up" / "0.jpg").save(tmp_path / "photos" / "one.png")


def marked(module, arguments):
    """A case of the next test; the table of all networks takes seconds."""
    slow = [pytest.mark.slow] if arguments == ["models"] else []
    return pytest.param(module, arguments, id=" ".join(arguments), marks=slow)


@pytest.mark.parametrize(("module", "arguments"), [marked(*case) for case in MINJAX])
@pytest.mark.usefixtures("own_images")
def test_every_command_is_one(module, arguments, capsys):
    """Each is understood as it is written; lists are printed, and fields are checked."""
    if module in ("minjax.models", "minjax.config", "minjax.migration"):
        assert importlib.util.find_spec(f"{module}.__main__") or importlib.util.find_spec(module)
    elif arguments[0] in LISTS:
        assert main(arguments, "minjax") == 0
        assert capsys.readouterr().out
    else:
        flags = arguments if arguments[0].startswith("-") else commands.expand(arguments[0], arguments[1:])
        config, _ = parse(flags)
        check(config.to_dict())
        if config.task in ("train", "study"):
            resolve(config)


def test_every_other_command_names_what_there_is():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    others = [words for page in PAGES for words in bash_lines(page) if not minjax_arguments(words)]
    assert len(others) > 8
    for words in others:
        text = " ".join(words)
        for extras in re.findall(r"(?:\.|minjax)\[([\w,]+)\]", text):
            assert {*extras.split(",")} <= {*declared}, text
        for path in re.findall(r"(?<![\w./-])((?:launch|benchmarks|tests|\.ci)/[\w/.]+)", text):
            assert (ROOT / path).exists(), text
        flags = [word for word in words if word.startswith("--config")]
        if flags:
            check(parse(flags)[0].to_dict())
