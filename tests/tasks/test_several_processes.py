"""Two processes of jax.distributed on this machine: the same losses as one, and what happens when one is not well.

A hang fails: every process has a time limit. Times are counted from the signal or the kill.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT, command

pytestmark = pytest.mark.slow

CNN = "configs/cnn.py"
TIMES = ("seconds", "evaluate_seconds", "images_per_second")
LIMIT = 240  # seconds for one process of a test
LOST_AFTER = 12  # seconds of silence, of distributed.lost_after
FIELDS = [
    "--config.model.channels=(4,)",
    "--config.model.batch_norm=True",
    "--config.model.dropout=0.2",
    "--config.dtype=float64",
    "--config.batch_size=160",
    "--config.checkpoint_every=1",
    "--config.steps_per_call=2",
]
ENVIRONMENT = {**os.environ, "JAX_ENABLE_X64": "1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def several(run, *fields, each=((), ()), distributed=True, address=None, variables=({}, {}), before=((), ())):
    """Start two processes (or, with `distributed` off, one) of the documented command.

    `each` has further arguments of each, `variables` its environment's, `before` what its command is given to.
    """
    address = address or f"127.0.0.1:{free_port()}"
    processes = []
    for index, own in enumerate(each if distributed else each[:1]):
        more = [
            f"--config.distributed.coordinator={address}",
            f"--config.distributed.processes={len(each)}",
            f"--config.distributed.process={index}",
            f"--config.distributed.lost_after={LOST_AFTER}",
        ]
        if address == "auto":
            more = ["--config.distributed.auto=True"]
        arguments = command(*FIELDS, *fields, f"--workdir={run}", *(more if distributed else ()), *own, preset=CNN)
        processes.append(
            subprocess.Popen(
                [*before[index], *arguments],
                cwd=ROOT,
                env=ENVIRONMENT | variables[index],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


@pytest.fixture
def start():
    """`several`, whose processes do not outlive the test."""
    started = []

    def begin(*arguments, **keywords):
        started.extend(new := several(*arguments, **keywords))
        return new

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finish(processes, limit=LIMIT):
    """Exit codes, outputs and errors, in the order of the processes."""
    deadline = time.monotonic() + limit
    done = [process.communicate(timeout=max(1.0, deadline - time.monotonic())) for process in processes]
    return [p.returncode for p in processes], [output for output, _ in done], [error for _, error in done]


def metrics(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES and value is not None} for line in lines]


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


def wait_for_lines(run, count, processes):
    path, deadline = run / "metrics.jsonl", time.monotonic() + LIMIT
    while (path.read_text().count("\n") if path.exists() else 0) < count:
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes), finish(processes)
        time.sleep(0.002)


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


def error_line(error):
    (line,) = [line for line in error.splitlines() if line.startswith("minjax: ")]
    return line


def test_different_configurations_are_refused_with_the_difference(start, tmp_path):
    run = tmp_path / "run"
    each = ((), ("--config.optimizer.learning_rate=0.5", "--config.epochs=7"))
    codes, _, errors = finish(start(run, "--config.epochs=5", each=each), limit=60)
    assert codes == [2, 2]
    for error in errors:
        assert "the processes of this run differ: epochs: process 0 has 5, process 1 has 7" in error_line(error)
        assert "optimizer.learning_rate: process 0 has 0.05, process 1 has 0.5" in error
    assert not run.exists()


def test_different_numbers_of_devices_are_refused(start, tmp_path):
    variables = ({}, {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"})
    codes, _, errors = finish(start(tmp_path / "run", "--config.epochs=5", variables=variables), limit=60)
    assert codes == [2, 2]
    for error in errors:
        assert "the same number of devices; process 0 has 1, process 1 has 2" in error_line(error)


def test_what_only_the_first_process_cannot_do_ends_all(start):
    codes, _, errors = finish(start("/proc/minjax-run", "--config.epochs=5"), limit=90)
    assert codes == [2, 2], errors
    assert "cannot write /proc/minjax-run" in error_line(errors[0])
    assert "process 0 ended: cannot write /proc/minjax-run" in error_line(errors[1])


def test_a_disk_that_is_full_for_the_first_process_in_mid_run_ends_all(start, tmp_path):
    # No file over 60 kB; the weights alone have 160 kB in float64.
    limited = (["bash", "-c", 'ulimit -f 60 && exec "$@"', "bash"], [])
    uncached = ({"JAX_ENABLE_COMPILATION_CACHE": "0"}, {})
    fields = ["--config.model.channels=(32,64)", "--config.epochs=5"]
    codes, _, errors = finish(start(tmp_path / "run", *fields, before=limited, variables=uncached))
    assert codes == [2, 2], errors
    assert "cannot write a checkpoint in" in error_line(errors[0])
    assert "process 0 ended: cannot write a checkpoint in" in error_line(errors[1])


def test_a_coordinator_that_does_not_answer_is_one_line_with_its_address(start, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    processes = start(tmp_path / "run", "--config.distributed.timeout=3", address=address)
    processes[0].kill()
    codes, _, errors = finish(processes, limit=60)
    assert codes[1] == 2
    assert errors[1].count("\n") == 1
    assert f"the coordinator at {address} did not answer within 3 s" in error_line(errors[1])


def test_processes_that_do_not_come_are_one_line(start, tmp_path):
    processes = start(tmp_path / "run", "--config.distributed.timeout=3")
    processes[1].kill()
    codes, _, errors = finish(processes, limit=60)
    assert codes[0] == 2
    assert "not all 2 processes connected to the coordinator at 127.0.0.1:" in error_line(errors[0])


def test_a_port_that_is_taken_is_one_line(start, tmp_path):
    with socket.socket() as holder:
        holder.bind(("", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        processes = start(tmp_path / "run", "--config.distributed.timeout=3", address=address)
        codes, _, errors = finish(processes, limit=60)
    assert codes[0] == 2
    assert "cannot be opened here: Address already in use" in error_line(errors[0])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["--config.distributed.auto=True"], "distributed.auto: JAX finds no cluster here"),
        (["--config.distributed.processes=2"], "several processes also need distributed.coordinator and"),
    ],
)
def test_fields_of_the_command_line_are_checked(tmp_path, fields, message):
    done = subprocess.run(
        command(*fields, f"--workdir={tmp_path / 'run'}"), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert message in error_line(done.stderr)


def test_tasks_that_run_in_one_process_say_so(start, tmp_path):
    codes, _, errors = finish(start(tmp_path / "run", "--config.task=report"), limit=60)
    assert codes == [2, 2]
    assert "several processes (distributed.*) are for task=train; task=report runs in one" in error_line(errors[0])
