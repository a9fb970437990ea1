"""Records that are arrays: .npz files, written whole and read without trust."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from minjax.errors import UserError
from minjax.records.files import read_bytes, write_bytes


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compressed: bool = True) -> None:
    """Write arrays by name as a .npz file, atomically.

    Raises:
        UserError: no space or no permission.
    """
    buffer = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def read_arrays(path: Path, names: Sequence[str], optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Read the arrays of these names from a .npz file.

    Args:
        path: of the file.
        names: all of them must be there.
        optional: those that are not there are left out.

    Raises:
        UserError: missing, damaged, or without one of the names.
    """
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            wanted = [*names, *(name for name in optional if name in arrays.files)]
            return {name: np.asarray(arrays[name]) for name in wanted}
    except Exception as error:  # NumPy and zipfile raise anything, depending on the damage
        raise UserError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from error
