"""Processes that measure: each has a time limit, and what it has measured until then is kept."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minjax.records.files import write_text

ROOT = Path(__file__).resolve().parent.parent
MARK = "MEASURED "  # before each measurement that a process prints


@contextlib.contextmanager
def session(command: list[str], environment: dict[str, str], **streams: Any) -> Iterator[subprocess.Popen]:
    """A process whose whole session is killed at the end, whatever it has started."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **streams)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def lines_of(text: str) -> list[dict[str, Any]]:
    """The measurements in what a process printed; half a line at the end is dropped."""
    whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line.removeprefix(MARK)) for line in whole if line.startswith(MARK)]


def measured(
    command: list[str], environment: dict[str, str], seconds: float, log: Path | None = None
) -> dict[str, Any]:
    """Run a process for at most `seconds`.

    Args:
        command: prints a line after `MARK` for each measurement.
        environment: variables that the process sees.
        seconds: time after which it is killed.
        log: takes what it prints on standard error; None: nothing does.

    Returns:
        `status` ("done", "failed" or "out of time"), `reason` where it is not done, `seconds` and `lines`.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        result: dict[str, Any] = {"status": "done"}
        with session(command, environment, stdout=out, stderr=errors) as process:
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                result = {"status": "out of time", "reason": f"killed after {seconds:.0f} s"}
                code = 0
        out.seek(0)
        errors.seek(0)
        lines, text = lines_of(out.read()), errors.read()
    if log is not None:
        write_text(log, text)
    if code != 0:
        last = text.strip().splitlines() or ["nothing on standard error"]
        result = {"status": "failed", "reason": f"exit code {code}: {last[-1][:300]}"}
    failures = [line["failure"] for line in lines if "failure" in line]
    if result["status"] == "done" and failures:
        result = {"status": "failed", "reason": failures[0]}
    return result | {"seconds": round(time.perf_counter() - started, 1), "lines": lines}
