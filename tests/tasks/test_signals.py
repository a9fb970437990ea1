"""SIGTERM at every moment: code 75 in time, one line, and the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from minjax.interruption import RESUMABLE, Interrupted, on_signal
from minjax.tasks.signals import Stop
from tests.conftest import ROOT, command, minjax, read_json

FIELDS = ("--config.model.widths=(8,)", "--config.epochs=2")


def test_before_anything_can_be_saved_the_first_signal_ends_it():
    with Stop(), pytest.raises(Interrupted, match=r"^SIGTERM before training began; run the same command to start"):
        os.kill(os.getpid(), signal.SIGTERM)


def test_while_training_the_first_sets_a_flag_and_the_second_ends_it():
    with Stop() as stop:
        stop.save_first()
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        assert stop.name == "SIGINT"
        with pytest.raises(Interrupted, match=r"^SIGTERM twice: stopped without saving"):
            os.kill(os.getpid(), signal.SIGTERM)


def test_nothing_that_catches_exceptions_catches_it():
    assert not issubclass(Interrupted, Exception)


def test_what_was_there_before_is_there_after():
    before = signal.getsignal(signal.SIGTERM)
    with on_signal(lambda name: None), Stop():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_one_that_no_exception_can_end_is_not_shown(capsys):
    class Dropped:
        def __del__(self):
            raise Interrupted("SIGTERM in a callback")

    with on_signal(lambda name: None):
        Dropped()
    assert capsys.readouterr().err == ""


def test_once_all_is_saved_a_signal_leaves_at_once():
    program = (
        "import os, signal, time\nfrom minjax.tasks.signals import Stop\nwith Stop() as stop:\n    stop.save_first()\n"
        "    {}os.kill(os.getpid(), signal.SIGTERM)\n    stop.leave_at_once('pages were')\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    print('not reached')\n"
    )
    for early in ("", "#"):
        done = subprocess.run(
            [sys.executable, "-c", program.format(early)], cwd=ROOT, capture_output=True, text=True, timeout=100
        )
        assert (done.returncode, done.stdout) == (RESUMABLE, "")
        assert done.stderr == "minjax: SIGTERM while pages were being written; the same command writes them again\n"


@pytest.mark.slow
def test_a_signal_while_jax_reads_its_compilation_cache_is_not_taken_for_a_damaged_entry(tmp_path):
    program = (
        "import os, signal, sys\nfrom jax._src import compilation_cache as cache\n"
        "read = cache.get_executable_and_time\n"
        "def signalled(*arguments, **keywords):\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return read(*arguments, **keywords)\ncache.get_executable_and_time = signalled\n"
        "from minjax.main import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    python, _, _, *arguments = command(*FIELDS, f"--workdir={tmp_path / 'run'}")
    done = subprocess.run([python, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == RESUMABLE, done.stderr
    assert done.stderr == "minjax: SIGTERM before training began; run the same command to start again\n"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.8, 1.5, 2.5, 4.0])
def test_a_signal_in_the_first_seconds(seconds, tmp_path):
    run = tmp_path / "run"
    # The seconds count from when Python itself is up: before that, nothing of minjax has run.
    python, _, module, *arguments = command(*FIELDS, "--config.epochs=100000", f"--workdir={run}")
    program = f"import runpy\nprint('up', flush=True)\nrunpy.run_module({module!r}, run_name='__main__')"
    process = subprocess.Popen(
        [python, "-c", program, *arguments], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == RESUMABLE, error
    (line,) = error.splitlines()
    assert line.startswith("minjax: SIGTERM")


@pytest.mark.slow
def test_a_report_that_was_interrupted_is_written_by_the_same_command(tmp_path):
    run = tmp_path / "run"
    done = minjax(*FIELDS, f"--workdir={run}")
    assert done.returncode == 0, done.stderr
    page = run / "report" / "index.html"
    content = page.read_bytes()
    page.unlink()  # as `outdate` leaves it until the report is whole
    again = minjax(*FIELDS, f"--workdir={run}")
    assert again.returncode == 0, again.stderr
    assert "this run is finished" in again.stdout
    assert page.read_bytes() == content
    assert read_json(run / "summary.json")["status"] == "completed"
