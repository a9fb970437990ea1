"""What long work says: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys

from tqdm import tqdm

PLAIN_SECONDS = 60.0  # between two plain lines


class Console:
    """A tqdm bar where standard error is a terminal; lines in both cases.

    Args:
        **bar: of the bar.
    """

    def __init__(self, **bar):
        self.terminal = sys.stderr.isatty()
        self._bar = tqdm(disable=not self.terminal, dynamic_ncols=True, **bar)

    def say(self, text: str) -> None:
        """Print a line without disturbing the bar."""
        if self.terminal:
            tqdm.write(text)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """Leave the terminal in order."""
        self._bar.close()


def duration(seconds: float) -> str:
    """`12 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
