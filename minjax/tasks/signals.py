"""SIGTERM and Ctrl-C: finish the running dispatch, save, and go."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

RESUMABLE = 75  # EX_TEMPFAIL of sysexits.h: the same command goes on; launch scripts requeue on it


class Interrupted(Exception):  # noqa: N818 - what happened, not an error
    """The run was told to stop."""


class Stop:
    """A context in which the first signal sets a flag that the loop asks for, and a second one ends at once.

    Outside `saving()` territory (before the loop has anything to save) the first signal ends at once too.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.name: str | None = None
        self.can_save = False
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Whether the run was told to stop."""
        return self.name is not None

    def __enter__(self) -> Stop:
        for number in self.SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self.name is not None
        self.name = signal.Signals(number).name
        if again:
            raise Interrupted(
                f"{self.name} again: ended without saving; the same command resumes from the last checkpoint"
            )
        if not self.can_save:
            raise Interrupted(f"{self.name} before training began; the same command starts again")
