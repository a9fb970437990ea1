"""Records on disk: JSON and JSON lines, written so that a kill at any moment leaves a whole file.

A file is written beside its place, flushed to the disk and renamed over it. A line of a JSONL file is appended
in one write; the reader drops a last line that has no newline, which is all that a kill can leave half-written.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minjax.errors import UserError

__all__ = [
    "append_jsonl",
    "append_text",
    "disk_errors",
    "read_bytes",
    "read_json",
    "read_jsonl",
    "write_bytes",
    "write_json",
    "write_jsonl",
    "write_text",
]


@contextmanager
def disk_errors(path: Path | str) -> Iterator[None]:
    """Turn what an operating system says of a full disk or a missing permission into a `UserError` naming `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data` to `path` atomically: readers see the old file or the new one, never a part of it.

    Raises:
        UserError: no space or no permission; the old file is still there.
    """
    path = Path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it private
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def read_bytes(path: Path | str) -> bytes:
    """Read a file.

    Raises:
        UserError: missing, unreadable, or not a file.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def append_text(path: Path | str, text: str) -> None:
    """Append whole lines to a file, in one write that is on the disk when this returns.

    Raises:
        UserError: no space or no permission.
    """
    with disk_errors(path), open(path, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically. NaN and infinities are refused: JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is missing, unreadable or not JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error


def append_jsonl(path: Path | str, *records: dict[str, Any]) -> None:
    """Append records as lines, in one write."""
    with disk_errors(path), open(path, "a", encoding="utf-8") as file:
        file.write("".join(json.dumps(record, allow_nan=False) + "\n" for record in records))


def read_jsonl(path: Path | str) -> list[dict[str, Any]]:
    """All whole lines of a JSONL file; empty if there is none. A last line without a newline is dropped.

    Raises:
        UserError: a whole line is not JSON (its number is named).
    """
    path = Path(path)
    if not path.exists():
        return []
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise UserError(f"{path}, line {number}, is not JSON: {error}") from error
    return records


def write_jsonl(path: Path | str, records: Iterable[dict[str, Any]]) -> None:
    """Replace a JSONL file by these records, atomically."""
    write_text(path, "".join(json.dumps(record, allow_nan=False) + "\n" for record in records))
