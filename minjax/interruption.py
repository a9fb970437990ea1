"""SIGTERM and Ctrl-C, at every moment that a process of minjax can be told to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

RESUMABLE = 75  # exit code, EX_TEMPFAIL of sysexits.h: the same command resumes; launch scripts requeue on it
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """This process was told to stop.

    Not an `Exception`: nothing that retries, falls back or takes errors for damage may catch it.
    """


@contextlib.contextmanager
def at_once(reason: str) -> Iterator[None]:
    """A context in which SIGTERM and Ctrl-C raise `Interrupted`, wherever the main thread is.

    Args:
        reason: follows the signal's name in the message.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        raise Interrupted(f"{signal.Signals(number).name} {reason}")

    if threading.current_thread() is not threading.main_thread():  # only the main thread hears of signals
        yield
        return
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
