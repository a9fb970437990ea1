"""A run within a training: what it is of, the records of its epochs, and its directory."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from minjax.data import Dataset
from minjax.records.record import Provenance
from minjax.records.run import Epoch, Predictions, RunSummary
from minjax.tasks import samples
from minjax.tasks.assembly import Assembly
from minjax.tasks.summary import Spent, summarize
from minjax.tasks.writer import RunWriter
from minjax.train.checkpoint import Restored
from minjax.train.metadata import Position


class Order(NamedTuple):
    """A run that is to be trained.

    Attributes:
        config: as resolved.
        directory: the run's.
        command: the one that trains it alone, for the records.
    """

    config: dict[str, Any]
    directory: Path
    command: str


@dataclasses.dataclass(eq=False)
class Member:
    """A run: one that is trained alone, or one of several that one program trains.

    Attributes:
        config: as resolved, with the description of the data.
        dataset: what it is trained on.
        parts: its network, and how that is trained.
        provenance: what its results say of their origin.
        writer: of its directory; None in a process that writes nothing.
        history: the records of its epochs.
    """

    config: dict[str, Any]
    dataset: Dataset
    parts: Assembly[Any]
    provenance: Provenance
    writer: RunWriter | None
    history: list[Epoch] = dataclasses.field(default_factory=list)

    def restore(self, like: Any, step: int | None) -> Restored | None:
        """The checkpoint of `step`, or else the newest, from which the run goes on; None for a new run."""
        if self.writer is None:
            return None
        restored, self.history = self.writer.restore(like, step)
        return restored

    def end_epoch(
        self,
        position: Position,
        train: dict[str, float],
        results: dict[str, dict[str, Any]],
        *,
        evaluate_seconds: float,
    ) -> None:
        """Record an epoch.

        Args:
            position: after its last step.
            train: `loss` and `accuracy` over its steps.
            results: of the evaluation after it, by split.
            evaluate_seconds: spent on that.
        """
        engine, test, validation = self.parts.engine, results["test"], results.get("validation")
        images = engine.full_steps * engine.batch_size + engine.tail
        step = position.epoch * engine.steps_per_epoch
        line = Epoch(
            epoch=position.epoch,
            step=step,
            train_loss=train["loss"],
            train_accuracy=train["accuracy"],
            validation_loss=_finite(validation["loss"]) if validation else None,
            validation_accuracy=validation["accuracy"] if validation else None,
            test_loss=_finite(test["loss"]),
            test_accuracy=test["accuracy"],
            learning_rate=float(self.parts.schedule(step - 1)),
            seconds=position.train_seconds,
            evaluate_seconds=evaluate_seconds,
            images_per_second=images / position.train_seconds,
            population=engine.population,
        )
        self.history.append(line)
        if self.writer:
            self.writer.epoch(self.history)

    @property
    def selection(self) -> float:
        """What the newest epoch is compared with others by."""
        return _selection(self.history[-1])

    @property
    def is_best(self) -> bool:
        """Whether no epoch before the newest one was better."""
        return self.selection >= max(map(_selection, self.history))

    @property
    def stopped_early(self) -> bool:
        """Whether `early_stop` ends the run here."""
        patience = self.config["early_stop"]
        if not patience or not self.history:
            return False
        return len(self.history) - 1 - int(np.argmax([_selection(line) for line in self.history])) >= patience

    def save(self, tree: Any, position: Position, accuracy: float | None, *, replace: bool = True) -> None:
        """Save a checkpoint of `tree`, which is on the host; see `RunWriter.save`."""
        if self.writer:
            self.writer.save(tree, position, accuracy, self.history, replace=replace)

    # -- the ends

    def complete(self, result: dict[str, Any], spent: Spent) -> None:
        """End a completed run with the result of its last evaluation on the test split."""
        if self.writer:
            labels, names = np.asarray(self.dataset.test.labels), tuple(self.dataset.class_names)
            predictions = Predictions(labels, result["predicted"], names, result["confidence"])
            shown = samples.of_run(self.dataset, predictions, self.parts.engine.inputs, self.config["seed"])
            self.writer.complete(self._summary("completed", spent), predictions, shown)

    def diverge(self, step: int, spent: Spent) -> None:
        """End a run whose loss was not finite at a step."""
        if self.writer:
            self.writer.diverge(self._summary("diverged", spent, step))

    def interrupt(self, signal: str, spent: Spent) -> None:
        """Leave a run where it was last saved."""
        if self.writer:
            self.writer.interrupt(self._summary("interrupted", spent), signal)

    def _summary(
        self, status: Literal["completed", "diverged", "interrupted"], spent: Spent, diverged_step: int | None = None
    ) -> RunSummary:
        return summarize(
            self.config,
            self.history,
            self.provenance,
            num_params=self.parts.num_params,
            spent=spent,
            population=self.parts.engine.population,
            status=status,
            diverged_step=diverged_step,
            sheet=self.parts.sheet() if status == "completed" else None,
        )


def _selection(line: Epoch) -> float:
    """What the best epoch is chosen by: validation accuracy where there is a validation split."""
    return line.test_accuracy if line.validation_accuracy is None else line.validation_accuracy


def _finite(loss: float) -> float | None:
    return loss if np.isfinite(loss) else None  # JSON has no infinity
