"""What is drawn over epochs: every value of the records, and the marks of the named accuracies."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.records.run import read_run
from minjax.report import epochs
from tests.report.reading import figures_of, legend_of, marks


@pytest.fixture(scope="module", name="run")
def _run(make_run, tmp_path_factory):
    return read_run(make_run(tmp_path_factory.mktemp("run"), epochs=5, validation=True))


def test_every_epoch_is_drawn(run):
    accuracy, loss, rate = (axes for figure in figures_of(epochs.curves, run) for axes in figure.axes)
    for axes, fields in (
        (loss, ("train_loss", "test_loss", "validation_loss")),
        (accuracy, ("train_accuracy", "test_accuracy", "validation_accuracy")),
        (rate, ("learning_rate",)),
    ):
        lines = [line for line in axes.get_lines() if len(line.get_xdata()) == 5]
        assert len(lines) == len(fields)
        for line, field in zip(lines, fields, strict=True):
            np.testing.assert_allclose(line.get_ydata(), [getattr(one, field) for one in run.epochs])
            assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
    top, best = run.summary.max_test_accuracy, run.summary.best_validation
    assert marks(accuracy, "*") == {(top.epoch, round(top.test_accuracy, 6))}
    assert marks(accuracy, "D") == {(best.epoch, round(best.test_accuracy, 6))}


def test_runs_of_a_group_look_alike(make_run, tmp_path):
    runs = [
        (name, read_run(make_run(tmp_path / f"{name}{seed}", seed=seed, status=status, planned=9)))
        for name, seed, status in (("a", 1, "completed"), ("a", 2, "completed"), ("b", 1, "interrupted"))
    ]
    figures = figures_of(epochs.overlay, "digits", runs)
    assert [figure.axes[0].get_title("left") for figure in figures] == [name for _, name in epochs.PANELS]
    for figure in figures:
        assert figure.get_figwidth() <= 4.5  # inches: legible on a telephone
        assert legend_of(figure) == ["a", "b", "ended early or still running"]
        lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 1]
        colours = [line.get_color() for line in lines]
        assert colours[0] == colours[1] != colours[2]
        assert len(marks(figure.axes[0], "x")) == 1
