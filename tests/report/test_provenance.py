"""Settings and provenance as tables."""

from __future__ import annotations

from pathlib import Path

from minjax.records.record import Provenance
from minjax.report.provenance import flat, provenance_table, settings_table
from tests.report.runs import ORIGIN


def test_settings_are_dotted_and_without_what_does_not_apply():
    config = {"a": 1, "b": {"c": [1], "d": None, "e": ""}, "optimizer": {"name": "x", "preset": {"y": {"z": 1}}}}
    assert list(flat(config)) == [("a", 1), ("b.c", [1]), ("optimizer.name", "x")]
    assert settings_table(config).rows == [("a", "1"), ("b.c", "[1]"), ("optimizer.name", "x")]


def test_where_a_result_comes_from():
    table = dict(provenance_table(Path("runs/a"), "completed", Provenance(**ORIGIN), seed=42).rows)
    assert table["command"] == ORIGIN["command"]
    assert (table["git commit"], table["seed"], table["device"]) == ("7b014988c0ffee", "42", "cpu: 2 cores")
    assert table["version of jax"] == "0.10.2"
    outside = Provenance(**{**ORIGIN, "git_commit": None})
    assert "git commit" not in dict(provenance_table(Path("a"), "completed", outside).rows)
    assert provenance_table(Path("a"), "unfinished", None).rows == [("directory", "a"), ("status", "unfinished")]
