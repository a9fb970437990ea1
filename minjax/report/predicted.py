"""The page over a folder of images that a network classified and whose true classes are known."""

from __future__ import annotations

import os
from pathlib import Path

from minjax.findings.intervals import share
from minjax.records.record import Provenance
from minjax.records.run import PREDICTIONS, Predictions, write_predictions
from minjax.records.samples import SAMPLES, Samples, write_samples
from minjax.report import calibration, classes, examples
from minjax.report.formats import percent, printable
from minjax.report.links import PAGE
from minjax.report.page import Links, Page, Section, Tile
from minjax.report.page import write as write_page
from minjax.report.provenance import provenance_table
from minjax.report.run import MATRIX, MATRIX_CSV, SCORES, class_blocks

PICTURES = (MATRIX, calibration.PICTURE, examples.MISTAKES)


def write(
    folder: Path, network: Path, images: Path, predictions: Predictions, samples: Samples, origin: Provenance
) -> Path:
    """Write the page and its records, predictions.npz and samples.npz, into a folder of their own.

    Args:
        folder: made if need be.
        network: what classified the images: a run's directory or a file.
        images: the folder that was classified.
        predictions: of all images that could be read.
        samples: some that were misclassified.
        origin: of the predictions.

    Returns:
        The path of index.html.

    Raises:
        UserError: no space or no permission.
    """
    write_predictions(folder / PREDICTIONS, predictions)
    write_samples(folder / SAMPLES, samples)
    matrix = classes.confusion_matrix(predictions)
    files = {
        MATRIX_CSV: classes.confusion_csv(matrix, classes.class_names(predictions)),
        SCORES: classes.classification_report(predictions),
    }
    made = page(folder, network, images, predictions, samples, origin)
    return write_page(made, folder, pictures=PICTURES, files=files)


def page(
    folder: Path, network: Path, images: Path, predictions: Predictions, samples: Samples, origin: Provenance
) -> Page:
    """The page; see `write`."""
    total, right = len(predictions.labels), int((predictions.labels == predictions.predicted).sum())
    low, high = share(right, total).interval
    present = len(set(predictions.labels.tolist()))
    missing = len(predictions.class_names) - present
    sentence = (
        f"{right:,} of {total:,} images are in the folder of the class that the network gives them, with a 95 % "
        f"interval over images of {percent(low)} to {percent(high)}."
    )
    if missing:
        sentence += f" There is no image of {missing} of its {len(predictions.class_names)} classes."
    links = []
    if (network / PAGE).is_file():
        links.append(Links([("the network's own page", os.path.relpath((network / PAGE).resolve(), folder.resolve()))]))
    return Page(
        title=f"{printable(images.resolve().name or str(images))}, classified by {printable(network.resolve().name)}",
        tiles=[
            Tile("Accuracy", percent(right / total), "of these images, by the folders that they lie in"),
            Tile("Images", f"{total:,}", f"of {present} classes"),
        ],
        sections=[Section("", [*links, sentence]), Section("Mistakes", examples.mistakes(samples, predictions))],
        evidence=[
            Section("Classes", class_blocks(predictions)),
            Section("Calibration", calibration.blocks(predictions)),
            Section("Provenance", [provenance_table(network, "completed", origin)]),
        ],
    )
