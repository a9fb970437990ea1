"""The winner of a study as a run of its own, trained by task=train, and the command that makes it again."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path
from typing import Any

from minjax import presets
from minjax.config import plain
from minjax.config.flags import flag
from minjax.config.resolving import resolve_fields
from minjax.config.table import leaves
from minjax.errors import UserError
from minjax.findings.candidates import balanced_accuracy
from minjax.findings.intervals import share
from minjax.findings.words import percent, plural
from minjax.records.compressed import Scored
from minjax.records.record import read_lines
from minjax.records.run import METRICS, PREDICTIONS, Epoch, RunSummary, read_predictions, read_summary
from minjax.records.study import MemberRecord
from minjax.studies.points import Point
from minjax.tasks import train
from minjax.tasks.signals import Stop

PRESET = "train"  # for families without a preset of their own
DIRECTORY = "winner"
# Share of the images by which a run may differ from its member, which was trained after others or side by side.
ROUNDING = {False: 0.005, True: 0.02}


def configuration(point: Point, seed: int, name: str) -> dict[str, Any]:
    """The resolved configuration of the training that one member of a study is.

    Args:
        point: of the study.
        seed: of the member.
        name: the run's name.
    """
    # A member is trained on one device, and nobody watches the winner's training.
    own = {"task": "train", "name": name, "seed": seed, "run": "", "devices": 1, "tensorboard": False}
    return resolve_fields({**point.config, **own})


def command(config: dict[str, Any], directory: Path | None = None) -> str:
    """The command that trains a network of this configuration: a preset, and every field that differs from it.

    Args:
        config: a training's, as resolved.
        directory: its work directory; None: the command does not say.
    """
    family = config["model"]["name"]
    name = family if family in presets.names() else PRESET
    preset = plain(presets.load(presets.find(name)).to_dict())
    foreign = [field for field, value in preset["model"].items() if value is not None and field not in config["model"]]
    preset["model"] |= {"name": family, **dict.fromkeys(foreign)}
    preset["optimizer"]["name"] = config["optimizer"]["name"]
    usual = dict(leaves(resolve_fields(preset)))
    changed = {f"model.{field}": None for field in foreign}
    for field, value in leaves(config):
        if field in ("model.name", "optimizer.name") or usual.get(field) != value:
            changed[field] = value
    where = [] if directory is None else [f"--workdir={directory}"]
    flags = [flag(field, value) for field, value in changed.items()]
    return shlex.join(["python", "-m", "minjax.main", f"--config=configs/{name}.py", *where, *flags])


def begun(directory: Path) -> bool:
    """Whether the winner of the study in this directory has been chosen, so that its choice stands."""
    return (directory / DIRECTORY / "config.json").exists()


def trained(config: dict[str, Any], directory: Path, stop: Stop) -> RunSummary | None:
    """Train the winner, or go on with it, or find that it is finished; None when told to stop.

    Args:
        config: from `configuration`.
        directory: the run's.
        stop: of the study.

    Raises:
        UserError: the directory holds another run, or the training diverged.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # the study says what there is to say
        train.run_within(config, directory, command(config, directory), stop)
    summary = read_summary(directory)
    if summary is None or summary.status == "interrupted":
        return None
    if summary.status != "completed":
        raise UserError(
            f"{directory}: the winner diverged at step {summary.diverged_step}, although the same member of the study "
            "did not"
        )
    return summary


def accuracies(directory: Path, images: dict[str, int], member: MemberRecord) -> dict[str, Scored]:
    """The accuracies of a finished run after its last epoch, by split.

    Args:
        directory: the run's.
        images: split -> how many there are.
        member: of the study, which the run is; where networks are chosen by balanced accuracy, that is given too.
    """
    last = read_lines(directory / METRICS, Epoch)[-1]
    assert last.validation_accuracy is not None
    assert member.final is not None
    balanced = {"validation": member.final.balanced_accuracy, "test": None}
    if balanced["validation"] is not None:
        seen = read_predictions(directory / PREDICTIONS)
        balanced["test"] = balanced_accuracy(seen.predicted == seen.labels, seen.labels)
    found = {"validation": last.validation_accuracy, "test": last.test_accuracy}
    return {split: over_images(value, images[split], balanced[split]) for split, value in found.items()}


def over_images(accuracy: float, images: int, balanced: float | None = None) -> Scored:
    """An accuracy with its interval over images, and perhaps the mean over classes beside it."""
    interval = share(accuracy * images, images).interval
    return Scored(accuracy=accuracy, interval=interval, images=images, balanced=balanced)


def compared(member: MemberRecord, found: Scored, together: bool) -> list[str]:
    """What is to be said where the winner's validation accuracy is not its member's.

    The run takes the same steps on the same images as the member, and only the compiled programs differ. A member that
    was trained after others, as on a CPU, agrees with its run to the last image (measured: fully connected networks and
    CNNs with batch norm). Members that are trained side by side, as on a GPU, share matrix products, whose sums are
    rounded differently, and training amplifies that.

    Args:
        member: of the winner's point and seed.
        found: of the winner's run.
        together: whether members are trained side by side.
    """
    assert member.final is not None
    recorded = member.final.share_correct
    images = round((found.accuracy - recorded) * found.images)
    if images == 0:
        return []
    note = (
        f"its own run classifies {plural(abs(images), 'validation image')} {'more' if images > 0 else 'fewer'} "
        f"correctly than its member of the study, which reached {percent(recorded)}"
    )
    if abs(images) > ROUNDING[together] * found.images:
        return [f"{note}; that is more than rounding explains, so one of the two is wrong: please report it"]
    return [f"{note}; sums are rounded differently in another program"]
