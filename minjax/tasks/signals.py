"""SIGTERM and Ctrl-C in a task, or the end of its budget: finish the running dispatch, save, and exit."""

from __future__ import annotations

import contextlib
import math
import time
from types import TracebackType

from minjax.interruption import Interrupted, leave, on_signal
from minjax.processes.hosts import ALONE, Hosts

SPENT = "the budget is spent"


class Stop:
    """A context in which the first signal sets a flag, which the loop asks for, and a second one ends the run at once.

    Until the loop has something to save (`save_first`), and once everything is saved (`leave_at_once`), the first
    signal ends the run at once too. With several processes a signal to any of them stops all of them, at the same step.

    Args:
        hosts: the processes of the run.

    Attributes:
        name: the name of the signal, or `SPENT`, once all processes know of it; else None.
    """

    def __init__(self, hosts: Hosts = ALONE) -> None:
        self.name: str | None = None
        self._end = math.inf
        self._hosts = hosts
        self._heard: str | None = None
        self._saving = False
        self._writing: str | None = None
        self._waiting = False
        self._held = contextlib.ExitStack()

    def __call__(self) -> bool:
        """Whether the run was told to stop. All its processes must ask at the same points."""
        if self.name is None:
            spent = SPENT if time.monotonic() > self._end else None
            self.name = next((name for name in self._hosts.all_gather(self._heard or spent) if name), None)
        return self.name is not None

    @property
    def seconds_left(self) -> float:
        """Seconds until the budget is spent; infinity without one."""
        return self._end - time.monotonic()

    def end_after(self, seconds: float) -> None:
        """Tell the loop to stop this many seconds from now, if no signal comes before."""
        self._end = time.monotonic() + seconds

    def save_first(self) -> None:
        """From here on the first signal only sets the flag, also after `leave_at_once`."""
        self._saving, self._writing = True, None

    def leave_at_once(self, writing: str) -> None:
        """From here on a signal ends this process at once, and so does one that nobody has asked for yet.

        Of several processes the first one ends, and the others, which wait for it, end with it.

        Args:
            writing: what is being written, for the message; the same command writes it again.
        """
        if self._hosts.count > 1 and not self._hosts.first:
            self._waiting = True
            return
        self._writing = writing
        if self._heard and self.name is None:
            self._handle(self._heard)

    def __enter__(self) -> Stop:
        self._held.enter_context(on_signal(self._handle))
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held.close()

    def _handle(self, name: str) -> None:
        again, self._heard = self._heard is not None, name
        if self._waiting:
            return  # for the first process, which a signal to all of them ends
        if self._writing:
            message = f"{name} while {self._writing} being written; the same command writes them again"
            if self._hosts.count > 1:
                raise Interrupted(message)  # the others hear of it on the way out
            leave(message)
        if not self._saving:
            raise Interrupted(f"{name} before training began; run the same command to start again")
        if again:
            raise Interrupted(
                f"{name} twice: stopped without saving; the same command resumes from the last checkpoint"
            )
