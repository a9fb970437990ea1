"""Per-class figures of a test split from its predictions, through scikit-learn."""

from __future__ import annotations

import csv
import io

import numpy as np

from minjax.report.formats import decimal, percent
from minjax.report.record import Predictions
from minjax.report.tables import Table


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """int64 [classes, classes]: images of the row's true class that were taken for the column's class."""
    from sklearn import metrics  # about a second to import

    return metrics.confusion_matrix(
        predictions.labels, predictions.predicted, labels=np.arange(len(predictions.class_names))
    )


def confusion_csv(matrix: np.ndarray, class_names: tuple[str, ...]) -> str:
    """The matrix as CSV: a header of class names (the predicted ones), then a row a true class in the same order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(class_names)
    writer.writerows(matrix.tolist())
    return text.getvalue()


def classification_report(predictions: Predictions) -> str:
    """scikit-learn's own text: precision, recall, F1 and number of images of each class, four digits."""
    from sklearn import metrics

    return metrics.classification_report(
        predictions.labels,
        predictions.predicted,
        labels=np.arange(len(predictions.class_names)),
        target_names=list(predictions.class_names),
        digits=4,
        zero_division=0,
    )


def scores_table(predictions: Predictions) -> Table:
    """The same figures as a table: a row a class, then the plain and the weighted mean over classes.

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
        for name, row, images in zip(predictions.class_names, scores, support, strict=True)
    ]
    means = {
        "mean over classes": scores.mean(0),
        "mean weighted by images": np.average(scores, axis=0, weights=support),
    }
    rows += [(name, *(decimal(score) for score in row), f"{support.sum():,}") for name, row in means.items()]
    return Table(("class", "precision", "recall", "F1", "images"), rows, align="lrrrr", footer=len(means))


def confusions_table(matrix: np.ndarray, class_names: tuple[str, ...], most: int = 10) -> Table:
    """The pairs of classes most often taken for one another, at most `most`; with 100 classes, what to read first."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    rows = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        images = wrong[true, predicted]
        if images:
            share = percent(images / matrix[true].sum(), 1)
            rows.append((class_names[true], class_names[predicted], f"{images:,}", share))
    return Table(("true class", "taken for", "images", "of the true class"), rows, align="llrr")
