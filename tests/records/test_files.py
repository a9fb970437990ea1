"""Files that are whole after a kill at any moment."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax import records
from minjax.errors import UserError

quick = settings(max_examples=15, deadline=None, derandomize=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
lines = st.dictionaries(st.text(), values, max_size=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("records")


@quick
@given(value=values)
def test_json_comes_back(folder, value):
    records.write_json(folder / "value.json", value)
    assert records.read_json(folder / "value.json") == value


@quick
@given(written=st.lists(lines, max_size=4))
def test_lines_come_back(folder, written):
    appended, whole = folder / "appended.jsonl", folder / "whole.jsonl"
    appended.unlink(missing_ok=True)
    for line in written:
        records.append_jsonl(appended, line)
    records.write_jsonl(whole, written)
    assert records.read_jsonl(appended) == records.read_jsonl(whole) == written


@quick
@given(written=st.lists(lines, min_size=1, max_size=4), data=st.data())
def test_a_cut_file_gives_the_whole_lines_before_the_cut(folder, written, data):
    path = folder / "cut.jsonl"
    records.write_jsonl(path, written)
    content = path.read_bytes()
    kept = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:kept])
    assert records.read_jsonl(path) == written[: content[:kept].count(b"\n")]


def test_no_file_is_no_lines(tmp_path):
    assert records.read_jsonl(tmp_path / "none.jsonl") == []


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"epoch": 1}\n{"epoch": \n{"epoch": 3}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2, is not JSON"):
        records.read_jsonl(path)


def test_reading_json_that_is_missing_or_broken(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*none\.json: No such file"):
        records.read_json(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"epoch": ')
    with pytest.raises(UserError, match=r"half\.json is not JSON"):
        records.read_json(tmp_path / "half.json")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_number_that_json_does_not_have(tmp_path, number):
    path = tmp_path / "metrics.json"
    records.write_json(path, {"loss": 1.0})
    for write in (records.write_json, records.append_jsonl):
        with pytest.raises(ValueError, match="JSON"):
            write(path, {"loss": number})
    assert records.read_json(path) == {"loss": 1.0}


def test_writing_makes_folders_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a" / "b" / "text.txt"
    records.write_text(path, "grün\n")
    assert path.read_bytes() == "grün\n".encode()
    records.write_bytes(path, b"\x00")
    assert [entry.name for entry in path.parent.iterdir()] == ["text.txt"]


def test_a_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    records.write_text(tmp_path / "atomic", "")
    plain, atomic = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic"))
    assert plain == atomic


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "summary.json"
    records.write_json(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(UserError, match=r"cannot write .*summary\.json: No space left on device"):
        records.write_json(path, "new")
    assert records.read_json(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for write in (records.write_json, records.append_jsonl):
        with pytest.raises(UserError, match=r"cannot write .*: (Not a directory|File exists)"):
            write(tmp_path / "file" / "below.json", {})


WRITE_FOREVER = """
import sys
from minjax import records
while True:
    for letter in "ab":
        records.write_json(sys.argv[1], letter * 300_000)
"""


def test_killed_while_writing_leaves_a_whole_file(tmp_path):
    path = tmp_path / "summary.json"
    records.write_json(path, "start")
    for delay in (0.0, 0.003, 0.01):
        before = path.stat().st_mtime_ns
        with subprocess.Popen([sys.executable, "-c", WRITE_FOREVER, path], cwd=Path(__file__).parents[1]) as writer:
            while path.stat().st_mtime_ns == before:
                assert writer.poll() is None
                time.sleep(0.002)
            time.sleep(delay)
            writer.kill()
        value = json.loads(path.read_text())
        assert len(value) == 300_000
        assert len(set(value)) == 1
