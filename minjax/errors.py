"""Errors that a user can cause: one clear line without a traceback.

Whatever a user gets wrong (a name, a number, a file) is raised as `UserError` where it is noticed; `minjax.main` prints
the message on one line and exits with a nonzero code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 80  # characters of a name that is quoted: a file may name anything


class UserError(Exception):
    """A mistake in what the user asked for. The message names the thing, its value and what is allowed.

    It is one line without characters that a terminal obeys, whatever the file or the name that it quotes.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """The text in one line; what cannot be printed is escaped as Python escapes it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.splitlines()))


def unknown(kind: str, value: object, known: Iterable[str]) -> UserError:
    """The error for a name that is not in a table; it lists the nearest known name and all known ones.

    Example: ``raise unknown("optimizer", "adm", ("sgdm", "adam"))``.
    """
    names, shown = sorted(known), repr(value)
    near = difflib.get_close_matches(str(value)[:LONGEST], names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    if len(shown) > LONGEST:
        shown = f"{shown[: LONGEST - 3]}..."
    return UserError(f"unknown {kind} {shown}{hint}; known: {', '.join(names)}")
