"""Pictures of a few images: what a network got wrong, and what it sees while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minjax.records.run import Predictions
from minjax.records.samples import Samples
from minjax.report.classes import class_names
from minjax.report.drawing import drawable, png, style
from minjax.report.formats import shorten
from minjax.report.page import Block, Note, Picture

MISTAKES, INPUTS = "mistakes.png", "inputs.png"
COLUMNS = 3  # few, so that a narrow window shows them large enough
LETTERS = 13  # of a class name
SIDE, GAP = 1.05, 0.1125  # inches: an image's width, and the space between two


def mistakes(samples: Samples, predictions: Predictions) -> list[Block]:
    """The misclassified images, the surest mistake first."""
    wrong = int((predictions.labels != predictions.predicted).sum())
    if not wrong:
        return [f"None of the {len(predictions.labels):,} images was misclassified."]
    if not len(samples.places) or samples.places.max() >= len(predictions.labels):
        return []
    names, lines = class_names(predictions), []
    for place in samples.places:
        line = [f"is {_short(names, predictions.labels[place])}", f"said {_short(names, predictions.predicted[place])}"]
        if predictions.confidence is not None:
            line.append(f"at {100 * predictions.confidence[place]:.0f} %")
        lines.append(line)
    if len(lines) == wrong:
        shown = "Here it is" if wrong == 1 else "All of them"
    else:
        shown = (
            f"The {len(lines)} that it was surest of" if predictions.confidence is not None else f"{len(lines)} of them"
        )
    return [
        f"{wrong:,} of {len(predictions.labels):,} images {'was' if wrong == 1 else 'were'} misclassified. {shown}:",
        _picture(MISTAKES, samples.mistakes, lines, "Misclassified images with their true and predicted classes"),
    ]


def inputs(samples: Samples, names: Sequence[str], augmentation: str) -> list[Block]:
    """Training images as the network sees them."""
    if not len(samples.inputs) or samples.labels.max() >= len(names):
        return []
    lines = [[_short(names, label)] for label in samples.labels]
    how = {
        "none": "as they are: nothing is cropped or mirrored",
        "crop": "shifted at random, differently in each epoch",
        "flip": "mirrored at random, differently in each epoch",
        "crop_flip": "shifted and mirrored at random, differently in each epoch",
    }.get(augmentation, "as in training")
    return [
        f"Training images {how}.",
        _picture(INPUTS, samples.inputs, lines, "Training images as the network sees them, with their classes"),
        Note("Their pixels are normalised after that. If you cannot tell a class from these images, because they are "
             "too small, cropped or mirrored, neither can the network: see dataset.image_size and dataset.augment."),
    ]  # fmt: skip


def _short(names: Sequence[str], index: int) -> str:
    return shorten(drawable(names[index], f"class {index}"), LETTERS)


def _picture(file: str, images: np.ndarray, lines: Sequence[Sequence[str]], alt: str) -> Picture:
    """One picture for every two rows of `COLUMNS` images; pixels stay pixels."""
    halves = [slice(first, first + 2 * COLUMNS) for first in range(0, len(images), 2 * COLUMNS)]
    return Picture(file, [_grid(images[part], lines[part]) for part in halves], alt, beside=True)


def _grid(images: np.ndarray, lines: Sequence[Sequence[str]]) -> bytes:
    """All in one axes measured in inches: axes of their own, laid out by Matplotlib, would take four times as long."""
    rows, letters = -(-len(images) // COLUMNS), 0.04 + 0.16 * len(lines[0])
    tall = min(max(images.shape[1] / images.shape[2], 0.4), 2.5) * SIDE
    width, height = COLUMNS * (SIDE + GAP) + GAP, rows * (letters + tall + GAP)
    with style():
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        for number, (image, line) in enumerate(zip(images, lines, strict=True)):
            row, column = divmod(number, COLUMNS)
            left, top = GAP + column * (SIDE + GAP), row * (letters + tall + GAP) + letters
            wide = min(SIDE, tall * image.shape[1] / image.shape[0])  # very long images keep their shape
            high = wide * image.shape[0] / image.shape[1]
            gray: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if image.shape[2] == 1 else {}
            extent = (left, left + wide, top + high, top)
            axes.imshow(image.squeeze(2) if gray else image, extent=extent, interpolation="nearest", **gray)
            axes.text(left, top - 0.04, "\n".join(line), fontsize=8, va="bottom", parse_math=False)
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
        return png(figure)
