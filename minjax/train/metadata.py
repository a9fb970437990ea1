"""What a checkpoint says about itself: where the run stood, the epochs behind it, and a digest over everything."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from minjax.records.record import Count, Fraction, Positive, Record, Seconds, builtins
from minjax.records.run import Epoch

FORMAT = 2  # of a checkpoint's metadata; 1 had neither step nor history, and a digest over the arrays alone


class Position(Record, frozen=True, kw_only=False):
    """Where a run stands.

    Attributes:
        epoch: the one being trained, from 1.
        done: steps that have been taken in that epoch.
        train_seconds: seconds spent taking them.
    """

    epoch: Positive = 1
    done: Count = 0
    train_seconds: Seconds = 0.0


class Metadata(Record, frozen=True, kw_only=True):
    """The item `meta` of a checkpoint.

    Attributes:
        format: `FORMAT`, or 1 for what earlier versions wrote.
        step: gradient steps taken since the start of the run; None in format 1.
        position: where the run stood.
        accuracy: what the best checkpoint is chosen by; None: this one is no candidate.
        history: the records of the epochs before `position.epoch`; None where the writer of the checkpoint has none.
        digest: SHA-256, see `digest`.
    """

    format: int = 1
    step: Count | None = None
    position: Position
    accuracy: Fraction | None
    history: list[Epoch] | None = None
    digest: str


@dataclasses.dataclass(frozen=True)
class Extent:
    """How long a run is, which bounds the positions that it can have.

    Attributes:
        epochs: of the whole run.
        steps_per_epoch: gradient steps in an epoch.
    """

    epochs: int
    steps_per_epoch: int

    def problem(self, position: Position, step: int) -> str | None:
        """Why a run cannot be at this position after so many steps; None if it can."""
        epoch, done = position.epoch, position.done
        if epoch > self.epochs + 1 or (epoch == self.epochs + 1 and done):
            return f"its position is epoch {epoch}, step {done}; the run has {self.epochs} epochs"
        if done > self.steps_per_epoch:
            return f"its position is step {done} of an epoch; an epoch has {self.steps_per_epoch} steps"
        expected = (epoch - 1) * self.steps_per_epoch + done
        if step != expected:
            return f"its position is epoch {epoch}, step {done}, which is step {expected} of the run, not {step}"
        return None


def describe(
    arrays: Mapping[str, np.ndarray],
    step: int,
    position: Position,
    accuracy: float | None,
    history: Sequence[Epoch] | None,
) -> dict[str, Any]:
    """The metadata of a checkpoint of these arrays, as JSON has it."""
    listed = None if history is None else list(history)
    about = Metadata(format=FORMAT, step=step, position=position, accuracy=accuracy, history=listed, digest="")
    values = builtins(about)
    return values | {"digest": digest(arrays, values)}


def check(values: Any, arrays: Mapping[str, np.ndarray], step: int) -> Metadata:
    """The metadata read back, which must be that of these arrays and of this step.

    Raises:
        ValueError: it is not; says why.
    """
    found = msgspec.convert(values, Metadata)  # a ValidationError is a ValueError
    if found.format not in (1, FORMAT):
        raise ValueError(f"its format is {found.format}; this version of minjax reads 1 and {FORMAT}")
    if digest(arrays, None if found.format == 1 else values) != found.digest:
        raise ValueError("its digest does not match its contents")
    if found.format == FORMAT and found.step != step:
        raise ValueError(f"it is of step {found.step}, not {step}")
    if found.history is not None and [one.epoch for one in found.history] != list(range(1, found.position.epoch)):
        raise ValueError(f"it does not hold the records of all epochs before {found.position.epoch}")
    return found


def digest(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any] | None = None) -> str:
    """SHA-256 over the metadata but for its own digest, and names, types, shapes and bytes of the arrays, by name."""
    total = hashlib.sha256()
    if metadata is not None:
        covered = {name: value for name, value in metadata.items() if name != "digest"}
        total.update(json.dumps(covered, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()
