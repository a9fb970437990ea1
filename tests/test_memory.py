"""Every limit of memory, from files as Linux has them."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from minjax import memory


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A machine with 8 GB free, on which the process has taken 1 GB."""
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    write(
        tmp_path, "proc/meminfo", "MemTotal: 16000000 kB\nMemFree: 10 kB\nMemAvailable:    8000000 kB\nHugePages: 0\n"
    )
    write(tmp_path, "proc/self/status", "Name:\tpython 3\nVmSize:\t  1000000 kB\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_of_this_machine():
    found = memory.available()
    assert found is not None
    assert 10**7 < found.bytes < 10**14
    assert " GB are available (" in str(found)


def test_what_the_machine_has_free(root):
    assert memory.available(root) == memory.Available(8_192_000_000, "what the machine has free")
    assert str(memory.available(root)) == "8.2 GB are available (what the machine has free)"


def test_a_limit_of_the_process(root, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (3 * 10**9, 4 * 10**9))
    found = memory.available(root)
    assert found == memory.Available(3 * 10**9 - 1_024_000_000, "the limit of the process, ulimit -v, is 3.0 GB")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (10**6, 10**6))
    assert memory.available(root).bytes == 0


@pytest.mark.parametrize("limited", ["pod/job", "pod", ""])
def test_a_control_group_or_one_above_it(root, limited):
    write(root, "proc/self/cgroup", "1:cpu:/other\n0::/pod/job\n")
    for group in ("pod/job", "pod", ""):
        folder = Path("sys/fs/cgroup") / group
        write(root, folder / "memory.max", "2000000000\n" if group == limited else "max\n")
        write(root, folder / "memory.current", "700000000\n")
        write(root, folder / "memory.stat", "anon 500000000\ninactive_file 100000000\n")
    assert memory.available(root) == memory.Available(1_400_000_000, "the limit of its control group is 2.0 GB")


def test_a_control_group_of_the_first_version_in_a_container(root):
    write(root, "proc/self/cgroup", "9:cpu,memory:/docker/abc\n")
    write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000000")
    write(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "3000000001")
    assert memory.available(root) == memory.Available(0, "the limit of its control group is 3.0 GB")


def test_a_system_that_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (10**9, 10**9))
    assert memory.available(tmp_path) is None
