"""SIGTERM and Ctrl-C: finish the running dispatch, save, and exit."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from minjax.processes.hosts import ALONE, Hosts

RESUMABLE = 75  # EX_TEMPFAIL in sysexits.h: the same command resumes; launch scripts requeue on it


class Interrupted(Exception):  # noqa: N818 - what happened, not an error
    """The run was told to stop when it had nothing to save, or told twice."""


class Stop:
    """A context in which the first signal sets a flag, which the loop asks for, and a second one ends the run at once.

    Until the loop has something to save (`can_save`), the first signal ends the run at once too. With several processes
    a signal to any of them stops all of them, at the same step.

    Attributes:
        name: the name of the signal, once all processes know of it; else None.
        can_save: whether the loop has something to save.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self, hosts: Hosts = ALONE) -> None:
        self.name: str | None = None
        self._hosts = hosts
        self._heard: str | None = None
        self.can_save = False
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Whether the run was told to stop. All its processes must ask at the same points."""
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
                f"{self._heard} twice: stopped without saving; the same command resumes from the last checkpoint"
            )
        if not self.can_save:
            raise Interrupted(f"{self._heard} before training began; run the same command to start again")
