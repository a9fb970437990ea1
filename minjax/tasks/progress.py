"""What a user sees of a long run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any

from minjax.tasks.console import Progress as Base
from minjax.tasks.console import duration


class Progress(Base):
    """A bar over all steps of a run, or lines; every epoch is a line.

    Args:
        epochs: of the run.
        steps: of an epoch.
        done: steps already taken, of the whole run.
        batch_size: images in a step.
    """

    def __init__(self, epochs: int, steps: int, done: int, batch_size: int):
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        super().__init__(epochs * steps, done)

    def tick(self, epoch: int, place: int, count: int, metrics: dict[str, float]) -> None:
        """`count` steps more are done, which brings `epoch` to step `place`; `metrics` are running means."""
        text = f"loss {metrics['loss']:.4f}, accuracy {100 * metrics['accuracy']:.2f} %"
        self.advance(count, f"epoch {epoch}/{self.epochs}, step {place}/{self.steps}", text)

    def epoch(self, record: dict[str, Any]) -> None:
        """An epoch is complete."""
        left = self.seconds_left
        validation = ""
        if "validation_loss" in record:
            validation = f"  validation {record['validation_loss']:.4f} {100 * record['validation_accuracy']:6.2f} %"
        self.say(
            f"epoch {record['epoch']:>{len(str(self.epochs))}}/{self.epochs}"
            f"  train {record['train_loss']:.4f} {100 * record['train_accuracy']:6.2f} %{validation}"
            f"  test {record['test_loss']:.4f} {100 * record['test_accuracy']:6.2f} %"
            f"  rate {record['learning_rate']:.2e}  {record['images_per_second']:,.0f} images/s"
            + (f"  {duration(left)} left" if left > 0 else "")
        )
