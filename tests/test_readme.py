"""What the README refers to is there."""

from __future__ import annotations

import re

from tests.conftest import ROOT


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+)[^`]*)?`", (ROOT / "README.md").read_text())
    assert len(named) >= 10
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text() if name else (ROOT / path).is_file(), f"{path}::{name}"


def test_every_file_that_is_linked_exists():
    for page in ("README.md", "docs/README.md", "launch/README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
