"""A table on Ray: the records of the local one; told to stop, its workers save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from minjax.interruption import RESUMABLE
from minjax.main import main
from minjax.records.run import read_summary
from minjax.records.table import read_table
from tests.conftest import ROOT
from tests.tasks.tables.test_tables import QUICK, epochs, statuses

pytest.importorskip("ray", reason="the ray extra is not installed")
pytestmark = pytest.mark.slow  # Ray starts processes

RAY = ("--config.tables.executor=ray", "--config.tables.workers=2")


def start(directory, *more):
    arguments = [sys.executable, "-m", "minjax.main", *QUICK, *RAY, f"--workdir={directory}", *more]
    return subprocess.Popen(
        arguments, cwd=ROOT, env=os.environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_two_workers_give_the_records_of_the_local_table(tmp_path):
    missing = "--config.tables.datasets=digits,gone=/nowhere"
    process = start(tmp_path / "ray", missing)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 2, output + errors
    assert main([*QUICK, f"--workdir={tmp_path / 'local'}", missing]) == 2
    assert statuses(tmp_path / "ray") == statuses(tmp_path / "local")
    assert list(statuses(tmp_path / "ray").values()).count("completed") == 2
    for cell in read_table(tmp_path / "ray").cells[:2]:
        assert epochs(tmp_path / "ray" / cell.directory) == epochs(tmp_path / "local" / cell.directory)


def test_told_to_stop_the_workers_save(tmp_path):
    directory = tmp_path / "table"
    process = start(directory, "--config.epochs=3000", "--config.checkpoint_every=3000")
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if len(list(directory.glob("cells/*/metrics.jsonl"))) == 2:
            break
        time.sleep(0.05)
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == RESUMABLE, errors
    assert "every cell is saved" in errors
    assert set(statuses(directory).values()) == {"interrupted"}
    for cell in read_table(directory).cells:
        summary = read_summary(directory / cell.directory)
        assert summary is not None, "killed, not told"
        assert summary.status == "interrupted"
        assert list((directory / cell.directory / "checkpoints").iterdir())


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*QUICK, *RAY, f"--workdir={tmp_path / 'none'}"]) == 2
    assert "tables.executor='ray' needs Ray: pip install 'minjax[ray]'" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
