"""Accuracy against size: every measured network, and the Pareto front."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from minjax.records.compression import Compression
from minjax.report.axes import accuracy_axis, references
from minjax.report.compression.curves import dense_bytes, front_of, result, values
from minjax.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    RED,
    SKY,
    WIDTH,
    handle,
    legend,
    png,
    style,
)

KB = 1000.0
TOP = 0.06  # of accuracy: the upper part of the front, which is drawn larger
CURVES = {
    "pruning": ("pruned", BLUE),
    "quantization": ("quantized", GREEN),
    "joint": ("pruned and quantized", ORANGE),
    "sensitivity": ("one leaf alone", "#9a9a9a"),
    "rounds": ("pruned and trained in rounds", PINK),
    "aware": ("quantized in training", SKY),
}


def picture(compression: Compression) -> bytes | None:
    """All measured networks by size and accuracy, the best of each size as steps; None where no size is known.

    The right panel is the top of the left one, where the networks are that one would use.
    """
    if not len(front_of(compression)) and not any(line.bytes_theoretical for line in compression.measurements):
        return None
    best = result(compression).dense.accuracy
    highest = max([best, *(line.accuracy for line in compression.measurements)])
    with style():
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        whole, top = figure.subplots(1, 2)
        handles = _draw(whole, compression, 0.0)
        _draw(top, compression, best - TOP)
        whole.set_ylim(-0.02, 1.02)
        top.set_ylim(best - TOP, highest + 0.1 * TOP)
        top.set_ylabel("")
        whole.set_title("Test accuracy", loc="left")
        top.set_title(f"The top {100 * TOP:.0f} points", loc="left")
        legend(figure, handles)
        return png(figure)


def _draw(axes: Axes, compression: Compression, lowest: float) -> list[Line2D]:
    """The networks from an accuracy on, the dense network and the front; their entries of the legend."""
    lines = [line for line in compression.measurements if line.bytes_theoretical and line.accuracy >= lowest]
    handles = []
    for curve, (name, colour) in CURVES.items():
        sizes, accuracies = values((line for line in lines if line.curve == curve), "bytes_theoretical", "accuracy")
        if len(sizes):
            look: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": colour, "markeredgewidth": 0}
            axes.plot(sizes / KB, accuracies, markersize=3.5, alpha=0.3, **look)
            handles.append(handle(name, markersize=6, alpha=0.7, **look))
    dense, whole = result(compression).dense.accuracy, dense_bytes(compression)
    handles += references(axes, dense_network=dense, chance=result(compression).chance)
    accuracy_axis(axes, decimals=0)
    axes.set_xscale("log")
    if whole:
        star: dict[str, Any] = {"marker": "*", "color": BLACK, "linestyle": "none", "markersize": 12}
        axes.plot([whole / KB], [dense], zorder=5, **star)
        handles.append(handle(f"the dense network, {whole / KB:,.4g} kB", **star))
    front = front_of(compression)
    front = front[front[:, 1] >= lowest]
    if len(front):
        # Larger networks can do what the largest of the front does: the last step extends to the right edge.
        right = max(axes.get_xlim()[1], front[-1, 0] / KB)
        x, y = np.append(front[:, 0] / KB, right), np.append(front[:, 1], front[-1, 1])
        axes.plot(x, y, drawstyle="steps-post", color=RED, linewidth=1.6, zorder=4)
        axes.plot(front[:, 0] / KB, front[:, 1], "o", color=RED, markersize=4, zorder=4)
        axes.set_xlim(right=right)
        handles.append(handle("the front: no network is both smaller and better", color=RED, marker="o"))
    size_axes(axes, whole)
    return handles


def size_axes(axes: Axes, whole: int | None) -> None:
    """Kilobytes below; how many times smaller than the dense network above."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("theoretical size (kB = 1000 bytes, logarithmic)")
    if not whole:
        return
    above = axes.twiny()
    above.set_xscale("log")
    low, high = axes.get_xlim()
    above.set_xlim(low, high)
    ratios = [2**power for power in range(12) if low <= whole / KB / 2**power <= high]
    above.set_xticks([whole / KB / ratio for ratio in ratios], [f"{ratio}x" for ratio in ratios])
    above.xaxis.set_minor_locator(NullLocator())
    above.grid(visible=False)
    above.spines["top"].set_visible(True)
    above.set_xlabel("times smaller than the dense network")
