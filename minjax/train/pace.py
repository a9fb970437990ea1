"""How long a dispatch is: short enough that a signal is heard in time, long enough that dispatching costs nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

TARGET_SECONDS = (
    3.0  # of a dispatch when an epoch is longer than WHOLE_SECONDS: a signal waits no longer than about that
)
WHOLE_SECONDS = 4.0  # what is left of an epoch is one dispatch when it takes less than this


@dataclasses.dataclass
class Pace:
    """How many steps to take in the next dispatch, from how long the last one took.

    Attributes:
        fixed: a number that the user asked for, or None.
        seconds_per_step: of the last dispatch; None before the first.
        agree: makes of this process's number the one that all processes of a run take.
    """

    fixed: int | None = None
    seconds_per_step: float | None = None
    agree: Callable[[int], int] = lambda count: count

    def steps(self, left: int) -> int:
        """How many of the `left` steps to take; at least 1."""
        return self.agree(self._steps(left))

    def _steps(self, left: int) -> int:
        if self.fixed is not None:
            return min(self.fixed, left)
        if self.seconds_per_step is None:
            return min(2, left)
        if left * self.seconds_per_step <= WHOLE_SECONDS:
            return left
        return max(1, min(left, int(TARGET_SECONDS / self.seconds_per_step)))

    def note(self, steps: int, seconds: float) -> None:
        """Remember how long a dispatch took."""
        self.seconds_per_step = seconds / steps
