"""Start one training run as several processes of `jax.distributed` on this machine, to try that before using a cluster.

    python launch/multiprocess.py 2 --config=configs/dnn.py --config.dataset.name=digits --config.batch_size=64
    python launch/multiprocess.py 2 --devices=4 --config=configs/digits.py  # each with four virtual CPU devices

Everything after the number is minjax's own command line. Each line of output begins with the number of its process.
When a process ends with an error or is lost, the others get `--grace` seconds to end by themselves and are then killed.
SIGTERM and Ctrl-C are passed on to all. The exit code is that of the first process that failed (128 + the number of the
signal if a signal ended it).

All processes see the same accelerators. On a machine with several GPUs give each process its own with
CUDA_VISIBLE_DEVICES and start them by hand (launch/README.md).
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent


def parse(arguments: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Parse this script's own flags; returns them and minjax's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("processes", type=int, help="how many to start")
    parser.add_argument("--devices", type=int, default=None, help="virtual CPU devices per process; default: none")
    parser.add_argument(
        "--grace", type=float, default=30.0, help="seconds that the others get to end when one has failed"
    )
    flags, rest = parser.parse_known_args(arguments)
    if flags.processes < 1:
        parser.error(f"processes is {flags.processes}; it must be at least 1")
    if flags.devices is not None and flags.devices < 1:
        parser.error(f"--devices is {flags.devices}; it must be at least 1")
    return flags, rest


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(flags: argparse.Namespace, rest: list[str]) -> list[subprocess.Popen]:
    """Start the processes, in sessions of their own: Ctrl-C reaches this script alone, which passes it on."""
    environment = dict(os.environ)
    if flags.devices is not None:
        environment["JAX_PLATFORMS"] = "cpu"
        virtual = f"--xla_force_host_platform_device_count={flags.devices}"
        environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} {virtual}".strip()
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    environment["PYTHONUNBUFFERED"] = "1"
    command = [sys.executable, "-m", "minjax.main", *rest]
    command += [f"--config.distributed.coordinator=127.0.0.1:{free_port()}"]
    command += [f"--config.distributed.processes={flags.processes}"]
    return [
        subprocess.Popen(
            [*command, f"--config.distributed.process={index}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        for index in range(flags.processes)
    ]


def relay(index: int, output: IO[str]) -> None:
    """Print the lines of a process, with its number before each."""
    for line in output:
        print(f"[{index}] {line.rstrip()}", flush=True)


def wait(processes: list[subprocess.Popen], grace: float) -> int:
    """Wait for all processes; returns the exit code of the first that failed, or 0."""
    failed, deadline = 0, float("inf")
    while True:
        codes = [process.poll() for process in processes]
        if not failed and (failed := next((code for code in codes if code), 0)):
            deadline = time.monotonic() + grace
        if None not in codes:
            return failed if failed >= 0 else 128 - failed
        if time.monotonic() > deadline:
            for process in processes:
                if process.poll() is None:
                    process.kill()
        time.sleep(0.05)


def main(arguments: list[str] | None = None) -> int:
    """Start the processes, relay their output, wait for them; returns the exit code."""
    flags, rest = parse(arguments)
    processes = start(flags, rest)

    def pass_on(number: int, frame: object) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    readers = [
        threading.Thread(target=relay, args=(index, process.stdout), daemon=True)
        for index, process in enumerate(processes)
    ]
    for reader in readers:
        reader.start()
    try:
        code = wait(processes, flags.grace)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
    for reader in readers:
        reader.join(timeout=10)
    return code


if __name__ == "__main__":
    sys.exit(main())
