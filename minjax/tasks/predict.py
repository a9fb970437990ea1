"""task=predict: the classes of a folder of images, as a CSV."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from minjax.config import SECTIONS_OF, check, plain
from minjax.deploy import predictor as predictors
from minjax.errors import UserError
from minjax.findings.words import percent, plural
from minjax.records.files import csv_text, write_text
from minjax.records.run import Predictions
from minjax.records.samples import Samples
from minjax.report import predicted
from minjax.tasks import samples
from minjax.tasks.provenance import provenance

FILE, REPORT = "predictions.csv", "predictions-report"


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Classify the images that `config.predict.images` names with the network that `config.run` names.

    Where the images lie in folders that are called as the classes are, the accuracy is printed and a report written.

    Args:
        config: `run` is a run, a study (its winner is meant), a compression (its recommended file is meant), a packed
            or a safetensors file.
        directory: where predictions.csv and the report go; None: the current directory.
        command: as it was typed.

    Returns:
        0.

    Raises:
        UserError: no such run or images, an image that cannot be read or is of another size.
    """
    asked: dict[str, Any] = plain(config.to_dict())
    check(asked, SECTIONS_OF["predict"])
    settings = asked["predict"]
    if not asked["run"]:
        raise UserError("task=predict needs a finished run: --config.run=runs/NAME")
    if not settings["images"]:
        raise UserError("task=predict needs images: --config.predict.images=FOLDER")
    predictor = predictors.load(asked["run"], resize=True if settings["resize"] else None)
    paths = predictors.image_files(settings["images"])
    skipped: list[str] = []
    skip = (lambda path, error: skipped.append(str(error))) if settings["skip_damaged"] else None

    kept: list[Path] = []
    parts: list[np.ndarray] = []
    with tqdm(total=len(paths), desc="classifying", unit="image", disable=not sys.stderr.isatty()) as bar:
        for files, pixels in predictors.read_many(predictor, paths, skip=skip):
            kept += files
            parts.append(predictors.softmax(predictor.logits(pixels)))
            bar.update(len(files))
    if not kept:
        raise UserError(f"{settings['images']}: none of its {len(paths)} images can be read; {skipped[0]}")
    probabilities = np.concatenate(parts)
    path = (directory or Path()) / FILE
    write_text(path, table(predictor.classes, kept, probabilities))
    for reason in skipped:
        print(f"skipped: {reason}")
    found = _known(predictor.classes, kept, probabilities)
    print(_summary(predictor.classes, probabilities, found))
    print(f"predictions: {path}")
    if found is not None:
        places = samples.mistakes(found)
        images = [predictor.read(kept[place]) for place in places]
        none = np.zeros((0, *predictor.network.image_shape), np.uint8)
        shown = Samples(samples.fitted(images or none), places, none[:, :1, :1], np.zeros(0, np.int64))
        folder, named = path.with_name(REPORT), Path(settings["images"])
        page = predicted.write(folder, Path(asked["run"]), named, found, shown, provenance(command))
        print(f"report: {page}")
    return 0


def _known(classes: tuple[str, ...], paths: list[Path], probabilities: np.ndarray) -> Predictions | None:
    """The predictions beside the true classes, where every image lies in a folder that is called as a class is."""
    true = [path.parent.name for path in paths]
    if not set(true) <= set(classes):
        return None
    chosen = probabilities.argmax(-1)
    labels = np.array([classes.index(name) for name in true])
    confidence = probabilities[np.arange(len(chosen)), chosen].astype(np.float32)
    return Predictions(labels, chosen, classes, confidence)


def table(classes: tuple[str, ...], paths: list[Path], probabilities: np.ndarray) -> str:
    """The CSV: path, class, its probability, and the probability of each class."""
    rows = [["path", "class", "probability", *(f"p({name})" for name in classes)]]
    for path, row in zip(paths, probabilities, strict=True):
        best = int(row.argmax())
        rows.append([str(path), classes[best], f"{row[best]:.6f}", *(f"{p:.6f}" for p in row)])
    return csv_text(rows)


def _summary(classes: tuple[str, ...], probabilities: np.ndarray, known: Predictions | None) -> str:
    """How many images of each class; and the accuracy, where the true classes are known."""
    numbers = np.bincount(probabilities.argmax(-1), minlength=len(classes))
    counts = ", ".join(f"{name} {number}" for name, number in zip(classes, numbers, strict=True) if number)
    text = f"{plural(len(probabilities), 'image')}: {counts}"
    if known is not None:
        text += f"; {percent((known.predicted == known.labels).mean())} are in the folder of their class"
    return text
