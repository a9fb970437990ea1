"""Two processes of jax.distributed on this machine: the same losses as one, and what happens when one is not well.

A hang fails: every process has a time limit. Times are counted from the signal or the kill.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT, command
from tests.tasks.two_processes import (
    CNN,
    ENVIRONMENT,
    FIELDS,
    LIMIT,
    LOST_AFTER,
    error_line,
    finish,
    metrics,
    same,
    several,
    wait_for_lines,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Five epochs in one process."""
    run = tmp_path_factory.mktemp("one") / "run"
    codes, _, errors = finish(several(run, "--config.epochs=5", distributed=False, each=((),)))
    assert codes == [0], errors
    return run


def test_two_processes_train_to_the_losses_of_one_through_the_launcher(undisturbed, tmp_path):
    run = tmp_path / "run"
    arguments = command(*FIELDS, "--config.epochs=5", f"--workdir={run}", preset=CNN)[3:]
    launcher = [sys.executable, "launch/multiprocess.py", "2", *arguments]
    done = subprocess.run(launcher, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout
    same(metrics(run), metrics(undisturbed))
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["status"], summary["process_count"], summary["device_count"]) == ("completed", 2, 2)
    assert "[0] test accuracy" in done.stdout
    assert "[1] test accuracy" not in done.stdout  # the first alone speaks
    assert "distributed" not in json.loads((run / "config.json").read_text())


def test_sigterm_to_any_process_saves_in_all_and_one_process_goes_on(start, undisturbed, tmp_path):
    run = tmp_path / "run"
    processes = start(run, "--config.epochs=5")
    wait_for_lines(run, 1, processes)
    processes[1].send_signal(signal.SIGTERM)
    codes, _, errors = finish(processes)
    assert codes == [75, 75], errors
    assert "SIGTERM: saved in epoch" in errors[0]
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"
    codes, outputs, errors = finish(start(run, "--config.epochs=5", distributed=False, each=((),)))
    assert codes == [0], errors
    assert "resuming at epoch" in outputs[0]
    same(metrics(run), metrics(undisturbed))


def test_sigterm_while_the_first_writes_the_result_ends_all_and_the_same_command_writes_it(start, tmp_path):
    run = tmp_path / "run"
    processes = start(run, "--config.epochs=1")
    deadline = time.monotonic() + LIMIT
    while not (run / "predictions.npz").exists():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    codes, _, errors = finish(processes, limit=30)
    assert codes == [75, 75], errors
    assert "SIGTERM while result and report were being written; the same command writes them again" in errors[0]
    assert not (run / "report" / "index.html").exists()
    codes, _, errors = finish(start(run, "--config.epochs=1"))
    assert codes == [0, 0], errors
    assert (run / "report" / "index.html").exists()


def test_a_checkpoint_of_one_is_resumed_by_two_of_which_the_second_sees_no_directory(start, undisturbed, tmp_path):
    run = tmp_path / "run"
    alone = start(run, "--config.epochs=5", distributed=False, each=((),))
    wait_for_lines(run, 1, alone)
    alone[0].send_signal(signal.SIGTERM)
    codes, _, errors = finish(alone)
    assert codes == [75], errors
    elsewhere = ((), (f"--workdir={tmp_path / 'elsewhere'}",))
    codes, outputs, errors = finish(start(run, "--config.epochs=5", each=elsewhere))
    assert codes == [0, 0], errors
    assert "resuming at epoch" in outputs[0]
    assert not (tmp_path / "elsewhere").exists()
    same(metrics(run), metrics(undisturbed))


@pytest.mark.parametrize("who", [0, 1], ids=["the coordinator", "another"])
def test_a_lost_process_ends_the_other_and_a_restart_goes_on(start, undisturbed, tmp_path, who):
    run = tmp_path / "run"
    processes = start(run, "--config.epochs=5")
    wait_for_lines(run, 2, processes)
    processes[who].send_signal(signal.SIGKILL)
    codes, _, errors = finish(processes, limit=LOST_AFTER + 60)
    assert codes[who] == -signal.SIGKILL
    assert codes[1 - who] in (3, -signal.SIGABRT), errors  # ours, or JAX's own watchdog, whichever is the first
    if codes[1 - who] == 3:
        assert "the same command resumes from the last checkpoint" in errors[1 - who]
    codes, outputs, errors = finish(start(run, "--config.epochs=5", distributed=False, each=((),)))
    assert codes == [0], errors
    assert "resuming at epoch" in outputs[0]
    same(metrics(run), metrics(undisturbed))


def test_a_slurm_job_is_found_by_its_variables(start, tmp_path):
    """Those that srun sets; JAX makes the port of the job's number."""
    run = tmp_path / "run"
    job = {"SLURM_JOB_ID": str(os.getpid() % 2**12), "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS": "2"}
    each = [job | {"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)} for i in range(2)]
    codes, outputs, errors = finish(start(run, "--config.epochs=1", address="auto", variables=each))
    assert codes == [0, 0], errors
    assert "in 2 processes" in outputs[0]


def test_divergence_ends_all(start, tmp_path):
    wild = ["--config.optimizer.learning_rate=1e30", "--config.optimizer.warmup_epochs=0.0", "--config.epochs=5"]
    codes, _, errors = finish(start(tmp_path / "run", *wild))
    assert codes == [1, 1], errors
    assert "diverged: the loss is not finite at step" in error_line(errors[0])
    assert "minjax:" not in errors[1]
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "diverged"
