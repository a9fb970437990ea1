"""Pictures as PNG bytes, drawn through matplotlib's object API: no window, no global figure, no pyplot.

What all pictures have in common: fonts and colours, lines that are told apart, marks, legends, and the bytes. The
colours are Okabe and Ito's, which people with colour-blindness tell apart; lines differ in dash as well. `axes` has
the axes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from minjax.report.formats import printable

BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
LONG_DASHES, DOTS = (0, (8, 3)), (0, (1, 2))  # of lines that are not data: a target, chance
GREY = "#444444"
WIDTH = 10.4  # inches, of a wide picture
STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "text.usetex": False,
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.0,
    "legend.frameon": False,
}
KNEE: dict[str, Any] = {"marker": "D", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.3}
COLLAPSE: dict[str, Any] = {"marker": "X", "markersize": 8, "markeredgecolor": "white", "markeredgewidth": 0.7}


def style(**more: Any) -> AbstractContextManager[None]:
    """The context in which a picture is made, from the figure to its bytes; `more` are further matplotlib settings."""
    return matplotlib.rc_context(STYLE | {name.replace("__", "."): value for name, value in more.items()})


def line_style(place: int) -> dict[str, Any]:
    """Colour and dash of a line by its place among the others; the first 28 all differ."""
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}


def visible(look: dict[str, Any], lengths: Iterable[int]) -> dict[str, Any]:
    """The style of lines, given their numbers of points; squares where all have one point, which no line would show."""
    return look | {"linestyle": "none", "marker": "s", "markersize": 6} if max(lengths, default=0) < 2 else look


def mark(axes: Axes, at: float | None, x: np.ndarray, y: np.ndarray, look: dict[str, Any], colour: Any) -> None:
    """A mark on the line through (x, y), x rising, where x is `at`; none where `at` is None or beyond the line."""
    if at is None or not len(x) or not x[0] - 1e-9 <= at <= x[-1] + 1e-9:
        return
    edge = {} if "markeredgecolor" in look else {"markeredgecolor": colour}
    axes.plot([at], [np.interp(at, x, y)], linestyle="none", color=colour, zorder=5, clip_on=False, **(look | edge))


def band(axes: Axes, x: np.ndarray, y: np.ndarray, *, opacity: float, **look: Any) -> tuple[np.ndarray, np.ndarray]:
    """The median over seeds as a line, with their range shaded; places that no seed has a value at stay blank.

    Args:
        axes: the panel.
        x: [N].
        y: [seeds, N]; NaN where a seed has no value.
        opacity: of the shading.
        **look: of the line.

    Returns:
        x and the median, where there is one.
    """
    known = ~np.isnan(y).all(axis=0)
    if not known.any():
        return x[known], np.empty(0)
    low, high, middle = np.full((3, len(x)), np.nan)
    low[known], high[known] = np.nanmin(y[:, known], axis=0), np.nanmax(y[:, known], axis=0)
    middle[known] = np.nanmedian(y[:, known], axis=0)
    axes.fill_between(x, low, high, color=look["color"], alpha=opacity, linewidth=0)
    axes.plot(x, middle, **look)
    return x[known], middle[known]


def handle(label: str, **look: Any) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], label=shown(label), **look)


def grey_handle(label: str, **look: Any) -> Line2D:
    """An entry for a mark that occurs in several colours, without a line."""
    edge = {} if "markeredgecolor" in look else {"markeredgecolor": GREY}
    return handle(label, **({"color": GREY, "linestyle": "none"} | look | edge))


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """All entries below the panels, in as many columns as their length leaves room for."""
    longest = max((len(str(entry.get_label())) for entry in handles), default=0)
    width = figure.get_figwidth()
    columns = min(len(handles), max(1, int(width / (0.058 * longest + 0.6))))  # inches of a letter and of a sample
    box = figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8, columnspacing=1.6)
    for text in box.get_texts():
        text.set_parse_math(False)


def title(figure: Figure, text: str) -> None:
    """The title of a whole picture, above its panels."""
    figure.suptitle(shown(text), x=0.01, ha="left", fontsize=10, parse_math=False)


def free_place(axes: Axes, near: Sequence[float], size: tuple[float, float]) -> tuple[float, float]:
    """The centre, in fractions of the axes, of a box of this size that the fewest lines cross, near a point."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()

    def fractions(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([(x - left) / (right - left), (y - low) / (high - low)], axis=1)

    drawn = []
    for line in axes.get_lines():
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        dense = np.linspace(0, len(x) - 1, 20 * len(x))
        drawn.append(fractions(np.interp(dense, range(len(x)), x), np.interp(dense, range(len(y)), y)))
    ink = np.concatenate(drawn)
    target = fractions(np.array([near[0]]), np.array([near[1]]))[0]
    half = np.array(size) / 2
    best, place = np.inf, (0.5, 0.5)
    for x in np.linspace(half[0] + 0.01, 0.99 - half[0], 25):
        for y in np.linspace(half[1] + 0.01, 0.99 - half[1], 25):
            crossed = np.all(np.abs(ink - (x, y)) < half + 0.01, axis=1).sum()
            cost = crossed + np.hypot(*(target - (x, y)))
            if cost < best:
                best, place = cost, (float(x), float(y))
    return place


def shown(text: str) -> str:
    """`text` as the font can draw it; a first underscore would keep it out of a legend."""
    clean = drawable(printable(text), printable(text))
    return f" {clean}" if clean.startswith("_") else clean


def drawable(text: str, otherwise: str) -> str:
    """`text` if the font has all its characters, else `otherwise` with a box for each that is missing."""
    known = _characters()
    if all(ord(character) in known for character in text):
        return text
    return "".join(character if ord(character) in known else "\u25a1" for character in otherwise)


@cache
def _characters() -> frozenset[int]:
    """Code points that the font of the pictures can draw."""
    path = font_manager.findfont(font_manager.FontProperties(family=STYLE["font.family"]))
    return frozenset(font_manager.get_font(path).get_charmap())


def png(figure: Figure) -> bytes:
    """The figure as a PNG, 150 dots per inch."""
    data = io.BytesIO()
    with warnings.catch_warnings():
        # Constrained layout gives up, and says so, where names leave no room: the picture is still whole.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        FigureCanvasAgg(figure)
        figure.savefig(data, format="png", dpi=150)
    return _with_palette(Image.open(data).convert("RGB"))


def stack(images: Sequence[bytes], columns: int = 1) -> bytes:
    """PNGs of one width as one, in rows of `columns`."""
    if len(images) == 1:
        return images[0]
    opened = [Image.open(io.BytesIO(image)) for image in images]
    rows = [opened[first : first + columns] for first in range(0, len(opened), columns)]
    heights = [max(image.height for image in row) for row in rows]
    width = opened[0].width
    whole = Image.new("RGB", (columns * width, sum(heights)), "white")
    for number, row in enumerate(rows):
        for place, image in enumerate(row):
            whole.paste(image, (place * width, sum(heights[:number])))
    return _with_palette(whole)


def _with_palette(picture: Image.Image) -> bytes:
    """The picture as a PNG of 256 colours, a third of the bytes: pages embed their pictures."""
    data = io.BytesIO()
    few = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(data, format="png", optimize=True, dpi=(150, 150))
    return data.getvalue()
