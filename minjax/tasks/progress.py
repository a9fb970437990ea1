"""What a user sees of a long run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from minjax.tasks.console import PLAIN_SECONDS, Console, duration


class Progress(Console):
    """A bar over all steps of a run (standard error is a terminal) or lines (it is not); epochs are lines in both.

    Args:
        epochs: of the run.
        steps: of an epoch.
        done: steps already taken, of the whole run.
        batch_size: images in a step.
    """

    def __init__(self, epochs: int, steps: int, done: int, batch_size: int):
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        super().__init__(
            total=epochs * steps,
            initial=done,
            unit="step",
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
        )
        self._started = self._spoke = time.perf_counter()
        self._first = self._done = done

    def tick(self, epoch: int, place: int, count: int, metrics: dict[str, float]) -> None:
        """`count` steps more are done, which brings `epoch` to step `place`; `metrics` are running means."""
        self._done += count
        now = time.perf_counter()
        rate = (self._done - self._first) * self.batch_size / max(now - self._started, 1e-9)
        text = f"loss {metrics['loss']:.4f}, accuracy {100 * metrics['accuracy']:.2f} %, {rate:,.0f} images/s"
        if self.terminal:
            self._bar.set_description_str(f"epoch {epoch}/{self.epochs}")
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(count)
        elif now - self._spoke > PLAIN_SECONDS and place < self.steps:
            self._spoke = now
            print(f"epoch {epoch}/{self.epochs}, step {place}/{self.steps}: {text}", flush=True)

    def epoch(self, record: dict[str, Any]) -> None:
        """An epoch is complete."""
        self._spoke = time.perf_counter()
        passed = self._spoke - self._started
        left = passed / max(self._done - self._first, 1) * (self.epochs * self.steps - self._done)
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
