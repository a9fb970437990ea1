"""Two processes that cannot train together: each ends, with one line that says why.

A hang fails: every process has a time limit.
"""

from __future__ import annotations

import socket
import subprocess

import pytest

from tests.conftest import ROOT, command
from tests.tasks.two_processes import error_line, finish, free_port

pytestmark = pytest.mark.slow


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
