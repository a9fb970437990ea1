"""Members in training, kept on disk from minute to minute: a killed study goes on in the middle of its networks.

What is kept is what one dispatch passes on to the next, so that a member that goes on ends with the bits that it would
have had. A file holds members that are trained at the same time: a whole population side by side, or, one by one, those
that the devices have in hand.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import shutil
import time
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from minjax.errors import UserError
from minjax.records.arrays import read_arrays, write_arrays

FOLDER = "unfinished"
EVERY = 60.0  # seconds between two saves; what is trained in less is not kept
SHARE = 0.05  # of the time, which saving takes at most
NAMES, STEP, SECONDS = "names", "step", "seconds"


class Kept(NamedTuple):
    """Members as far as they have been trained.

    Attributes:
        step: that they take next, over all epochs; their number of steps where they have taken all of them.
        seconds: spent training them.
        carry: what the dispatches pass on, on the host, with a leading axis of members.
    """

    step: int
    seconds: float
    carry: Any


class Unfinished:
    """The members of one population as far as they have come.

    Args:
        directory: where the files are; created with the first of them.
        names: of all members of the population; no two members of a study have the same.
        note: called with a sentence where something cannot be kept or read back, which costs time and nothing else.
    """

    def __init__(self, directory: Path, names: Sequence[str], note: Callable[[str], None]):
        self.directory, self.names, self._note = directory, list(names), note
        self._next = time.monotonic() + EVERY
        self._unwritable = False

    def is_due(self, seconds: float, *, ended: bool) -> bool:
        """Whether it is time to save members that have been trained for this many seconds.

        Members that have ended are saved too, because it may be long before they are recorded: first come their curves,
        and on a cluster the other members of their task.
        """
        return not self._unwritable and (seconds >= EVERY if ended else time.monotonic() >= self._next)

    def save(self, first: int, kept: Kept) -> None:
        """Save members, replacing what was saved of them before.

        Args:
            first: index in the population of the first of them.
            kept: how far they have come; its arrays say how many they are.
        """
        if self._unwritable:
            return
        leaves, started = jax.tree.leaves(kept.carry), time.monotonic()
        names = self.names[first : first + len(leaves[0])]
        arrays = {NAMES: np.array(names), STEP: np.array(kept.step), SECONDS: np.array(kept.seconds)}
        arrays |= {str(index): np.asarray(leaf) for index, leaf in enumerate(leaves)}
        try:
            write_arrays(self._path(names), arrays, compressed=False)
        except UserError as error:
            self._unwritable = True
            self._note(f"{error}; networks in training are not kept from here on")
        now = time.monotonic()
        self._next = now + max(EVERY, (now - started) / SHARE)

    def load(self, first: int, count: int, like: Any, steps: int) -> Kept | None:
        """Members `first` to `first + count - 1` as they were saved; None: they were not, or cannot be read back.

        Args:
            first: index in the population.
            count: how many are trained at the same time.
            like: shapes and types of what is passed on about one member.
            steps: that a member takes over all epochs.
        """
        path = self._path(self.names[first : first + count])
        if not path.exists():
            return None
        leaves, structure = jax.tree.flatten(like)
        numbers = [str(index) for index in range(len(leaves))]
        try:
            arrays = read_arrays(path, [STEP, SECONDS, *numbers])
            step, seconds = _scalar(path, arrays[STEP]), _scalar(path, arrays[SECONDS])
            if step not in range(1, steps + 1) or not 0 <= seconds < math.inf:
                raise UserError(f"{path} is damaged: step {step:g} of {steps}, {seconds:g} seconds")
            found = [
                _like(path, arrays[name], (count, *x.shape), x.dtype) for name, x in zip(numbers, leaves, strict=True)
            ]
        except UserError as error:
            self._note(f"{error}; the networks in it are trained from the start")
            return None
        return Kept(int(step), seconds, jax.tree.unflatten(structure, found))

    def _path(self, names: Sequence[str]) -> Path:
        return self.directory / f"{hashlib.sha256(chr(10).join(names).encode()).hexdigest()[:16]}.npz"


def _scalar(path: Path, array: np.ndarray) -> float:
    if array.shape != () or array.dtype.kind not in "if":
        raise UserError(f"{path} is damaged: a number is {array.dtype} {list(array.shape)}")
    return float(array)


def _like(path: Path, array: np.ndarray, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """The array in its own type, which NumPy's files do not know where it is bfloat16."""
    dtype = np.dtype(dtype)
    if array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:
        array = array.view(dtype)
    if (array.shape, array.dtype) != (shape, dtype):
        raise UserError(f"{path} is of another program: {array.dtype} {list(array.shape)}, not {dtype} {list(shape)}")
    return array


def sweep(directory: Path, ended: Container[str]) -> None:
    """Delete the files whose members have all ended; those that cannot be read stay until someone asks for them.

    Args:
        directory: where the files are; it need not exist.
        ended: names of members.
    """
    for path in sorted(directory.glob("*.npz")):
        with contextlib.suppress(UserError, OSError):
            if all(name in ended for name in read_arrays(path, [NAMES])[NAMES].tolist()):
                path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        directory.rmdir()  # only where it is empty


def discard(directory: Path) -> None:
    """Delete all files."""
    shutil.rmtree(directory, ignore_errors=True)
