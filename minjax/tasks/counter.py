"""What a user sees of many measurements: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from minjax.tasks.console import PLAIN_SECONDS, Console, duration


class Counter(Console):
    """Counts things done of a known number.

    Args:
        total: of them.
        done: at the start.
        unit: what one is called.
    """

    def __init__(self, total: int, done: int, unit: str):
        self.total, self.unit = total, unit
        self._done = self._first = done
        self._started = self._spoke = time.perf_counter()
        super().__init__(total=total, initial=done, unit=unit)

    def add(self, count: int, text: str = "") -> None:
        """So many more are done; `text` says how it goes."""
        self._done += count
        if self.terminal:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(count)
            return
        now = time.perf_counter()
        if now - self._spoke > PLAIN_SECONDS and self._done < self.total:
            self._spoke = now
            left = (now - self._started) / max(self._done - self._first, 1) * (self.total - self._done)
            print(f"{self._done} of {self.total} {self.unit}s; {text}; {duration(left)} left", flush=True)
