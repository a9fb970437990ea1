"""Checkpoints, written by orbax in the background, each with a digest; the newest and the best are kept.

A checkpoint holds host arrays, so it can be restored on any number of devices. Orbax writes into a temporary
directory and renames it, so a kill never leaves a half-written checkpoint; the digest detects bytes that changed later.
A checkpoint carries the records of the epochs before it as well, because a run that resumes needs them: early stopping,
the best epoch and the maximum follow from them, and nothing else could restore a lost line of metrics.jsonl.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from minjax.errors import UserError, one_line
from minjax.records import disk_errors
from minjax.records.run import Epoch
from minjax.train.metadata import Extent, Metadata, Position, check, describe

FILES = 200  # inodes that must be free for a checkpoint; it takes about 20
UNREADABLE = (errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)


@dataclasses.dataclass(frozen=True)
class Restored:
    """A checkpoint read back.

    Attributes:
        tree: numpy arrays.
        position: where the run stood.
        step: gradient steps taken by then.
        history: the records of the epochs before; None in a checkpoint that does not carry them.
    """

    tree: Any
    position: Position
    step: int
    history: list[Epoch] | None = None


def saved(directory: Path) -> list[int]:
    """The steps that have a checkpoint in a directory, which may not exist, in ascending order."""
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch(r"0|[1-9]\d*", name))


class Checkpoints:
    """The checkpoints of one run, numbered by gradient step.

    Args:
        directory: created if it does not exist.
        keep: how many of the newest checkpoints to keep besides the best.
    """

    def __init__(self, directory: Path, keep: int = 2):
        self.directory, self._keep = Path(directory).absolute(), keep
        _quiet()
        # The first process saves alone: the state is the same in all of them, and orbax need not wait for the others.
        alone = ocp.options.MultiprocessingOptions(
            primary_host=jax.process_index(),
            active_processes={jax.process_index()},
            barrier_sync_key_prefix=f"minjax-{jax.process_index()}",
        )
        with disk_errors(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
        handler = ocp.CompositeCheckpointHandler(
            composite_options=ocp.CompositeOptions(multiprocessing_options=alone),
            state=ocp.StandardCheckpointHandler(multiprocessing_options=alone),
            meta=ocp.JsonCheckpointHandler(multiprocessing_options=alone),
        )
        self._writer = ocp.AsyncCheckpointer(handler, multiprocessing_options=alone)
        self._unfinished = True  # an earlier process may have left half a checkpoint

    def save(
        self,
        step: int,
        tree: Any,
        position: Position,
        accuracy: float | None = None,
        history: Sequence[Epoch] | None = None,
    ) -> None:
        """Save in the background, after waiting for an earlier save to finish.

        Args:
            step: gradient steps taken so far. A checkpoint of the same step is replaced.
            tree: a pytree of numpy arrays.
            position: where the run stands.
            accuracy: what the best checkpoint is chosen by; None: this one is no candidate.
            history: the records of the epochs before.

        Raises:
            UserError: no space or no permission.
        """
        arrays = {name: np.asarray(x) for name, x in _named(tree).items()}
        meta = describe(arrays, step, position, accuracy, history)
        with _saving(self.directory):
            self._finish()
            self._check_space(sum(x.nbytes for x in arrays.values()))
            self._delete(self.directory / str(step))
            args = ocp.args.Composite(state=ocp.args.StandardSave(arrays), meta=ocp.args.JsonSave(meta))
            self._unfinished = True
            self._writer.save(self.directory / str(step), args)

    def _check_space(self, size: int) -> None:
        """Refuse early what would not fit: orbax would report it from its threads, with tracebacks."""
        free, needed = shutil.disk_usage(self.directory).free, 2 * size + 2**20
        if free < needed:
            raise UserError(
                f"no space for a checkpoint in {self.directory}: {free:,} bytes free, {needed:,} needed; "
                "make room, and the same command resumes"
            )
        if (inodes := os.statvfs(self.directory)).f_files and inodes.f_favail < FILES:
            raise UserError(
                f"no space for a checkpoint in {self.directory}: {inodes.f_favail} inodes free, {FILES} needed; remove "
                "files, and the same command resumes"
            )
        if not hasattr(os, "posix_fallocate"):  # macOS
            return
        with tempfile.TemporaryFile(dir=self.directory) as file:  # a quota or a limit on files is not in `disk_usage`
            try:
                os.posix_fallocate(file.fileno(), 0, needed)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot reserve
                    raise UserError(_refusal(self.directory, error.errno)) from error

    def wait(self) -> None:
        """Wait until the last checkpoint is on disk.

        Raises:
            UserError: it could not be written.
        """
        with _saving(self.directory):
            self._finish()

    def _finish(self) -> None:
        """Wait for the last save; then delete what is not kept, and what a kill has left of unfinished saves."""
        self._writer.wait_until_finished()
        if not self._unfinished:
            return
        for path in self.directory.iterdir():
            if re.fullmatch(r"\d+\.(orbax-checkpoint-tmp.*|deleted)", path.name):
                shutil.rmtree(path, ignore_errors=True)
        steps = self.steps()
        accuracies = {step: found for step in steps if (found := self._accuracy(step)) is not None}
        best = max(accuracies, key=lambda step: (accuracies[step], step), default=None)
        for step in steps[: -self._keep]:
            if step != best:
                self._delete(self.directory / str(step))
        self._unfinished = False

    def _delete(self, path: Path) -> None:
        """Delete a checkpoint; a kill in between leaves nothing that looks like one."""
        if path.exists():
            shutil.rmtree(path.rename(path.with_suffix(".deleted")), ignore_errors=True)

    def _accuracy(self, step: int) -> float | None:
        """What a checkpoint says of its accuracy; None where that cannot be read."""
        try:
            found = json.loads((self.directory / str(step) / "meta" / "metadata").read_bytes())["accuracy"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None  # damaged; whoever restores it hears of that
        return found if isinstance(found, float) else None

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in ascending order."""
        return saved(self.directory)

    def restore(
        self, like: Any, warn: Callable[[str], None], step: int | None = None, extent: Extent | None = None
    ) -> Restored | None:
        """The newest intact checkpoint, or that of `step`; None if there are no checkpoints.

        Args:
            like: a tree of arrays, or of their shapes and types, with the structure to restore.
            warn: called with a sentence for each damaged checkpoint that is skipped.
            step: restore only this one.
            extent: of the run; the position must be inside it. None: it is not checked.

        Raises:
            UserError: there are checkpoints, but all of them are damaged; or one cannot be read, which does not mean
                that it is damaged.
        """
        steps = self.steps() if step is None else [step]
        for candidate in reversed(steps):
            path = self.directory / str(candidate)
            try:
                return self._read(candidate, like, extent)
            except MemoryError as error:
                raise UserError(f"not enough memory to read the checkpoint {path}") from error
            except Exception as error:  # orbax and tensorstore raise anything, depending on the damage
                if (code := _system_error(error)) in UNREADABLE:
                    raise UserError(f"cannot read the checkpoint {path}: {os.strerror(code)}") from error
                reason = one_line(str(error))[:200] or type(error).__name__
                warn(f"checkpoint {path} is damaged and skipped: {reason}")
        if steps:
            raise UserError(f"no checkpoint in {self.directory} can be read; remove the directory to start over")
        return None

    def _read(self, step: int, like: Any, extent: Extent | None) -> Restored:
        template = {name: np.zeros(x.shape, x.dtype) for name, x in _named(like).items()}
        arrays, about = self._load(step, template)
        for name, x in template.items():  # orbax restores whatever is there
            if arrays[name].shape != x.shape or arrays[name].dtype != x.dtype:
                raise ValueError(f"it belongs to another network: {name} is {arrays[name].shape}, not {x.shape}")
        if extent is not None and (problem := extent.problem(about.position, step)):
            raise ValueError(problem)
        tree = jax.tree.unflatten(jax.tree.structure(like), [arrays[name] for name in template])
        return Restored(tree, about.position, step, about.history)

    def arrays(self, step: int) -> dict[str, np.ndarray]:
        """The arrays of one checkpoint by their dotted paths, such as "state.params.head.kernel".

        Raises:
            UserError: it cannot be read, or its contents are not what was saved.
        """
        try:
            return self._load(step, None)[0]
        except Exception as error:  # orbax and tensorstore raise whatever the damage made of their input
            raise UserError(f"cannot read the checkpoint {self.directory / str(step)}: {error}") from error

    def _load(self, step: int, template: dict[str, np.ndarray] | None) -> tuple[dict[str, np.ndarray], Metadata]:
        """The arrays and the metadata of a checkpoint, which belong together; raises anything where they do not."""
        args = ocp.args.Composite(state=ocp.args.StandardRestore(template), meta=ocp.args.JsonRestore())
        read = self._writer.restore(self.directory / str(step), args)
        arrays = {name: np.asarray(x) for name, x in read["state"].items()}
        return arrays, check(read["meta"], arrays, step)

    def close(self) -> None:
        """Finish writing and close."""
        with _saving(self.directory):
            try:
                self._finish()
            finally:
                self._writer.close()


