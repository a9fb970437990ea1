"""How long a dispatch takes: short enough to react to a signal, long enough that dispatching costs nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

# The rest of an epoch is one dispatch if it takes no longer than WHOLE_SECONDS. Otherwise dispatches take about
# TARGET_SECONDS, which is how long a signal then waits.
WHOLE_SECONDS = 4.0
TARGET_SECONDS = 3.0


@dataclasses.dataclass
class Pace:
    """Decides how many steps the next dispatch takes from how long the last one took.

    Attributes:
        fixed: the number that the user asked for, or None.
        seconds_per_step: measured in the last dispatch; None before the first.
        agree: turns this process's number into the one that all processes of the run use.
    """

    fixed: int | None = None
    seconds_per_step: float | None = None
    agree: Callable[[int], int] = lambda count: count

    def steps(self, left: int) -> int:
        """How many of the `left` steps to take: at least 1."""
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
        """Note how long a dispatch took."""
        self.seconds_per_step = seconds / steps
