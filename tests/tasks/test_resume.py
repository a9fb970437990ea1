"""Killed at any moment, the same command resumes to the same bits."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

import numpy as np
import pytest

from minjax.train.checkpoint import Checkpoints
from tests.conftest import ROOT, command, minjax, minjax_process

pytestmark = pytest.mark.slow

TIMES = ("seconds", "evaluate_seconds", "images_per_second")
LONG = [
    "--config.epochs=40",
    "--config.checkpoint_every=3",
    "--config.steps_per_call=2",
    "--config.model.widths=(32,16)",
]


def metrics(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def final_arrays(run):
    directory = run / "checkpoints"
    newest = max(int(p.name) for p in directory.iterdir() if p.name.isdigit())
    import orbax.checkpoint as ocp

    with ocp.CheckpointManager(directory) as manager:
        read = manager.restore(
            newest, args=ocp.args.Composite(state=ocp.args.StandardRestore(), meta=ocp.args.JsonRestore())
        )
    return {name: np.asarray(x) for name, x in read["state"].items()}


def start(run, *more):
    return subprocess.Popen(
        command(*LONG, *more, f"--workdir={run}"),
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(run):
    path = run / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    done = minjax(*LONG, f"--workdir={run}")
    assert done.returncode == 0, done.stderr
    return run


def test_one_seed_one_result(undisturbed, tmp_path):
    again = minjax_process(*LONG, f"--workdir={tmp_path / 'run'}")
    assert again.returncode == 0, again.stderr
    assert metrics(tmp_path / "run") == metrics(undisturbed)


def test_killed_five_times_at_random_moments(undisturbed, tmp_path):
    run, kills = tmp_path / "run", 0
    generator = random.Random(7)
    while kills < 5:
        process = start(run)
        wanted = min(lines(run) + generator.randint(1, 6), 38)
        while process.poll() is None and lines(run) < wanted:
            time.sleep(0.005)
        time.sleep(generator.random() * 0.1)
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
        if kills == 2:  # a line that the kill cut in half
            with open(run / "metrics.jsonl", "a") as file:
                file.write('{"epoch": 99, "st')
        assert not (run / "summary.json").exists()
    assert kills == 5
    last = minjax(*LONG, f"--workdir={run}")
    assert "resuming at" in last.stdout, last.stderr
    assert metrics(run) == metrics(undisturbed)
    ours, theirs = final_arrays(run), final_arrays(undisturbed)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_in_mid_epoch_and_exits_with_75(undisturbed, tmp_path, number):
    run = tmp_path / "run"
    process = start(run)
    while process.poll() is None and lines(run) < 4:
        time.sleep(0.005)
    process.send_signal(number)
    _output, error = process.communicate(timeout=60)
    assert process.returncode == 75, error
    assert "saved in epoch" in error
    assert "to resume: python -m minjax.main --config=configs/dnn.py" in error
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"
    resumed = minjax(*LONG, f"--workdir={run}")
    assert resumed.returncode == 0, resumed.stderr
    assert metrics(run) == metrics(undisturbed)
    assert json.loads((run / "summary.json").read_text())["status"] == "completed"


def test_a_disk_that_takes_no_more_is_one_line_and_the_run_goes_on_later(tmp_path):
    run = tmp_path / "run"
    fields = ["--config.model.widths=(400,200)", "--config.epochs=4", "--config.checkpoint_every=1", f"--workdir={run}"]

    # No file over 60 kB; the network has 420 kB. (A limit set between fork and exec would fork a process with threads.)
    limited = ["bash", "-c", 'ulimit -f 60 && exec "$@"', "bash", *command(*fields)]
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "0"}
    full = subprocess.run(limited, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert full.returncode == 2
    (line,) = [line for line in full.stderr.splitlines() if line.startswith("minjax: error: ")]
    assert "cannot write a checkpoint in" in line
    assert "File too large" in line
    after = minjax(*fields)
    assert after.returncode == 0, after.stderr
    assert len(metrics(run)) == 4


def test_a_second_process_in_the_directory_is_refused(tmp_path):
    endless = "--config.epochs=100000"
    process = start(tmp_path / "run", endless)
    while process.poll() is None and lines(tmp_path / "run") < 1:
        time.sleep(0.005)
    second = minjax_process(*LONG, endless, f"--workdir={tmp_path / 'run'}")
    process.kill()
    process.communicate()
    assert second.returncode == 2
    assert "another process is running in" in second.stderr


def test_a_damaged_checkpoint_costs_a_warning_and_no_bit(undisturbed, tmp_path):
    run = tmp_path / "run"
    process = start(run)
    while process.poll() is None and lines(run) < 10:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    checkpoints = Checkpoints(run / "checkpoints")
    newest = checkpoints.steps()[-1]
    checkpoints.close()
    for file in (run / "checkpoints" / str(newest) / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    resumed = minjax(*LONG, f"--workdir={run}")
    assert resumed.returncode == 0
    assert f"checkpoints/{newest} is damaged" in resumed.stderr
    assert metrics(run) == metrics(undisturbed)
