"""A checkpoint that is damaged, or whose metadata somebody has written, with a digest that is right."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from minjax.errors import UserError
from minjax.train.checkpoint import Checkpoints, Restored
from minjax.train.metadata import Extent, Position, digest
from tests.fuzz import Target
from tests.records.record_mutations import changed_bytes, changed_json
from tests.report.runs import epoch

STEP, EPOCH = 25, 3
METADATA = f"{STEP}/meta/metadata"
EXTENT = Extent(epochs=5, steps_per_epoch=10)
TREE = {
    "w": np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32),
    "step": np.int32(STEP),
    "key": np.arange(2, dtype=np.uint32),
}


@functools.cache
def written() -> dict[str, bytes]:
    """The files of a checkpoint in mid-epoch."""
    history = [epoch(number, 5, 0.9, 10, 100, False) for number in range(1, EPOCH)]
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder))
        checkpoints.save(STEP, TREE, Position(EPOCH, STEP - 20, 1.5), 0.5, history)
        checkpoints.close()
        return {str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def mutate(draw: random.Random) -> dict[str, bytes]:
    """The files of a checkpoint, one of them changed or gone."""
    files = dict(written())
    name, how = draw.choice(list(files)), draw.random()
    if how < 0.5:
        files[METADATA] = changed_json(files[METADATA], draw, None)
        if how < 0.25:  # an attacker's
            values = json.loads(files[METADATA])
            if isinstance(values, dict):
                files[METADATA] = json.dumps(values | {"digest": digest(TREE, values)}).encode()
    elif how < 0.55:
        del files[name]
    else:
        files[name] = changed_bytes(files[name] or b"\n", draw)
    return files


def read(folder: Path) -> Restored:
    """The checkpoint; a UserError with what the warning says if it is damaged."""
    warnings: list[str] = []
    checkpoints = Checkpoints(folder)
    try:
        restored = checkpoints.restore(TREE, warnings.append, extent=EXTENT)
    except UserError as error:
        raise UserError(warnings[0] if warnings else str(error)) from error
    finally:
        checkpoints.close()
    assert restored is not None
    return restored


def judge(files: dict[str, bytes], value: Restored) -> tuple[str, int]:
    """Whether what came back is what was saved, or what metadata with a right digest says."""
    for name, array in TREE.items():
        np.testing.assert_array_equal(value.tree[name], array)
    assert (value.position.epoch, value.position.done, value.step) == (EPOCH, STEP - 20, STEP)
    assert value.history is None or [one.epoch for one in value.history] == [1, 2]
    values: dict[str, Any] = json.loads(files[METADATA])
    same = values == json.loads(written()[METADATA])
    assert same or values["digest"] == digest(TREE, values), "metadata that its digest does not cover"
    return "identical" if same else "as the file says", sum(map(len, files.values()))


TARGET = Target(mutate, read, judge)
