"""The records of a training run, read back."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.errors import UserError
from minjax.records import record, run
from minjax.records.run import Epoch, Final, Predictions, RunSeconds, RunSummary

ORIGIN = {"device": "cpu", "device_count": 1, "versions": {"jax": "0.6"}, "git_commit": None, "command": "python x"}


def epoch(number, **changes):
    fields = {"epoch": number, "step": 10 * number, "train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.0}
    fields |= {"test_accuracy": 0.5, "learning_rate": 0.1, "seconds": 1.0, "evaluate_seconds": 0.1}
    return Epoch(**(fields | {"images_per_second": 10.0} | changes))


def summary(**changes):
    fields = {"name": "a", "model": "dnn", "dataset": "digits", "optimizer": "sgdm", "seed": 1, "num_params": 10}
    fields |= {"num_classes": 10, "epochs": 2, "steps": 20, "best_validation": None, "max_test_accuracy": None}
    fields |= {"final": Final(train_loss=1.0, train_accuracy=0.5, test_loss=None, test_accuracy=0.5)}
    fields |= {"images_per_second": 10.0, "seconds": RunSeconds(setup=1.0, compile=1.0, train=2.0, evaluate=0.2)}
    return RunSummary(**(fields | {"status": "completed", **ORIGIN} | changes))


@pytest.fixture
def directory(tmp_path):
    record.write_config(tmp_path, {"task": "train", "epochs": 2})
    record.write_lines(tmp_path / run.METRICS, [epoch(1), epoch(2), epoch(2, test_loss=None)])
    record.write(tmp_path / run.SUMMARY, summary())
    run.write_predictions(tmp_path / run.PREDICTIONS, Predictions(np.array([0, 1]), np.array([1, 1]), ("a", "b\n")))
    return tmp_path


def test_a_run_comes_back_and_of_an_epoch_written_twice_the_later_line(directory):
    read = run.read_run(directory)
    assert read.config == {"task": "train", "epochs": 2}
    assert read.epochs == [epoch(1), epoch(2, test_loss=None)]
    assert read.summary == summary()
    assert read.predictions is not None
    assert (read.predictions.labels.tolist(), read.predictions.predicted.tolist()) == ([0, 1], [1, 1])
    assert read.predictions.class_names == ("a", "b\n")


def test_an_unfinished_run_has_no_summary_and_no_predictions(directory):
    for name in (run.METRICS, run.SUMMARY, run.PREDICTIONS):
        (directory / name).unlink()
    read = run.read_run(directory)
    assert (read.epochs, read.summary, read.predictions) == ([], None, None)


def test_a_directory_without_a_configuration_is_no_run(tmp_path):
    with pytest.raises(UserError, match=r"is not a run directory: it has no config\.json"):
        run.read_run(tmp_path)


def test_a_completed_run_without_its_accuracy_is_refused(directory):
    path = directory / run.SUMMARY
    text = path.read_text()
    start, end = text.index('"final"'), text.index('"best_validation"')
    path.write_text(text[:start] + '"final": null, ' + text[end:])
    with pytest.raises(UserError, match=r"summary\.json: a completed run has no `final` accuracies"):
        run.read_run(directory)


@pytest.mark.parametrize(
    ("labels", "predicted", "names", "reason"),
    [
        ([0, 1], [0], ("a", "b"), r"labels \(2,\), predicted \(1,\)"),
        ([], [], ("a",), "must be integers, for at least one image"),
        ([0.0], [0.0], ("a",), "must be integers, for at least one image"),
        ([0, 2], [0, 1], ("a", "b"), "classes 0 to 2, but 2 class names"),
        ([0, -1], [0, 1], ("a", "b"), "classes -1 to 1, but 2 class names"),
    ],
)
def test_arrays_that_cannot_be_predictions_are_refused(tmp_path, labels, predicted, names, reason):
    path = tmp_path / run.PREDICTIONS
    run.write_predictions(path, Predictions(np.array(labels), np.array(predicted), names))
    with pytest.raises(UserError, match=reason):
        run.read_predictions(path)


@pytest.mark.parametrize("confidence", [[0.5], [0.5, 1.5], [0.5, 0.0], [0.5, float("nan")]])
def test_a_confidence_that_is_no_probability_is_refused(tmp_path, confidence):
    path, labels = tmp_path / run.PREDICTIONS, np.array([0, 1])
    run.write_predictions(path, Predictions(labels, labels, ("a", "b"), np.array(confidence)))
    with pytest.raises(UserError, match="confidence must be 2 probabilities of type float32"):
        run.read_predictions(path)


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_a_damaged_file_of_predictions_is_one_line(directory, kept):
    path = directory / run.PREDICTIONS
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"predictions\.npz is damaged: .+") as error:
        run.read_run(directory)
    assert "\n" not in str(error.value)
