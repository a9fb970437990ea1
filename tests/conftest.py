"""Shared by all tests: where caches go, where vectors are, how to run the documented command."""

from __future__ import annotations

import contextlib
import gc
import getpass
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

# Compiled programs may be shared between workers and runs; decoded data must not: a stale cache could hide a fault.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"minjax-tests-{getpass.getuser()}")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # small ones too: there are thousands
os.environ["MINJAX_CACHE"] = tempfile.mkdtemp(prefix="minjax-cache-")


MOST_MEMORY = 2 * 2**30  # bytes of a worker, above which it forgets its compiled programs


@pytest.fixture(autouse=True, scope="module")
def _little_memory():
    """Forget compiled programs after a module where there are many: a worker would end with gigabytes of them."""
    yield
    statm = Path("/proc/self/statm")
    if statm.exists() and int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") > MOST_MEMORY:
        import jax

        jax.clear_caches()
        gc.collect()


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a script of benchmarks/ by its name, as the scripts import one another; all are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module
    for path in (ROOT / "benchmarks").glob("*.py"):
        if path.stem not in before:
            sys.modules.pop(path.stem, None)


def command(*arguments: str, preset: str = "configs/dnn.py") -> list[str]:
    """The documented command, on the embedded digits, without TensorBoard."""
    quick = ["--config.dataset.name=digits", "--config.tensorboard=False"]
    return [sys.executable, "-m", "minjax.main", f"--config={preset}", *quick, *arguments]


def minjax(*arguments: str, preset: str = "configs/dnn.py") -> subprocess.CompletedProcess:
    """Run the documented command to its end in this process, from the checkout: three seconds less than in another."""
    from minjax.main import main

    words = command(*arguments, preset=preset)
    shown, said = io.StringIO(), io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said):
        code = main(words[3:])
    return subprocess.CompletedProcess(words, code, shown.getvalue(), said.getvalue())


def minjax_process(
    *arguments: str, preset: str = "configs/dnn.py", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Run the documented command to its end in a process of its own, from the checkout."""
    return subprocess.run(
        command(*arguments, preset=preset),
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
    )


def read_json(path: Path) -> Any:
    """A JSON file as plain values."""
    return json.loads(path.read_text())


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a JSONL file as plain values; none where there is no file."""
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []
