"""summary.json: the result of a training run, each accuracy under its own name."""

from __future__ import annotations

import statistics
from typing import Any, Literal, NamedTuple

from msgspec.structs import asdict

from minjax.records.record import Provenance
from minjax.records.run import BestValidation, DataSheet, Epoch, Final, MaxTestAccuracy, RunSeconds, RunSummary


class Spent(NamedTuple):
    """Seconds that a summary states besides those of its epochs.

    Attributes:
        setup: until training began.
        compile: spent compiling.
    """

    setup: float
    compile: float


def headline(summary: RunSummary) -> str:
    """One line with the test accuracy at the end, at the epoch that validation selects, and at its maximum."""
    assert summary.final is not None
    assert summary.max_test_accuracy is not None
    text = f"test accuracy {100 * summary.final.test_accuracy:.2f} % after epoch {summary.epochs}"
    if best := summary.best_validation:
        text += f", {100 * best.test_accuracy:.2f} % at epoch {best.epoch} (selected on validation images)"
    top = summary.max_test_accuracy
    return f"{text}, maximum {100 * top.test_accuracy:.2f} % at epoch {top.epoch} (selected on test images)"


def summarize(
    config: dict[str, Any],
    history: list[Epoch],
    provenance: Provenance,
    *,
    num_params: int,
    spent: Spent,
    population: int = 1,
    status: Literal["completed", "diverged", "interrupted"],
    diverged_step: int | None = None,
    sheet: DataSheet | None = None,
) -> RunSummary:
    """The summary that follows from the records of the epochs, of which there may be none.

    Args:
        config: resolved, with the description of the data.
        history: the epochs in their order.
        provenance: where the result comes from.
        num_params: trainable parameters.
        spent: on what is not an epoch.
        population: runs that the program trained last.
        status: how the run ended.
        diverged_step: the step whose loss was not finite.
        sheet: what the network asks of a device.
    """
    judged = [line for line in history if line.validation_accuracy is not None]
    return RunSummary(
        name=config["name"],
        model=config["model"]["name"],
        dataset=config["data"]["name"],
        optimizer=config["optimizer"]["name"],
        seed=config["seed"],
        num_params=num_params,
        num_classes=config["data"]["classes"],
        epochs=len(history),
        steps=history[-1].step if history else 0,
        final=_final(history[-1]) if history else None,
        best_validation=_best_validation(judged) if judged else None,
        max_test_accuracy=_max_test_accuracy(history) if history else None,
        images_per_second=statistics.median([line.images_per_second for line in history]) if history else None,
        seconds=RunSeconds(
            setup=spent.setup,
            compile=spent.compile,
            train=sum(line.seconds for line in history),
            evaluate=sum(line.evaluate_seconds for line in history),
        ),
        population=max([population, *(line.population for line in history)]),
        status=status,
        diverged_step=diverged_step,
        sheet=sheet,
        **asdict(provenance),
    )


def _final(line: Epoch) -> Final:
    return Final(
        train_loss=line.train_loss,
        train_accuracy=line.train_accuracy,
        test_loss=line.test_loss,
        test_accuracy=line.test_accuracy,
    )


def _best_validation(lines: list[Epoch]) -> BestValidation:
    best = max(lines, key=lambda line: line.validation_accuracy or 0.0)
    return BestValidation(
        epoch=best.epoch, validation_accuracy=best.validation_accuracy or 0.0, test_accuracy=best.test_accuracy
    )


def _max_test_accuracy(lines: list[Epoch]) -> MaxTestAccuracy:
    top = max(lines, key=lambda line: line.test_accuracy)
    return MaxTestAccuracy(epoch=top.epoch, test_accuracy=top.test_accuracy)
