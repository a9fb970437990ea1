"""Per-class figures of a test split from its predictions, through scikit-learn: tables, files and the picture."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from minjax.records.files import csv_text
from minjax.records.run import Predictions
from minjax.report.drawing import drawable, png, style
from minjax.report.formats import decimal, percent, printable, shorten
from minjax.report.page import Table

CELL_TEXT_CLASSES = 20  # up to this many, the cells of a confusion matrix hold their counts
MOST_TICKS = 50  # of a confusion matrix; beyond, labels would touch


def class_names(predictions: Predictions) -> tuple[str, ...]:
    """The names of the classes, fit to print."""
    return tuple(printable(name) for name in predictions.class_names)


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """int64 [classes, classes]: images of the row's class that were classified as the column's class."""
    from sklearn import metrics  # about a second to import

    return metrics.confusion_matrix(
        predictions.labels, predictions.predicted, labels=np.arange(len(predictions.class_names))
    )


def confusion_csv(matrix: np.ndarray, names: Sequence[str]) -> str:
    """The matrix as CSV: a header with the predicted classes, then a row for each true class in the same order."""
    return csv_text([names, *matrix.tolist()])


def classification_report(predictions: Predictions) -> str:
    """scikit-learn's own text: precision, recall, F1 and number of images of each class, to four digits."""
    from sklearn import metrics

    return metrics.classification_report(
        predictions.labels,
        predictions.predicted,
        labels=np.arange(len(predictions.class_names)),
        target_names=list(class_names(predictions)),
        digits=4,
        zero_division=0,
    )


def scores_table(predictions: Predictions) -> Table:
    """The same figures as a table: a row for each class, then the plain and the weighted mean over classes.

    Computed from arrays, not from `classification_report(output_dict=True)`, whose keys are the class names and
    would lose a class called "accuracy".
    """
    from sklearn import metrics

    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        predictions.labels, predictions.predicted, labels=np.arange(len(predictions.class_names)), zero_division=0
    )
    scores = np.stack([precision, recall, f1], axis=1)  # [classes, 3]
    rows = [
        (name, *(decimal(score) for score in row), f"{images:,}")
        for name, row, images in zip(class_names(predictions), scores, support, strict=True)
    ]
    means = {
        "mean over classes": scores.mean(0),
        "mean weighted by images": np.average(scores, axis=0, weights=support),
    }
    rows += [(name, *(decimal(score) for score in row), f"{support.sum():,}") for name, row in means.items()]
    return Table(("class", "precision", "recall", "F1", "images"), rows, align="lrrrr", footer=len(means))


def confusions_table(matrix: np.ndarray, names: Sequence[str], most: int = 10) -> Table:
    """The most frequent confusions of two classes, at most `most`; with 100 classes, what to read first."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    rows = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        images = wrong[true, predicted]
        if images:
            share = percent(images / matrix[true].sum(), 1)
            rows.append((names[true], names[predicted], f"{images:,}", share))
    header = ("true class", "classified as", "images", "share of the class")
    return Table(header, rows, align="llrr", caption="Most frequent confusions")


def mirrored_names(matrix: np.ndarray, names: Sequence[str]) -> tuple[str, str] | None:
    """Two classes that are confused and whose names differ by left and right alone; the most confused; else None."""
    wrong = matrix + matrix.T
    pairs = [
        (int(wrong[i, j]), names[i], names[j])
        for i in range(len(names))
        for j in range(i)
        if wrong[i, j] and _mirrored(names[i]) == names[j].lower() != names[i].lower()
    ]
    return max(pairs)[1:] if pairs else None


def _mirrored(name: str) -> str:
    """A name in lower case with left for right and right for left."""
    other = {"left": "right", "right": "left"}
    return re.sub("left|right", lambda found: other[found[0]], name.lower())


def confusion_picture(matrix: np.ndarray, names: Sequence[str]) -> bytes:
    """A confusion matrix, coloured by the share of each true class; counts in the cells where there is room.

    Args:
        matrix: int [classes, classes], a row for each true class.
        names: one for each class.
    """
    classes = len(names)
    few = classes <= CELL_TEXT_CLASSES
    side = min(max(0.52 * classes, 3.2), 9.0) if few else 8.5
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with style():
        figure = Figure(figsize=(side + 2.2, side + 1.4), layout="constrained")
        axes = figure.subplots()
        # The square root of the share, else a class mistaken in 2 % of its images would look like one never mistaken.
        image = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        axes.grid(visible=False)
        shown = range(0, classes, -(-classes // MOST_TICKS))
        labels = [shorten(drawable(names[i], f"class {i}"), 16) for i in shown]
        size = 8.5 if few else 7
        slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if few else {"rotation": 90}
        axes.set_xticks(list(shown), labels, fontsize=size, parse_math=False, **slant)
        axes.set_yticks(list(shown), labels, fontsize=size, parse_math=False)
        axes.tick_params(length=2)
        thinned = "" if len(labels) == classes else f" (one in {shown.step} named)"
        axes.set(xlabel=f"predicted class{thinned}", ylabel=f"true class{thinned}")
        if few:
            _cell_text(axes, matrix, share)
        bar = figure.colorbar(
            image, ax=axes, shrink=0.8, pad=0.02, format=PercentFormatter(1.0, decimals=0, symbol=" %")
        )
        bar.set_ticks([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1])
        bar.set_label("share of the images of the true class")
        bar.outline.set_visible(False)
        return png(figure)


def _cell_text(axes: Axes, matrix: np.ndarray, share: np.ndarray) -> None:
    size = 8 if matrix.max() < 10_000 and len(matrix) <= 12 else 6.5
    for (row, column), images in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.36 else "#222222"  # 0.36: where the colour map turns dark
        if images:
            axes.text(column, row, str(images), ha="center", va="center", color=colour, fontsize=size)
