"""The kernels of a step as a profile saw them, read from JAX's trace without TensorFlow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST = 20  # kinds of kernels that a summary names
_CONTAINERS = ("while", "call", "conditional")  # operations that consist of others
# Platform -> beginnings of the names of the planes and of the lines on which a device's kernels are.
_PLACES = {"gpu": ("/device:GPU", "Stream"), "tpu": ("/device:TPU", "XLA Ops")}


def read(directory: Path, platform: str) -> list[tuple[str, float]]:
    """The kernels of the newest trace in a directory: (name, seconds), in order of each stream.

    Raises:
        FileNotFoundError: there is no trace.
    """
    from jax.profiler import ProfileData

    files = sorted(directory.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise FileNotFoundError(f"{directory} has no trace")
    found = []
    for plane in ProfileData.from_file(str(files[-1])).planes:
        for line in plane.lines:
            if platform == "cpu":  # operations among much else
                events: Iterable[Any] = (event for event in line.events if "hlo_op" in dict(event.stats))
            else:
                planes, lines = _PLACES[platform]
                events = line.events if plane.name.startswith(planes) and line.name.startswith(lines) else ()
            found += [
                (event.name, event.duration_ns * 1e-9) for event in events if not event.name.startswith(_CONTAINERS)
            ]
    return found


def summary(kernels: list[tuple[str, float]], steps: int) -> dict[str, Any]:
    """How many kernels a step has and how long they take, in all and by kind.

    Args:
        kernels: name and seconds of each.
        steps: that they belong to.

    Raises:
        ValueError: there are none.
    """
    if not kernels:
        raise ValueError("the trace has no kernels; look at it with TensorBoard's profile plugin or xprof")
    count: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for name, spent in kernels:
        kind = re.sub(r"[._]?\d+", "", name)[:100]
        count[kind] += 1
        seconds[kind] += spent
    return {
        "kernels_a_step": round(len(kernels) / steps, 1),
        "kernel_seconds_a_step": sum(seconds.values()) / steps,
        "kinds": [
            {"kind": kind, "a_step": round(count[kind] / steps, 2), "seconds_a_step": spent / steps}
            for kind, spent in seconds.most_common(MOST)
        ],
    }
