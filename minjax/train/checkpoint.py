"""Checkpoints, written by orbax in the background, each with a digest; the newest and the best are kept.

A checkpoint holds host arrays, so it can be restored on any number of devices. Orbax writes into a temporary
directory and renames it, so a kill never leaves a half-written checkpoint; the digest detects bytes that changed later.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from minjax.errors import UserError
from minjax.records import disk_errors


@dataclasses.dataclass(frozen=True)
class Position:
    """Where a run stands.

    Attributes:
        epoch: the one being trained, from 1.
        done: steps of it that have been taken.
        train_seconds: spent taking them.
    """

    epoch: int = 1
    done: int = 0
    train_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Restored:
    """A checkpoint read back.

    Attributes:
        tree: numpy arrays.
        position: where the run stood.
        step: gradient steps taken by then.
    """

    tree: Any
    position: Position
    step: int


class Checkpoints:
    """The checkpoints of one run, numbered by gradient step.

    Args:
        directory: created if it does not exist.
        keep: how many of the newest checkpoints to keep besides the best.
    """

    def __init__(self, directory: Path, keep: int = 2):
        self.directory = Path(directory).absolute()
        _quiet()
        policy = managers.AnyPreservationPolicy(
            [
                managers.LatestN(n=keep),
                managers.BestN(
                    get_metric_fn=lambda metrics: metrics["accuracy"], n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        # The first process saves alone: the state is the same in all of them, and orbax need not wait for the others.
        alone = ocp.options.MultiprocessingOptions(
            primary_host=jax.process_index(),
            active_processes={jax.process_index()},
            barrier_sync_key_prefix=f"minjax-{jax.process_index()}",
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy,
            cleanup_tmp_directories=True,
            enable_async_checkpointing=True,
            create=False,
            multiprocessing_options=alone,
        )
        with disk_errors(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            self._manager = ocp.CheckpointManager(self.directory, options=options)

    def save(self, step: int, tree: Any, position: Position, accuracy: float | None = None) -> None:
        """Save in the background, after waiting for an earlier save to finish.

        Args:
            step: gradient steps taken so far. A checkpoint of the same step is replaced.
            tree: a pytree of numpy arrays.
            position: where the run stands.
            accuracy: what the best checkpoint is chosen by; None: this one is no candidate.

        Raises:
            UserError: no space or no permission.
        """
        arrays = {name: np.asarray(x) for name, x in _named(tree).items()}
        meta = {"position": dataclasses.asdict(position), "digest": digest(arrays), "accuracy": accuracy}
        with _saving(self.directory):
            self._manager.wait_until_finished()
            self._check_space(sum(x.nbytes for x in arrays.values()))
            if step in self._manager.all_steps():
                self._manager.delete(step)
            metrics = None if accuracy is None else {"accuracy": accuracy}
            args = ocp.args.Composite(state=ocp.args.StandardSave(arrays), meta=ocp.args.JsonSave(meta))
            self._manager.save(step, args=args, metrics=metrics, force=True)

    def _check_space(self, size: int) -> None:
        """Refuse early what would not fit: orbax would report it from its threads, with tracebacks."""
        free, needed = shutil.disk_usage(self.directory).free, 2 * size + 2**20
        if free < needed:
            raise UserError(
                f"no space for a checkpoint in {self.directory}: {free:,} bytes free, {needed:,} needed; "
                "make room, and the same command resumes"
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
            self._manager.wait_until_finished()

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in ascending order."""
        return sorted(self._manager.all_steps())

    def restore(self, like: Any, warn: Callable[[str], None], step: int | None = None) -> Restored | None:
        """The newest intact checkpoint, or that of `step`; None if there are no checkpoints.

        Args:
            like: a tree of arrays, or of their shapes and types, with the structure to restore.
            warn: called with a sentence for each damaged checkpoint that is skipped.
            step: restore only this one.

        Raises:
            UserError: there are checkpoints, but all of them are damaged.
        """
        steps = self.steps() if step is None else [step]
        for candidate in reversed(steps):
            try:
                return self._read(candidate, like)
            except Exception as error:  # orbax and tensorstore raise anything, depending on the damage
                reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
                warn(f"checkpoint {self.directory / str(candidate)} is damaged and skipped: {reason}")
        if steps:
            raise UserError(f"no checkpoint in {self.directory} can be read; remove the directory to start over")
        return None

    def _read(self, step: int, like: Any) -> Restored:
        template = {name: np.zeros(x.shape, x.dtype) for name, x in _named(like).items()}
        args = ocp.args.Composite(state=ocp.args.StandardRestore(template), meta=ocp.args.JsonRestore())
        read = self._manager.restore(step, args=args)
        arrays = {name: np.asarray(x) for name, x in read["state"].items()}
        if digest(arrays) != read["meta"]["digest"]:
            raise ValueError("its digest does not match its contents")
        for name, x in template.items():  # orbax restores whatever is there
            if arrays[name].shape != x.shape or arrays[name].dtype != x.dtype:
                raise ValueError(f"it belongs to another network: {name} is {arrays[name].shape}, not {x.shape}")
        structure = jax.tree.structure(like)
        return Restored(
            jax.tree.unflatten(structure, [arrays[name] for name in template]),
            Position(**read["meta"]["position"]),
            step,
        )

    def arrays(self, step: int) -> dict[str, np.ndarray]:
        """The arrays of one checkpoint by their dotted paths, such as "state.params.head.kernel".

        Raises:
            UserError: it cannot be read, or its contents are not what was saved.
        """
        args = ocp.args.Composite(state=ocp.args.StandardRestore(), meta=ocp.args.JsonRestore())
        try:
            read = self._manager.restore(step, args=args)
        except Exception as error:  # orbax and tensorstore raise whatever the damage made of their input
            raise UserError(f"cannot read the checkpoint {self.directory / str(step)}: {error}") from error
        arrays = {name: np.asarray(x) for name, x in read["state"].items()}
        if digest(arrays) != read["meta"]["digest"]:
            raise UserError(f"the checkpoint {self.directory / str(step)} is damaged: its digest does not match")
        return arrays

    def close(self) -> None:
        """Finish writing and close."""
        with _saving(self.directory):
            self._manager.close()


@contextlib.contextmanager
def _saving(directory: Path) -> Iterator[None]:
    """Turn the errors of orbax and tensorstore about a disk that cannot be written into a `UserError`."""
    try:
        with disk_errors(directory):
            yield
    except ValueError as error:  # tensorstore's status contains the system's error number: [os_error_code='28']
        code = re.search(r"os_error_code='(\d+)'", str(error))
        if code is None:
            raise
        raise UserError(_refusal(directory, int(code[1]))) from error


def _refusal(directory: Path, code: int | None) -> str:
    reason = os.strerror(code) if code else "the system gives no reason"
    return f"cannot write a checkpoint in {directory}: {reason}; once that is fixed, the same command resumes"


def digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and bytes, ordered by name."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _named(tree: Any) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): x for path, x in leaves}


def _quiet() -> None:
    """Silence orbax: it logs every save, its fallbacks, and, with tracebacks, errors that it also raises."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
