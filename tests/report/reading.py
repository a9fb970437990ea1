"""What tests read off pages and pictures."""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minjax.report import calibration, classes, epochs, examples
from minjax.report.compression import front, maps, pruning, quantization, tradeoff
from minjax.report.drawing import png
from minjax.report.study import accuracy, answers, families, learning, resilience
from minjax.report.tables import figure17

DRAWING = (
    calibration,
    classes,
    epochs,
    examples,
    front,
    maps,
    pruning,
    quantization,
    tradeoff,
    accuracy,
    answers,
    families,
    learning,
    resilience,
    figure17,
)
PIXEL = png(Figure(figsize=(0.1, 0.1)))


@contextmanager
def undrawn() -> Iterator[list[Figure]]:
    """Pages without the time that pictures take: every picture is a dot, and its figure is in the list."""
    figures: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch:
        for module in DRAWING:
            patch.setattr(module, "png", lambda figure: figures.append(figure) or PIXEL)
        yield figures


def figures_of(picture: Callable, *arguments) -> list[Figure]:
    """The figures that a picture function draws."""
    with undrawn() as figures:
        picture(*arguments)
    return figures


def written(page: Path) -> set[str]:
    """Names of the files beside a page, and its own."""
    return {path.name for path in page.parent.iterdir()}


def text_of(page: str) -> str:
    """What a reader sees of index.html."""
    bare = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(bare).split())


def texts(page: Path) -> list[str]:
    """What a reader sees of index.html and of report.md."""
    return [text_of(page.read_text()), re.sub(r"\\(.)", r"\1", (page.parent / "report.md").read_text())]


def tables_of(page: Path) -> dict[str, list[list[dict[str, str]]]]:
    """The tables of report.md by the heading they stand under, a row as {column: cell}."""
    found: dict[str, list[list[dict[str, str]]]] = {}
    heading, rows = "", []
    for line in [*(page.parent / "report.md").read_text().split("\n"), ""]:
        if line.startswith("|"):
            rows.append([re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            header, _, *body = rows
            found.setdefault(heading, []).append([dict(zip(header, row, strict=True)) for row in body])
            rows = []
        if line.startswith("#"):
            heading = re.sub(r"\\(.)", r"\1", line.lstrip("# "))
    return found


def needs_no_other_file(page: Path, pictures: int) -> None:
    """A page has so many pictures inside, loads nothing, and tells a browser so; its links lead to what is there."""
    text = page.read_text()
    for target in links_of(page):
        assert (page.parent / target).exists(), target
    text = re.sub(r'<a href="[^"]*">', "<a>", text)
    for attribute in re.findall(r"(?:src|href|srcset|action|data)\s*=\s*[\"']?([^\s\"'>]+)", text):
        assert attribute.startswith("data:"), attribute
    assert text.count("data:image/png;base64,") == pictures
    for way_out in ("<script", "url(", "@import"):
        assert way_out not in text
    assert "default-src 'none'" in text


def links_of(page: Path) -> list[str]:
    """Where the links of a page lead, as paths relative to its directory."""
    return [unquote(html.unescape(target)) for target in re.findall(r'<a href="([^"]*)">', page.read_text())]


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def legend_of(figure: Figure) -> list[str]:
    """The entries of a figure's legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def marks(axes: Axes, marker: str) -> set[tuple[float, float]]:
    """Places of all markers of this kind, rounded."""
    lines = [line for line in axes.get_lines() if line.get_marker() == marker]
    return {(round(float(x), 6), round(float(y), 6)) for line in lines for x, y in zip(*line.get_data(), strict=True)}
