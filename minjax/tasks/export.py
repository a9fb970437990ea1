"""task=export: a run's network in the formats asked for, each verified in the runtime that will run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from minjax import data
from minjax.config import SECTIONS_OF, check, plain
from minjax.deploy import export, network
from minjax.errors import UserError
from minjax.records.record import CONFIG, read_config
from minjax.report import run as page
from minjax.tasks.assembly import load_data
from minjax.tasks.compress.trained import INSIDE
from minjax.tasks.provenance import provenance

DIRECTORY = "export"


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Export the network that `config.run` names.

    Args:
        config: `run` is a run, a study (its winner is meant), a compression (its recommended file is meant) or a packed
            file.
        directory: where the files go; None: export/ in the run, and for a packed file export/<its name>/ in the
            compression's directory.
        command: as it was typed.

    Returns:
        0, or 2 where a format failed or was refused.

    Raises:
        UserError: no such run, an unfinished or diverged one, an unknown format or one that is not installed, other
            data than the run's.
    """
    asked: dict[str, Any] = plain(config.to_dict())
    check(asked, SECTIONS_OF["export"])
    if not asked["run"]:
        raise UserError("task=export needs a finished run: --config.run=runs/NAME")
    settings = asked["export"]
    formats = export.known(settings["formats"])
    trained = network.read(asked["run"])
    path = Path(trained.about["path"])  # of a study its winner, of a compression the file that it recommends
    where = directory or _directory(path)
    dataset = _data(path, trained)
    made = export.export(
        trained,
        formats,
        where,
        test=dataset.test,
        calibration=export.calibration_images(dataset.train, settings["calibration_images"], asked["seed"]),
        max_accuracy_drop=settings["max_accuracy_drop"],
        dataset=dataset.name,
        provenance=provenance(command),
        say=lambda line: print(line, flush=True),
    )
    if directory is None and path.is_dir():
        page.write(where.parent)  # the run's page has a section on what was exported
    bad = [file.format for file in made.files if file.file is None]
    print(f"export: {where / 'export.json'}" + (f"; not written: {', '.join(bad)}" if bad else ""))
    return 2 if bad else 0


def _directory(path: Path) -> Path:
    if not path.is_file():
        return path / DIRECTORY
    inside = path.parent if (path.parent / CONFIG).is_file() else path.parent.parent  # the latter: of the folder packed
    return inside / DIRECTORY / path.stem


def _data(path: Path, trained: network.Network) -> data.Dataset:
    """The data that the network was trained on.

    Raises:
        UserError: the run's configuration is not there, or the data are not what they were.
    """
    config = _training(path)
    dataset = load_data(config)
    if dataset.fingerprint != config["data"]["fingerprint"]:
        raise UserError(f"{path}: the data set is not the one that the run was trained on: its images differ")
    if dataset.image_shape != trained.image_shape or dataset.class_names != trained.classes:
        raise UserError(f"{path}: the classes or the images of the data set are not those of the network")
    return dataset


def _training(path: Path) -> dict[str, Any]:
    """The configuration of the training behind a run or a packed file's compression."""
    start = path.resolve().parent if path.is_file() else path
    for directory in (start, *start.parents):
        if (directory / CONFIG).is_file():
            config = read_config(directory)
            if "training" in config:  # a compression's; where it trained the network itself, the run inside knows more
                own = directory / INSIDE
                config = read_config(own) if (own / CONFIG).is_file() else config["training"]
            if "dataset" in config and "data" in config:
                return config
            break
    raise UserError(f"{path}: there is no {CONFIG} that says which data its network was trained on")
