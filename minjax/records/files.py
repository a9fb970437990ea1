"""Files on disk, written so that a kill at any moment leaves a whole file.

A file is written under a temporary name, flushed to the disk and renamed. Lines are appended in one write; at worst, a
kill leaves a last line without a newline, which readers drop.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minjax.errors import UserError

__all__ = [
    "append_text",
    "csv_text",
    "disk_errors",
    "read_bytes",
    "write_bytes",
    "write_text",
]


@contextmanager
def disk_errors(path: Path | str) -> Iterator[None]:
    """Turn the system's error for a full disk or a missing permission into a `UserError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data` to `path` atomically: readers see the old file or the new one, never part of one.

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


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows of cells as CSV that a spreadsheet shows as text, whatever the names of classes and folders are.

    A cell of text that a spreadsheet would run as a formula (it begins with =, +, -, @, a tab or a carriage return, and
    is not a number) gets an apostrophe in front, as OWASP recommends against CSV injection.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _inert(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