@contextlib.contextmanager
def _saving(directory: Path) -> Iterator[None]:
    """Turn the errors of orbax and tensorstore about a disk that cannot be written into a `UserError`."""
    try:
        with disk_errors(directory):
            yield
    except ValueError as error:
        code = _system_error(error)
        if code is None:
            raise
        raise UserError(_refusal(directory, code)) from error


def _system_error(error: Exception) -> int | None:
    """The system's error number: tensorstore's status contains it as [os_error_code='28']."""
    if isinstance(error, OSError):
        return error.errno
    code = re.search(r"os_error_code='(\d+)'", str(error))
    return None if code is None else int(code[1])


def _refusal(directory: Path, code: int | None) -> str:
    reason = os.strerror(code) if code else "the system gives no reason"
    return f"cannot write a checkpoint in {directory}: {reason}; once that is fixed, the same command resumes"


def _named(tree: Any) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): x for path, x in leaves}


def _quiet() -> None:
    """Silence orbax: it logs every save, its fallbacks, and, with tracebacks, errors that it also raises."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of several arrays that are damaged, it raises one error
    if getattr(sys.unraisablehook, "func", None) is not _unless_late:
        sys.unraisablehook = partial(_unless_late, sys.unraisablehook)


def _unless_late(show: Callable[[Any], object], unraisable: Any) -> None:
    """Show what Python cannot raise, but for an array's error that comes when orbax has already raised another's."""
    if not (isinstance(unraisable.exc_value, RuntimeError) and str(unraisable.exc_value) == "Event loop is closed"):
        show(unraisable)
