"""The same study on Ray: equal records, a lost worker's members arrive once, mistakes are said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minjax.main import main
from tests.conftest import ROOT, command, read_json, read_jsonl
from tests.tasks.study.small_studies import PRESET, plain

pytest.importorskip("ray", reason="the ray extra is not installed")

pytestmark = pytest.mark.slow  # Ray starts processes
FIELDS = (
    "--config.study.dnn.widths=(2,4,8,16)", "--config.study.dnn.depths=(1,2)", "--config.study.dnn.shapes=('equal',)",
    "--config.epochs=3", "--config.study.amounts=3", "--config.study.bits=(8,2)", "--config.dataset.limit_train=300",
)  # fmt: skip
RAY = ("--config.study.executor=ray", "--config.study.workers=2")


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    directory = tmp_path_factory.mktemp("local") / "study"
    assert main([f"--config={PRESET}", f"--workdir={directory}", *FIELDS]) == 0
    return plain(directory)


def ray_workers(parent: int) -> list[int]:
    """Processes of Ray that train, of the cluster that `parent` started."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            text = (process / "cmdline").read_bytes().decode(errors="replace")
            if text.startswith("ray::_train") and _descends(int(process.name), parent):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _descends(process: int, parent: int) -> bool:
    while process > 1:
        if process == parent:
            return True
        status = Path(f"/proc/{process}/status").read_text()
        process = int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))
    return False


def run(directory, *more):
    return subprocess.Popen(
        command(f"--workdir={directory}", *FIELDS, *RAY, *more, preset=PRESET), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the workers in /proc")
def test_a_killed_workers_members_still_arrive_once(local, tmp_path):
    """Of two workers; what neither of them lost is the local study's as well."""
    directory = tmp_path / "study"
    process = run(directory)
    killed: set[int] = set()
    deadline = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline and not killed:
        for worker in ray_workers(process.pid)[:1]:
            time.sleep(1.0)  # in the middle of its work
            os.kill(worker, signal.SIGKILL)
            killed.add(worker)
        time.sleep(0.05)
    output, errors = process.communicate(timeout=240)
    assert killed
    assert process.returncode == 0, output + errors
    assert "os.fork" not in errors  # of which JAX warns at every process that Ray starts
    assert "parameters" in output
    assert "parameters" in output
    assert plain(directory) == local
    assert read_json(directory / "study.json")["members"]["failed"] == 0


def test_a_killed_driver_goes_on_from_the_records(local, tmp_path):
    directory = tmp_path / "study"
    process = run(directory)
    deadline = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline and not read_jsonl(directory / "points.jsonl"):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert main([f"--config={PRESET}", f"--workdir={directory}", *FIELDS]) == 0  # by the other executor
    assert plain(directory) == local


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([f"--config={PRESET}", f"--workdir={tmp_path / 'none'}", *FIELDS, *RAY]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'minjax[ray]'" in line
    assert not (tmp_path / "none").exists()


def test_a_cluster_that_is_not_there(tmp_path, capsys):
    address = "--config.study.ray_address=127.0.0.1:1"
    assert main([f"--config={PRESET}", f"--workdir={tmp_path / 'none'}", *FIELDS, *RAY, address]) == 2
    assert "127.0.0.1:1 cannot be reached" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
