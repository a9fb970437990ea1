"""SIGTERM and Ctrl-C: finish the running dispatch, save, and go."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from minjax.processes.hosts import ALONE, Hosts

RESUMABLE = 75  # EX_TEMPFAIL of sysexits.h: the same command goes on; launch scripts requeue on it


class Interrupted(Exception):  # noqa: N818 - what happened, not an error
    """The run was told to stop."""


class Stop:
    """A context in which the first signal sets a flag that the loop asks for, and a second one ends at once.

    Before the loop has anything to save (`can_save`) the first signal ends at once too. With several processes the
    flag of any is the flag of all, so that they stop at the same step, wherever the signal came.

    Attributes:
        name: of the signal that all processes know of, or None.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self, hosts: Hosts = ALONE) -> None:
        self.name: str | None = None
        self._hosts = hosts
        self._heard: str | None = None
        self.can_save = False
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Whether the run was told to stop; to be asked by all its processes at the same places."""
        if self.name is None:
            self.name = next((name for name in self._hosts.all_gather(self._heard) if name), None)
        return self.name is not None

    def __enter__(self) -> Stop:
        for number in self.SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self._heard is not None
        self._heard = signal.Signals(number).name
        if again:
            raise Interrupted(
                f"{self._heard} again: ended without saving; the same command resumes from the last checkpoint"
            )
        if not self.can_save:
            raise Interrupted(f"{self._heard} before training began; the same command starts again")
