"""What a user sees of many measurements: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from minjax.tasks.progress import PLAIN_SECONDS, duration


class Counter:
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
        self.terminal = sys.stderr.isatty()
        self._bar = tqdm(total=total, initial=done, disable=not self.terminal, unit=unit, dynamic_ncols=True)

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

    def say(self, text: str) -> None:
        """Print a line without disturbing the bar."""
        if self.terminal:
            tqdm.write(text)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """Leave the terminal in order."""
        self._bar.close()
