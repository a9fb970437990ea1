"""The page of all fields is what the declarations say."""

from __future__ import annotations

from minjax import config
from minjax.config import __main__ as pages
from tests.conftest import ROOT


def test_the_page_is_up_to_date():
    written = (ROOT / pages.PAGE).read_text(encoding="utf-8")
    assert written == pages.page(), f"run: python -m minjax.config {pages.PAGE}"


def test_page_and_text_name_every_field():
    page, text = pages.page(), pages.text()
    for name in config.FIELDS:
        if not name.startswith("optimizer.preset."):
            assert f"| `{name}` |" in page
            assert f"\n{name} = " in text
    assert "docs/configuration.md" in page


def test_defaults_are_shown_as_they_are_typed():
    shown = {name: pages.default(field) for name, field in config.FIELDS.items()}
    assert shown["optimizer.milestones"] == "100,150"
    assert shown["study.cnn.channels"] == "1 to 32"
    assert shown["compress.candidate_bits"] == "8,6,4,3,2"
    assert shown["study.vit.set"] == "(('model.patch_size', 4),)"
    assert shown["prune.series"] == shown["run"] == "empty"


def test_the_command_prints_or_writes(tmp_path, capsys):
    pages.main([])
    assert "optimizer.learning_rate = None    [science]" in capsys.readouterr().out
    pages.main([str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text() == pages.page()
