"""Everything that the documentation refers to exists."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "docs/failures.md", "launch/README.md")


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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_path_of_the_project_that_is_named_exists(page):
    named = re.findall(r"`((?:minjax|configs|tests|docs|launch|benchmarks)/[\w/.]*)`", (ROOT / page).read_text())
    assert named
    for path in named:
        assert (ROOT / path).exists(), path


@pytest.mark.slow
def test_the_readmes_python_runs_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    brought = ("resnet18.pth", "runs/")  # what the reader brings: weights, a finished run
    runnable = [block for block in blocks if not any(name in block for name in brought)]
    assert runnable
    for block in runnable:
        exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "net.mjx").is_file()
