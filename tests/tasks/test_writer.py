"""What a run writes and says: the summary that follows from its epochs, and the console's lines."""

from __future__ import annotations

import pytest

from minjax.records.record import Provenance
from minjax.records.run import BestValidation, Epoch, MaxTestAccuracy
from minjax.tasks.summary import Spent, headline, summarize
from minjax.tasks.writer import _describe

ORIGIN = Provenance(device="cpu", device_count=1, versions={}, git_commit=None, command="python x")
CONFIG = {"name": "a", "seed": 1, "model": {"name": "dnn"}, "optimizer": {"name": "sgdm"}}
CONFIG["data"] = {"name": "digits", "classes": 10}


def epoch(number, test, validation=None, test_loss=0.5):
    return Epoch(
        epoch=number,
        step=10 * number,
        train_loss=1.0,
        train_accuracy=0.5,
        validation_loss=None if validation is None else 0.25,
        validation_accuracy=validation,
        test_loss=test_loss,
        test_accuracy=test,
        learning_rate=0.1,
        seconds=2.0,
        evaluate_seconds=0.5,
        images_per_second=100.0 * number,
    )


def summary(history, status="completed"):
    return summarize(
        CONFIG,
        history,
        ORIGIN,
        num_params=10,
        spent=Spent(setup=1.0, compile=2.0),
        status=status,
        diverged_step=None,
    )


def test_each_accuracy_has_its_own_name_and_the_first_of_equal_epochs_counts():
    found = summary([epoch(1, 0.9, 0.6), epoch(2, 0.7, 0.8), epoch(3, 0.8, 0.8)])
    assert found.best_validation == BestValidation(epoch=2, validation_accuracy=0.8, test_accuracy=0.7)
    assert found.max_test_accuracy == MaxTestAccuracy(epoch=1, test_accuracy=0.9)
    assert (found.final.test_accuracy, found.epochs, found.steps, found.images_per_second) == (0.8, 3, 30, 200.0)
    assert (found.seconds.train, found.seconds.evaluate) == (6.0, 1.5)
    assert headline(found) == (
        "test accuracy 80.00 % after epoch 3, 70.00 % at epoch 2 (selected on validation images), "
        "maximum 90.00 % at epoch 1 (selected on test images)"
    )


def test_without_validation_nothing_is_selected_by_it():
    found = summary([epoch(1, 0.9)])
    assert found.best_validation is None
    assert (
        headline(found) == "test accuracy 90.00 % after epoch 1, maximum 90.00 % at epoch 1 (selected on test images)"
    )


def test_a_run_that_diverged_in_its_first_epoch_has_no_accuracies():
    found = summary([], "diverged")
    assert (found.final, found.max_test_accuracy, found.epochs, found.steps) == (None, None, 0, 0)


@pytest.mark.parametrize(
    ("line", "left", "text"),
    [
        (
            epoch(3, 0.9),
            61.0,
            "epoch  3/10  train 1.0000  50.00 %  test 0.5000  90.00 %  lr 1.00e-01  300 images/s  1 min 01 s left",
        ),
        (
            epoch(10, 0.1, 0.2, test_loss=None),
            0.0,
            "epoch 10/10  train 1.0000  50.00 %  validation 0.2500  20.00 %  test infinite  10.00 %  lr 1.00e-01  "
            "1,000 images/s",
        ),
    ],
)
def test_the_line_of_an_epoch(line, left, text):
    assert _describe(line, 10, left) == text
