"""The winner of a study, compressed: task=compress in its quick mode, inside the winner's directory."""

from __future__ import annotations

import contextlib
import io
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from minjax import presets
from minjax.config.flags import flag
from minjax.interruption import RESUMABLE
from minjax.records.compressed import ChosenFile, PackedFile
from minjax.records.compression import SUMMARY, CompressionSummary
from minjax.records.record import read
from minjax.tasks import find
from minjax.tasks.study.demands import KERNELS

PRESET = "compress/default"
DIRECTORY = "compressed"


@dataclass(frozen=True)
class Compressed:
    """What became of a winner.

    Attributes:
        file: the recommended file; where no file keeps the accuracy asked for, the one that loses least.
        plain: the file at `study.deploy_bits` that is not pruned.
        keeps: whether `file` keeps the accuracy.
    """

    file: ChosenFile
    plain: PackedFile
    keeps: bool


def compressed(run: Path, study: dict[str, Any], accuracy: float) -> Compressed | None:
    """Compress a winner, or find that it is done. None when told to stop.

    The recommended file is to keep the accuracy that the study asks for, by its metric: its target, or within its
    tolerance of the winner's where there is no target or the winner itself misses it.

    Args:
        run: the winner's directory.
        study: the section of the study's configuration.
        accuracy: the winner's on validation images, by the study's metric.
    """
    target = study["target_accuracy"]
    fields = {
        "run": str(run),
        "compress.target_accuracy": None if target is None or accuracy < target else target,
        "compress.tolerance": study["tolerance"],
        "compress.metric": study["metric"],
        "compress.pack_bits": (study["deploy_bits"],),
        "compress.pack_amount": 0.0,
        "prune.include": (KERNELS,),  # the linear layer's too, as the predicted bytes have it
        "tensorboard": False,
    }
    config, directory = presets.load(presets.find(PRESET)), run / DIRECTORY
    config.name = f"{run.parent.name}-{DIRECTORY}"
    config.update_from_flattened_dict(fields)
    flags = [flag(name, value) for name, value in fields.items()]
    command = ["python", "-m", "minjax.main", f"--config=configs/{PRESET}.py", f"--workdir={directory}", *flags]
    with contextlib.redirect_stdout(io.StringIO()):  # the study says what there is to say
        code = find("compress")(ConfigDict(config), directory, shlex.join(command))
    if code == RESUMABLE:
        return None
    summary = read(directory / SUMMARY, CompressionSummary)
    (plain,) = summary.packed
    file = summary.recommended or summary.runner_up
    assert file is not None  # two files are always written
    return Compressed(file, plain, keeps=summary.recommended is not None)
