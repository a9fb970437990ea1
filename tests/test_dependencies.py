"""Whatever minjax imports is declared in pyproject.toml, not left to a dependency of a dependency."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest

from tests.conftest import ROOT


def imported(source: str) -> Iterator[str]:
    """The top-level modules that a file imports, in functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def declared() -> set[str]:
    """The distributions that pyproject.toml names, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in lines}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def undeclared(modules: set[str]) -> set[str]:
    """Those that come from a distribution which is not declared; what is not installed cannot be told."""
    sources, known = metadata.packages_distributions(), declared()
    return {
        module
        for module in modules - sys.stdlib_module_names - {"minjax", "configs"}
        if module in sources and not known & {normal(name) for name in sources[module]}
    }


def test_every_import_is_declared():
    modules = {name for path in (ROOT / "minjax").rglob("*.py") for name in imported(path.read_text())}
    assert {"jax", "markupsafe", "requests"} <= modules
    assert undeclared(modules) == set()


@pytest.mark.parametrize("source", ["import pluggy", "def f():\n    from pluggy import Result"])
def test_what_only_a_dependency_brings_is_noticed(source):
    assert undeclared(set(imported(source))) == {"pluggy"}
