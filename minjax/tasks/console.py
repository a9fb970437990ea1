"""What long work shows: a progress bar on a terminal, a plain line a minute elsewhere."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from minjax.findings.words import duration

PLAIN_SECONDS = 60.0  # between two plain lines


class Progress:
    """Shows how far work has come: a bar where standard error is a terminal, otherwise a line a minute.

    Args:
        total: all of the work, in the unit that `advance` counts (steps, or predicted seconds).
        done: how much of it was done before.
        unit: what is counted, in the plural, for the label "3/20 versions"; not needed where labels are given.
    """

    def __init__(self, total: float, done: float = 0, unit: str = ""):
        self.terminal = sys.stderr.isatty()
        self._total, self._done, self._done_before = total, done, done
        self._unit, self._label, self._status = unit, "", ""
        self._started = self._spoke = self._counted = time.perf_counter()
        self._bar = tqdm(
            total=total,
            initial=min(done, total),
            disable=not self.terminal,
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
        )
        self.describe()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def seconds_left(self) -> float:
        """The time that the rest will take at the pace so far; 0 where nothing is left, or nothing is known yet."""
        passed, done = self._counted - self._started, self._done - self._done_before
        rest = passed / done * max(self._total - self._done, 0.0) if done > 0 else 0.0
        return max(rest - (time.perf_counter() - self._counted), 0.0)

    def describe(self, label: str = "", status: str = "") -> None:
        """Change the text beside the bar: what is being done, and how it goes."""
        self._label = label or f"{self._done:,.0f}/{self._total:,.0f} {self._unit}"
        self._status = status
        self._bar.set_description_str(self._label, refresh=False)
        self._bar.set_postfix_str(status, refresh=False)

    def advance(self, amount: float, label: str = "", status: str = "") -> None:
        """Count `amount` of the work as done; 0 shows that work goes on.

        Work beyond the total, which may be an estimate, leaves the bar full.
        """
        if amount:
            self._done, self._counted = self._done + amount, time.perf_counter()
        self.describe(label, status)
        if self.terminal:
            self._bar.update(min(self._done, self._total) - self._bar.n)
            if not amount:
                self._bar.refresh()  # the time that has passed
        elif time.perf_counter() - self._spoke > PLAIN_SECONDS and self._done < self._total:
            left = self.seconds_left
            parts = (self._label, self._status, f"{duration(left)} left" if left else "")
            self.say("; ".join(part for part in parts if part))

    def extend(self, amount: float) -> None:
        """Add to the whole of the work."""
        self._total += amount
        self._bar.total = self._total

    def say(self, text: str) -> None:
        """Print a line without disturbing the bar."""
        self._spoke = time.perf_counter()
        say(text)

    def close(self) -> None:
        """Leave the terminal in order."""
        self._bar.close()


def say(text: str) -> None:
    """Print lines without disturbing the bars, perhaps of another task, that are on the screen."""
    tqdm.write(text)
    sys.stdout.flush()
