"""Accuracy against size, and accuracy over the rounds of pruning and training."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from minjax.report.compression import frame
from minjax.report.compression.lines import SERIES, dense_bytes, front_of, joined, series_name
from minjax.report.compression.record import CompressionRecord
from minjax.report.plots import BLACK, BLUE, GREEN, ORANGE, PINK, RED, SKY, STYLE, png

KB = 1000.0
TOP = 0.06  # accuracy, of the upper part of the front that is drawn larger
CURVES = {
    "pruning": ("pruned", BLUE),
    "quantization": ("quantized", GREEN),
    "joint": ("pruned and quantized", ORANGE),
    "sensitivity": ("one leaf alone", "#9a9a9a"),
    "rounds": ("pruned and trained in rounds", PINK),
    "aware": ("quantized in training", SKY),
}
SPARSITIES = (0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)


def pareto_picture(record: CompressionRecord) -> bytes | None:
    """All measured networks by size and accuracy, the best of each size as steps; None where no size is known.

    The right panel is the top of the left one, where the networks are that one would use.
    """
    if not len(front_of(record)) and not any(p.bytes and p.accuracy is not None for p in record.points):
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 5.2), layout="constrained")
        whole, top = figure.subplots(1, 2)
        best = record.dense or 1.0
        handles = _draw_sizes(whole, record, 0.0)
        _draw_sizes(top, record, best - TOP)
        whole.set_ylim(-0.02, 1.02)
        top.set_ylim(best - TOP, max([best, *(p.accuracy or 0.0 for p in record.points)]) + 0.1 * TOP)
        top.set_ylabel("")
        whole.set_title("Test accuracy", loc="left")
        top.set_title(f"The top {100 * TOP:.0f} points", loc="left")
        frame.legend(figure, handles)
        return png(figure)


def _draw_sizes(axes: Axes, record: CompressionRecord, lowest: float) -> list[Line2D]:
    """The points from an accuracy on, the dense network and the front; their handles."""
    points = [p for p in record.points if p.bytes and p.accuracy is not None and p.accuracy >= lowest]
    front, handles = front_of(record), []
    front = front[front[:, 1] >= lowest]
    for curve, (name, colour) in CURVES.items():
        sizes, accuracies = frame.values((p for p in points if p.curve == curve), "bytes", "accuracy")
        if len(sizes):
            look: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": colour, "markeredgewidth": 0}
            axes.plot(sizes / KB, accuracies, markersize=3.5, alpha=0.3, **look)
            handles.append(frame.handle(name, markersize=6, alpha=0.7, **look))
    handles += frame.accuracy_axis(axes, record)
    axes.set_xscale("log")
    dense_size = dense_bytes(record)
    if dense_size and record.dense is not None:
        star: dict[str, Any] = {"marker": "*", "color": BLACK, "linestyle": "none", "markersize": 12}
        axes.plot([dense_size / KB], [record.dense], zorder=5, **star)
        handles.append(frame.handle(f"the dense network, {dense_size / KB:,.4g} kB", **star))
    if len(front):
        # Larger networks can do what the largest of the front does: the last step goes on to the right edge.
        right = max(axes.get_xlim()[1], front[-1, 0] / KB)
        x, y = np.append(front[:, 0] / KB, right), np.append(front[:, 1], front[-1, 1])
        axes.plot(x, y, drawstyle="steps-post", color=RED, linewidth=1.6, zorder=4)
        axes.plot(front[:, 0] / KB, front[:, 1], "o", color=RED, markersize=4, zorder=4)
        axes.set_xlim(right=right)
        look = {"color": RED, "linewidth": 1.6, "marker": "o"}
        handles.append(frame.handle("the front: none is both smaller and better", **look))
    _size_axis(axes, dense_size)
    return handles


def _size_axis(axes: Axes, dense_size: int | None) -> None:
    """Kilobytes below; how many times smaller than the dense network above."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("theoretical size (kB = 1000 bytes, logarithmic)")
    if not dense_size:
        return
    whole = dense_size / KB
    above = axes.twiny()
    above.set_xscale("log")
    low, high = axes.get_xlim()
    above.set_xlim(low, high)
    ratios = [2**power for power in range(12) if low <= whole / 2**power <= high]
    above.set_xticks([whole / ratio for ratio in ratios], [f"{ratio}x" for ratio in ratios])
    above.xaxis.set_minor_locator(NullLocator())
    above.grid(visible=False)
    above.spines["top"].set_visible(True)
    above.set_xlabel("times smaller than the dense network")


def rounds_picture(record: CompressionRecord) -> bytes | None:
    """Accuracy over sparsity, a line a series; None without rounds.

    Where it goes to 90 % and beyond, the axis is logarithmic in the weights that remain: each round takes a share
    of them, and the last rounds, which matter most, would otherwise lie on one another.
    """
    points = [point for point in record.of("rounds") if point.sparsity is not None]
    if not points:
        return None
    groups = joined(points, *SERIES)
    looks = frame.plain_looks(len(groups))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 4.6 + 0.12 * len(groups)), layout="constrained")
        axes = figure.subplots()
        handles = []
        for (key, group), look in zip(groups.items(), looks, strict=True):
            sparsities, accuracies = frame.values(group, "sparsity", "accuracy")
            axes.plot(sparsities, accuracies, marker="o", **look)
            handles.append(frame.handle(series_name(key, list(groups)), marker="o", **look))
        handles += frame.accuracy_axis(axes, record)
        _sparsity_axis(axes, max(point.sparsity for point in points if point.sparsity is not None))
        axes.set_ylim(-0.02, 1.02)
        axes.set_title("Test accuracy after each round of pruning and training", loc="left")
        frame.legend(figure, handles)
        return png(figure)


def _sparsity_axis(axes: Axes, largest: float) -> None:
    if largest < 0.9:
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_locator(FixedLocator(np.linspace(0, 1, 11).tolist()))
    else:
        smallest = max(1 - largest, 5e-4)  # a network without any weight would be infinitely far away
        axes.set_xscale("function", functions=(_remaining, lambda y: 1 - np.exp(-y)))
        axes.set_xlim(-0.03, 1 - smallest * 0.8)
        axes.xaxis.set_major_locator(FixedLocator([s for s in SPARSITIES if s <= 1 - smallest * 0.8]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("sparsity (% of the prunable weights that are zero)")


def _remaining(sparsity: Any) -> np.ndarray:
    """-log of the share of weights that remain, of at most 99.95 % sparsity."""
    return -np.log(np.maximum(1 - np.asarray(sparsity, float), 5e-4))
