"""A part of a page: a heading, what is to be seen, a picture, tables and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minjax.report.tables import Table


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        text: a sentence or two on how to read it.
        picture: its file's name; empty: none.
        alt: the picture in words.
        tables: each with its caption, which may be empty.
        notes: a list below.
    """

    title: str
    text: str
    picture: str = ""
    alt: str = ""
    tables: Sequence[tuple[str, Table]] = ()
    notes: Sequence[str] = ()
