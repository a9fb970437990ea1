"""How much more memory this process can take, by every limit that Linux sets; elsewhere, how much the machine has."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")


@dataclass(frozen=True)
class Available:
    """Memory that can still be taken.

    Attributes:
        bytes: how much, not negative.
        limit: what sets the limit, in words for an error message.
    """

    bytes: int
    limit: str

    def __str__(self) -> str:
        return f"{gigabytes(self.bytes)} are available ({self.limit})"


def available(root: Path = _ROOT) -> Available | None:
    """The smallest of: what the machine has free, what the process's control groups leave, what `ulimit -v` leaves.

    Memory that the system uses for copies of files counts as free, since it can be taken back.

    Args:
        root: the directory that holds proc/ and sys/.

    Returns:
        None if the system says nothing about its memory.
    """
    found = [*_machine(root), *_control_groups(root), *_address_space(root)]
    return min(found, key=lambda one: one.bytes, default=None)


def gigabytes(number: float) -> str:
    """Bytes for an error message: "1.4 GB"."""
    return f"{number / 1e9:,.1f} GB"


def _machine(root: Path) -> Iterator[Available]:
    free = _fields(root / "proc/meminfo").get("MemAvailable")
    if free is not None:
        yield Available(1024 * free, "what the machine has free")
    elif root == _ROOT:
        try:
            yield Available(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "all that the machine has")
        except (OSError, ValueError):
            return


def _address_space(root: Path) -> Iterator[Available]:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = _fields(root / "proc/self/status").get("VmSize")
    if soft != resource.RLIM_INFINITY and taken is not None:
        yield Available(max(0, soft - 1024 * taken), f"the limit of the process, ulimit -v, is {gigabytes(soft)}")


def _control_groups(root: Path) -> Iterator[Available]:
    """What each group that the process is in leaves it, of both versions of control groups."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, most, used, files = root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            mount, most = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
            used, files = "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        group = mount / path.strip("/")
        # In a container the path may be the one outside it; the mount itself is then the container's own group.
        for directory in (group, *group.parents):
            limit, taken = _read(directory / most).strip(), _read(directory / used).strip()
            if limit.isdigit() and taken.isdigit():
                left = int(limit) - int(taken) + _fields(directory / "memory.stat").get(files, 0)
                yield Available(max(0, left), f"the limit of its control group is {gigabytes(int(limit))}")
            if directory == mount:
                break


def _fields(path: Path) -> dict[str, int]:
    """The integers of a file of lines such as "MemAvailable:  1234 kB", by their names."""
    found = {}
    for line in _read(path).splitlines():
        name, *values = line.replace(":", " ").split()
        if values and values[0].isdigit():
            found[name] = int(values[0])
    return found


def _read(path: Path) -> str:
    """A file's text; empty if it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
