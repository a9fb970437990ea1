"""Where a result comes from: versions, commit, device, command."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import jax

import minjax
from minjax.records.record import Provenance

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def provenance(command: str, devices: int | None = None, processes: int = 1) -> Provenance:
    """Where a result of this process comes from.

    Args:
        command: as the user typed it.
        devices: that the run uses, those of all its processes; None: all there are.
        processes: that the run consists of.
    """
    versions = {"minjax": minjax.__version__, "python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    device = jax.devices()[0]
    kind = device.device_kind if device.platform != "cpu" else f"cpu ({_processor()})"
    return Provenance(
        device=kind,
        device_count=jax.device_count() if devices is None else devices,
        process_count=processes,
        versions=versions,
        git_commit=_commit(),
        command=command,
    )


def usable_cpus() -> int | None:
    """How many CPUs this process may use, if they compute: XLA splits sums between them, which moves the last bits."""
    if jax.devices()[0].platform != "cpu":
        return None
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # macOS has no affinity


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _commit() -> str | None:
    root = Path(minjax.__file__).parent.parent
    if not (root / ".git").exists():  # an installed package inside somebody else's repository has no commit of its own
        return None
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        status = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ("+changes" if status.stdout.strip() else "")
