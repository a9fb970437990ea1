"""SIGTERM and Ctrl-C, at every moment at which a process of minjax can be told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

RESUMABLE = 75  # exit code, EX_TEMPFAIL in sysexits.h: the same command resumes; launch scripts requeue on it
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """This process was told to stop when it had nothing to save, or told twice.

    Not an `Exception`: nothing that retries, falls back, or takes errors for damage may catch it.
    """


@contextlib.contextmanager
def on_signal(handle: Callable[[str], None]) -> Iterator[None]:
    """A context in which SIGTERM and Ctrl-C call `handle` with the signal's name, between two steps of Python.

    Python ignores what is raised in some callbacks, the import lock's among them, and shows it; `Interrupted` is not
    shown then: whoever raises it notes the signal as well.
    """

    def handler(number: int, frame: FrameType | None) -> None:
        handle(signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():  # only the main thread hears of signals
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    show = sys.unraisablehook
    sys.unraisablehook = lambda what: None if isinstance(what.exc_value, Interrupted) else show(what)
    try:
        yield
    finally:
        sys.unraisablehook = show
        for number, one in before.items():
            signal.signal(number, one)


def interrupt(name: str) -> NoReturn:
    """Raise `Interrupted`, so that everything on the way out is closed."""
    raise Interrupted(f"{name} while nothing was being saved; run the same command again")


def leave(message: str) -> NoReturn:
    """Exit here and now, as a kill would but with one line and code 75, where all files are written atomically.

    An exception would not be enough: Python ignores those raised in callbacks, such as the import lock's.
    """
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os.write(2, f"minjax: {message}\n".encode())
    os._exit(RESUMABLE)
