"""Axes: accuracies in percent, amounts pruned, bits, parameters, epochs, losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)

from minjax.report.drawing import DOTS, GREY, LONG_DASHES, handle
from minjax.report.formats import count

LABELLED_BITS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32)  # on a logarithmic axis those between would touch
WIDE = 30.0  # from a ratio of largest to smallest like this on, losses have a logarithmic scale


def accuracy_axis(axes: Axes, label: str = "test accuracy", decimals: int | None = None) -> None:
    """Percent on y."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=decimals))
    axes.set_ylabel(label)


def references(axes: Axes, **levels: float) -> list[Line2D]:
    """Thin lines across the panel, `dense_network=0.91` as "dense network, 91.0 %"; their entries of the legend."""
    handles = []
    for name, level in levels.items():
        look = {"color": GREY, "linewidth": 0.8, "linestyle": DOTS if name == "chance" else LONG_DASHES}
        axes.axhline(level, zorder=1, **look)  # type: ignore[arg-type]
        handles.append(handle(f"{name.replace('_', ' ')}, {100 * level:.1f} %", **look))
    return handles


def fraction_axis(axes: Axes, label: str, ticks: int = 11) -> None:
    """A fraction on x in percent, from nothing to everything."""
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_locator(FixedLocator(np.linspace(0, 1, ticks).tolist()))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol="", decimals=0))
    axes.set_xlabel(label)


def bits_axis(axes: Axes, bits: Iterable[int]) -> None:
    """Bits on x, falling to the right, logarithmic: halving the bits halves the size."""
    found = sorted(set(bits))
    axes.set_xscale("log", base=2)
    axes.set_xlim(found[-1] * 1.1, found[0] / 1.1)
    axes.xaxis.set_major_locator(FixedLocator(found))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(found, [str(b) if b in LABELLED_BITS or len(found) < 8 else "" for b in found])
    axes.set_xlabel("bits per weight")


def size_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """Learnable parameters on x, logarithmic, with a margin on both sides."""
    axes.set_xscale("log")
    axes.set_xlim(*size_limits(sizes))
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if max(sizes) > 100 * min(sizes) else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("learnable parameters (logarithmic)")
    if len(set(sizes)) == 1:
        axes.xaxis.set_major_locator(NullLocator())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(f"all have {count(sizes[0])} learnable parameters; drawn side by side")


def size_limits(sizes: Sequence[int]) -> tuple[float, float]:
    """The ends of the axis over sizes; around a single size there is room on both sides too."""
    margin = max((max(sizes) / min(sizes)) ** 0.04, 1.25)
    return min(sizes) / margin, max(sizes) * margin


def short_count(value: float) -> str:
    """1500 -> '1,500'; 20000 -> '20 k'; 3e6 -> '3 M'."""
    for unit, name in ((1e6, " M"), (1e4, " k")):
        if value >= unit:
            return f"{value / (1e6 if unit == 1e6 else 1e3):,.4g}{name}"
    return f"{value:,.4g}"


def epoch_axis(axes: Axes, last: int) -> None:
    """Epochs on x, from 1 to the last one, with ticks at whole epochs."""
    margin = max(0.03 * last, 0.25)
    axes.set_xlim(1 - margin, last + margin)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def logarithmic_if_wide(*panels: Axes) -> None:
    """A logarithmic y axis where what is drawn is positive and spans much, the same in all panels."""
    drawn = [np.asarray(line.get_ydata(), float) for axes in panels for line in axes.get_lines()]
    heights = np.concatenate(drawn) if drawn else np.ones(1)
    heights = heights[np.isfinite(heights)]
    if heights.size and heights.min() > 0 and heights.max() > WIDE * heights.min():
        for axes in panels:
            axes.set_yscale("log")
