"""A page: its parts as plain data, and the one writer that makes report.md and index.html of them.

A kind of report is a function that returns a `Page`. Everything on it is text that is escaped here; pictures stand
inside index.html as data URIs, so that the page needs no other file.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from minjax.records.files import disk_errors, write_bytes, write_text
from minjax.report.drawing import stack
from minjax.report.formats import ABSENT, printable

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$])")


@dataclass(frozen=True)
class Table:
    """Cells of text under a header.

    Attributes:
        header: names of the columns; all empty: none is shown.
        rows: each with as many cells as the header.
        align: a letter for each column, l or r; empty: all left.
        footer: how many of the last rows sum up the others.
        caption: above the table; may be empty.
    """

    kind: ClassVar[str] = "table"
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = ""
    footer: int = 0
    caption: str = ""

    @property
    def alignments(self) -> str:
        """A letter for each column."""
        return self.align or "l" * len(self.header)


@dataclass(frozen=True)
class Picture:
    """A picture, or several of one width that stand below one another.

    Attributes:
        file: the file's name.
        images: as PNG; the file holds them as one, a page one after the other, to fit printed pages.
        alt: the picture in words.
        caption: above the picture; may be empty.
        beside: whether a wide window shows its images beside one another; more than three stand in pairs, in the file
            too.
    """

    kind: ClassVar[str] = "picture"
    file: str
    images: Sequence[bytes]
    alt: str
    caption: str = ""
    beside: bool = False

    @property
    def pairs(self) -> bool:
        """Whether its images stand in rows of two."""
        return self.beside and len(self.images) > 3

    @property
    def target(self) -> str:
        """The file as a URL writes it."""
        return quote(self.file)

    @property
    def uris(self) -> list[Markup]:
        """The images as values of an image's ``src``."""
        return [Markup(f"data:image/png;base64,{base64.b64encode(image).decode()}") for image in self.images]


@dataclass(frozen=True)
class Note:
    """A paragraph in small print."""

    kind: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Notes:
    """A list in small print."""

    kind: ClassVar[str] = "notes"
    items: Sequence[str]


@dataclass(frozen=True)
class Pair:
    """Tables beside one another."""

    kind: ClassVar[str] = "pair"
    tables: Sequence[Table]


@dataclass(frozen=True)
class Fold:
    """A long table that a reader folds and scrolls.

    Attributes:
        summary: what stays when it is folded.
        open: whether it is shown unfolded at first.
        first: how many rows report.md shows.
    """

    kind: ClassVar[str] = "fold"
    summary: str
    table: Table
    open: bool
    first: int

    @property
    def head(self) -> Table:
        """The table as report.md shows it."""
        return Table(self.table.header, self.table.rows[: self.first], self.table.align)


@dataclass(frozen=True)
class Command:
    """A command to type, on a line of its own."""

    kind: ClassVar[str] = "command"
    text: str


@dataclass(frozen=True)
class Links:
    """Other pages.

    Attributes:
        pages: each page's name and its path, relative to the directory of this page.
    """

    kind: ClassVar[str] = "links"
    pages: Sequence[tuple[str, str]]

    @property
    def targets(self) -> list[tuple[str, str]]:
        """The names, and the paths as a URL writes them."""
        return [(name, quote(path)) for name, path in self.pages]


@dataclass(frozen=True)
class Details:
    """Blocks that a reader unfolds; report.md shows them unfolded.

    Attributes:
        summary: what stays when they are folded.
        blocks: what is folded; no further details.
    """

    kind: ClassVar[str] = "details"
    summary: str
    blocks: Sequence[Any]


Block = str | Note | Notes | Table | Pair | Picture | Fold | Command | Links | Details  # a plain text is a paragraph


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it; the opening of a page has none."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Tile:
    """An answer: what was asked, the number, and a line that qualifies it."""

    name: str
    value: str
    how: str


@dataclass(frozen=True)
class Page:
    """A page from top to bottom: what was asked and decided, then the evidence.

    Attributes:
        title: its heading.
        status: how what it reports on ended, one of the names that have a colour; empty: several things.
        status_text: the same in words.
        warnings: what a reader must know before anything else.
        tiles: the answers.
        sections: what was asked and decided, and what a reader does next.
        evidence: everything that it rests on; settings and provenance come last.
        wide: whether its tables need a wide page.
    """

    title: str
    sections: Sequence[Section]
    status: str = ""
    status_text: str = ""
    warnings: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    evidence: Sequence[Section] = ()
    wide: bool = field(default=False, kw_only=True)

    @property
    def pictures(self) -> list[Picture]:
        """All pictures of the page."""
        blocks = [block for section in [*self.sections, *self.evidence] for block in section.blocks]
        folded = [inner for block in blocks if isinstance(block, Details) for inner in block.blocks]
        return [block for block in [*blocks, *folded] if isinstance(block, Picture)]


def write(page: Page, folder: Path, *, pictures: Iterable[str], files: Mapping[str, str | None] | None = None) -> Path:
    """Write report.md, index.html and the files beside them, each replaced atomically.

    Args:
        page: what to write.
        folder: where; made if need be.
        pictures: names of all pictures that a page of this kind may have; those that this one has not are removed.
        files: name -> text of further files; None: the file is removed.

    Returns:
        The path of index.html.

    Raises:
        UserError: no space or no permission.
    """
    texts = dict(files or {})
    made = {picture.file: picture for picture in page.pictures}
    for name, picture in made.items():
        write_bytes(folder / name, stack(picture.images, 2 if picture.pairs else 1))
    for name in [*(set(pictures) - set(made)), *(name for name, text in texts.items() if text is None)]:
        with disk_errors(folder / name):
            (folder / name).unlink(missing_ok=True)
    for name, text in texts.items():
        if text is not None:
            write_text(folder / name, text)
    write_text(folder / "report.md", render("page.md", page))
    write_text(folder / "index.html", render("page.html", page))
    return folder / "index.html"


def render(template: str, page: Page) -> str:
    """The page as `page.html` or `page.md` of `minjax/report/templates` has it."""
    return _environment().get_template(template).render(page=page)


def columns(*found: tuple[str, str, Sequence[str]], optional: Iterable[str] = (), caption: str = "") -> Table:
    """A table from its columns: (name, l or r, cells); of the optional ones, those without any value are left out."""
    kept = [column for column in found if column[0] not in set(optional) or set(column[2]) - {"", ABSENT}]
    names, letters, cells = zip(*kept, strict=True)
    return Table(names, list(zip(*cells, strict=True)), align="".join(letters), caption=caption)


def pairs(*rows: tuple[str, str]) -> Table:
    """A table of names and values, without those that are absent."""
    return Table(("", ""), [row for row in rows if row[1] != ABSENT], align="lr")


def markdown(text: object) -> Markup:
    """`text` so that Markdown shows it as it is: no markup, no column break, no HTML."""
    escaped = printable(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(_MARKDOWN.sub(r"\\\1", escaped))  # safe: escaped just above


def code(text: str) -> Markup:
    """`text` for a fenced block of Markdown: one line that cannot end the block."""
    return Markup(printable(text).replace("`" * 3, "'" * 3))  # Markdown shows what is inside as it is


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("minjax.report"),
        autoescape=True,  # for every template: class names are names of a user's folders
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = markdown
    environment.filters["code"] = code
    return environment
