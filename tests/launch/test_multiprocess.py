"""The launcher of several local processes: whose end ends the others, what it returns, what it passes on."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT, command

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "launch" / "multiprocess.py"


@pytest.fixture(scope="module")
def launcher():
    spec = importlib.util.spec_from_file_location("multiprocess", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python(code: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["pass", "pass"], 0),
        (["pass", "raise SystemExit(75)"], 75),
        (["import time; time.sleep(60)", "raise SystemExit(3)"], 3),
        (["import os; os.kill(os.getpid(), 9)", "import time; time.sleep(60)"], 137),
    ],
)
def test_one_that_ends_badly_ends_the_others(launcher, codes, expected):
    started = time.monotonic()
    processes = [python(code) for code in codes]
    assert launcher.wait(processes, grace=0.3) == expected
    assert all(process.returncode is not None for process in processes)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("arguments", [["0"], ["many"], ["2", "--devices=0"], []])
def test_what_cannot_be_is_refused(arguments):
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "multiprocess.py: error:" in done.stderr


def test_sigterm_is_passed_on_and_its_code_comes_back(tmp_path):
    run = tmp_path / "run"
    fields = ["--config.epochs=100000", "--config.batch_size=120", "--config.model.widths=(8,)"]
    arguments = [sys.executable, str(SCRIPT), "2", "--devices=2", *command(*fields, f"--workdir={run}")[3:]]
    process = subprocess.Popen(arguments, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() or not (run / "metrics.jsonl").read_text():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 75, output
    assert "[0] minjax: SIGTERM: saved in epoch" in output
    assert all(line.startswith(("[0] ", "[1] ")) for line in output.splitlines())
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["status"], summary["process_count"], summary["device_count"]) == ("interrupted", 2, 4)
