"""What the pictures share: looks of methods, axes in percent and in bits, the dense network and chance, legends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from minjax.report.compression.names import METHODS
from minjax.report.compression.record import CompressionRecord, Point
from minjax.report.formats import printable
from minjax.report.plots import COLOURS, DASHES, drawable

GREY = "#8a8a8a"
LABELLED_BITS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32)  # on a logarithmic axis those between would touch
KNEE: dict[str, Any] = {"marker": "D", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.3}
COLLAPSE: dict[str, Any] = {"marker": "X", "markersize": 8, "markeredgecolor": "white", "markeredgewidth": 0.7}


def method_looks(keys: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Colour by method, dash by what is spared; a known method has its colour in every picture."""
    methods = list(dict.fromkeys([*METHODS, *(key[0] for key in keys)]))
    looks = {}
    for key in keys:
        place = methods.index(key[0])
        spared = [other for other in keys if other[0] == key[0]].index(key)
        dash = DASHES[(spared + place // len(COLOURS)) % len(DASHES)]
        looks[key] = {"color": COLOURS[place % len(COLOURS)], "linestyle": dash}
    return looks


def plain_looks(number: int) -> list[dict[str, Any]]:
    """Looks for so many lines: every colour, then every colour with the next dash."""
    return [
        {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i // len(COLOURS) % len(DASHES)]}
        for i in range(number)
    ]


def values(points: Iterable[Point], x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """float [N] each: two properties of the points that have both, sorted by the first."""
    pairs = [(getattr(point, x), getattr(point, y)) for point in points]
    known = sorted(pair for pair in pairs if None not in pair)
    return np.array([first for first, _ in known], float), np.array([second for _, second in known], float)


def draw(axes: Axes, points: Iterable[Point], x: str, y: str, **look: Any) -> None:
    """A line through the points."""
    across, up = values(points, x, y)
    if len(across):
        axes.plot(across, up, **look)


def visible(look: dict[str, Any], lengths: Iterable[int]) -> dict[str, Any]:
    """The look of lines of so many points; where all have a single one, a square, as a line would not show it."""
    return look | {"linestyle": "none", "marker": "s", "markersize": 6} if max(lengths, default=0) < 2 else look


def mark(axes: Axes, x: Any, points: Sequence[Point], along: str, y: str, look: dict[str, Any], colour: str) -> None:
    """A marker on the line of these points where `along` is x; nothing where x is None or off the line."""
    across, up = values(points, along, y)
    if x is None or not len(across) or not across[0] - 1e-9 <= x <= across[-1] + 1e-9:
        return
    colours = {"color": colour} | ({} if "markeredgecolor" in look else {"markeredgecolor": colour})
    axes.plot([x], [np.interp(x, across, up)], linestyle="none", zorder=5, clip_on=False, **(look | colours))


def accuracy_axis(axes: Axes, record: CompressionRecord, *, named: bool = True) -> list[Line2D]:
    """Percent on y, chance and the dense network as thin lines; their handles."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
    if named:
        axes.set_ylabel("test accuracy")
    handles = []
    lines: tuple[tuple[str, float | None, Any], ...] = (
        ("dense network", record.dense, (0, (8, 3))),
        ("chance", record.number("chance"), (0, (1, 2))),
    )
    for name, value, dash in lines:
        if value is not None:
            look: dict[str, Any] = {"color": "#444444", "linewidth": 0.8, "linestyle": dash}
            axes.axhline(value, zorder=1, **look)
            handles.append(handle(f"{name}, {100 * value:.1f} %", **look))
    return handles


def amount_axis(axes: Axes) -> None:
    """The amount pruned on x, in percent, from nothing to everything."""
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_locator(FixedLocator(np.linspace(0, 1, 11).tolist()))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol="", decimals=0))
    axes.set_xlabel("amount pruned (% of the weights, structured: of the channels)")


def bits_axis(axes: Axes, bits: Iterable[int]) -> None:
    """Bits on x, falling to the right, logarithmic: halving the bits halves the size."""
    found = sorted(set(bits))
    axes.set_xscale("log", base=2)
    axes.set_xlim(found[-1] * 1.1, found[0] / 1.1)
    axes.xaxis.set_major_locator(FixedLocator(found))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(found, [str(b) if b in LABELLED_BITS or len(found) < 8 else "" for b in found])
    axes.set_xlabel("bits of a weight")


def handle(label: str, **look: Any) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], label=shown(label), **look)


def shown(text: str) -> str:
    """`text` as the font can draw it; a first underscore would keep it out of a legend."""
    clean = drawable(printable(text), printable(text))
    return f" {clean}" if clean.startswith("_") else clean


def mark_handles(record: CompressionRecord) -> list[Line2D]:
    """The entries for the marks on the curves, where any could be made."""
    if not record.listed("phases"):
        return []
    return [
        handle("knee", color="#444444", linestyle="none", **(KNEE | {"markeredgecolor": "#444444"})),
        handle("collapse begins", color="#444444", linestyle="none", **COLLAPSE),
    ]


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """All entries below the panels, in as many columns as their length leaves room for."""
    longest = max((len(str(entry.get_label())) for entry in handles), default=0)
    width = figure.get_figwidth()
    columns = min(len(handles), max(1, int(width / (0.058 * longest + 0.6))))  # inches of a letter and of a sample
    box = figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8, columnspacing=1.6)
    for text in box.get_texts():
        text.set_parse_math(False)
