"""Two processes of jax.distributed on this machine: starting them, and waiting for them with a limit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time

import pytest

from tests.conftest import ROOT, command

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
        python, _, _, *arguments = command(
            *FIELDS, *fields, f"--workdir={run}", *(more if distributed else ()), *own, preset=CNN
        )
        processes.append(
            subprocess.Popen(
                [*before[index], python, "-m", "tests.undrawn", *arguments],
                cwd=ROOT,
                env=ENVIRONMENT | variables[index],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


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


def error_line(error):
    (line,) = [line for line in error.splitlines() if line.startswith("minjax: ")]
    return line
