"""Files that are whole after a kill at any moment."""

from __future__ import annotations

import csv
import errno
import io
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minjax import records
from minjax.errors import UserError


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
    records.write_text(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(UserError, match=r"cannot write .*summary\.json: No space left on device"):
        records.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_appended_lines_are_on_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    for _ in range(2):
        records.append_text(tmp_path / "metrics.jsonl", "a line\n")
    assert synced == [7, 14]


def test_a_path_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for write in (records.write_text, records.append_text):
        with pytest.raises(UserError, match=r"cannot write .*: (Not a directory|File exists)"):
            write(tmp_path / "file" / "below.json", "text")


WRITE_FOREVER = """
import sys
from minjax import records
while True:
    for letter in "ab":
        records.write_text(sys.argv[1], letter * 300_000)
"""


def test_killed_while_writing_leaves_a_whole_file(tmp_path):
    path = tmp_path / "summary.json"
    records.write_text(path, "start")
    for delay in (0.0, 0.003, 0.01):
        before = path.stat().st_mtime_ns
        with subprocess.Popen([sys.executable, "-c", WRITE_FOREVER, path], cwd=Path(__file__).parents[1]) as writer:
            while path.stat().st_mtime_ns == before:
                assert writer.poll() is None
                time.sleep(0.002)
            time.sleep(delay)
            writer.kill()
        value = path.read_text()
        assert len(value) == 300_000
        assert len(set(value)) == 1


def test_lines_are_appended(tmp_path):
    for text in ("one\n", "two\nthree\n"):
        records.append_text(tmp_path / "lines", text)
    assert records.read_bytes(tmp_path / "lines") == b"one\ntwo\nthree\n"


def test_a_file_that_cannot_be_read(tmp_path):
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UserError, match=f"cannot read {path}: {reason}"):
            records.read_bytes(path)


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+cmd", "-2+3", "@SUM(A1)", "\ttab"])
def test_a_name_that_a_spreadsheet_would_run_is_shown_as_text(name):
    ((cell,),) = csv.reader(io.StringIO(records.csv_text([[name]])))
    assert cell == f"'{name}"


def test_numbers_and_other_names_stay_as_they_are():
    row = ["cat", "-0.5", -0.5, "1e-3", "", "a=b", "x,y"]
    assert next(csv.reader(io.StringIO(records.csv_text([row])))) == [str(cell) for cell in row]
