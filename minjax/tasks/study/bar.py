"""What a user sees of a study: how many members are through, the best guess of the minimal size, the time left."""

from __future__ import annotations

import time

from minjax.tasks.console import PLAIN_SECONDS, Console, duration


class Bar(Console):
    """Counts in predicted seconds, since a large network takes a thousand times as long as a small one.

    Args:
        members: to be trained, as far as is known.
        work: predicted seconds for them.
        done: members already through, whose work is not in `work`.
    """

    def __init__(self, members: int, work: float, done: int):
        self.members, self.done = members, done
        self._work, self._worked = work, 0.0
        self._started = self._spoke = time.perf_counter()
        self._text = ""
        super().__init__(total=work, bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}")
        self._describe()

    def grow(self, members: int, work: float) -> None:
        """So many more are to be trained."""
        self.members += members
        self._work += work
        self._bar.total = self._work
        self._describe()

    def work(self, seconds: float) -> None:
        """So much of the predicted work is done."""
        self._worked += seconds
        if self.terminal:
            self._bar.update(seconds)
            return
        now = time.perf_counter()
        if now - self._spoke > PLAIN_SECONDS:
            self._spoke = now
            left = (now - self._started) / max(self._worked, 1e-9) * max(self._work - self._worked, 0.0)
            print(f"{self.done} of {self.members} members; {self._text}{duration(left)} left", flush=True)

    def through(self, members: int, guess: str) -> None:
        """So many more members are through, and what the records say by now."""
        self.done += members
        self._text = f"{guess}; " if guess else ""
        self._describe()
        if self.terminal:
            self._bar.set_postfix_str(guess, refresh=False)

    def _describe(self) -> None:
        self._bar.set_description_str(f"{self.done}/{self.members} members", refresh=False)
