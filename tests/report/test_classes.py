"""Per-class figures: golden values, absent classes, any name."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.records.run import Predictions
from minjax.report import classes
from minjax.report.formats import printable
from tests.report.reading import png_size

THREE = Predictions(np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 1]), ("cat", "dog", "accuracy"))


def test_classification_report_golden():
    assert classes.classification_report(THREE) == (
        "              precision    recall  f1-score   support\n"
        "\n"
        "         cat     0.5000    0.5000    0.5000         2\n"
        "         dog     0.5000    0.6667    0.5714         3\n"
        "    accuracy     0.0000    0.0000    0.0000         1\n"
        "\n"
        "    accuracy                         0.5000         6\n"
        "   macro avg     0.3333    0.3889    0.3571         6\n"
        "weighted avg     0.4167    0.5000    0.4524         6\n"
    )
    table = classes.scores_table(THREE)
    assert [row[0] for row in table.rows[:3]] == ["cat", "dog", "accuracy"]
    assert table.rows[1] == ("dog", "0.5000", "0.6667", "0.5714", "3")
    assert table.rows[4][1:] == ("0.4167", "0.5000", "0.4524", "6")
    matrix = classes.confusion_matrix(THREE)
    assert classes.confusions_table(matrix, THREE.class_names).rows[0] == ("cat", "dog", "1", "50.0 %")


def test_a_class_without_images_is_reported():
    predictions = Predictions(np.array([0, 0]), np.array([0, 0]), ("here", "absent"))
    assert "absent     0.0000    0.0000    0.0000         0" in classes.classification_report(predictions)
    assert classes.confusion_matrix(predictions).tolist() == [[2, 0], [0, 0]]
    assert not classes.confusions_table(classes.confusion_matrix(predictions), predictions.class_names).rows


@settings(max_examples=30, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=4, unique=True))
def test_any_class_name_survives(names):
    labels = np.arange(len(names))
    predictions = Predictions(labels, labels, tuple(names))
    shown = tuple(map(printable, names))
    header, *rows = csv.reader(io.StringIO(classes.confusion_csv(np.eye(len(names), dtype=int), shown)))
    # A name that a spreadsheet would run as a formula has an apostrophe in front.
    assert tuple(cell.removeprefix("'") for cell in header) == tuple(name.removeprefix("'") for name in shown)
    assert shown == classes.class_names(predictions)
    assert len(rows) == len(names)
    assert [row[0] for row in classes.scores_table(predictions).rows[: len(names)]] == list(shown)


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 100, 200])
def test_few_and_many_classes_fit_in_a_picture(number):
    names = [f"{'a very long class name, ' * 3}{i}" for i in range(number)]
    width, height = png_size(classes.confusion_picture(5 * np.eye(number, dtype=int), names))
    assert 500 < width < 2000
    assert 500 < height < 2000


def test_left_and_right_that_are_confused_are_found():
    names = ("arrow left", "arrow right", "arrow up", "bright")
    matrix = np.diag([9, 9, 9, 9])
    assert classes.mirrored_names(matrix, names) is None
    matrix[0, 2] = matrix[2, 3] = 5
    assert classes.mirrored_names(matrix, names) is None
    matrix[1, 0] = 1
    assert classes.mirrored_names(matrix, names) == ("arrow right", "arrow left")
    more = np.diag([9] * 6)
    more[0, 1], more[4, 5] = 1, 2
    names = ("arrow left", "arrow right", "a", "b", "LEFT-hand", "Right-hand")
    assert classes.mirrored_names(more, names) == ("Right-hand", "LEFT-hand")
