"""Paper 1's Figure 17 of one network: accuracy over the amount pruned, and over the weights that are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minjax.findings.equal_size import MILLION, Pruned, Way
from minjax.records.compression import TRAINED
from minjax.report import paper
from minjax.report.axes import accuracy_axis, fraction_axis, references, size_axis
from minjax.report.drawing import BLACK, COLOURS, DASHES, GREY, ORANGE, WIDTH, band, handle, legend, png, style, title
from minjax.report.formats import percent, printable

Curves = Mapping[Way, Sequence[Pruned]]
PAPER_GREY = "#8a8a8a"
STAR: dict[str, Any] = {"marker": "*", "markersize": 13, "markerfacecolor": ORANGE, "markeredgecolor": BLACK}
AGAIN: dict[str, Any] = {"marker": "o", "markerfacecolor": "white"}


def picture(
    name: str,
    found: Curves,
    dense: float,
    small: tuple[str, Sequence[float], int] | None,
    papers: Mapping[str, Sequence[tuple[float, float]]],
    fall: tuple[float, float, float] | None,
) -> bytes:
    """Accuracy over the amount pruned, and over the nonzero weights with the line at a million.

    Args:
        name: of the network, for the title.
        found: its curves.
        dense: its accuracy before pruning.
        small: its small form: name, accuracies over seeds, parameters; None: there is none.
        papers: the paper's curves by method, (amount, accuracy).
        fall: where structured pruning takes a colour plane: amount, accuracy, accuracy with the first layer spared.
    """
    looks = {way: _look(way) for way in found if way.method in paper.METHODS}
    with style():
        figure = Figure(figsize=(WIDTH, 5.2 + 0.12 * len(looks)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        handles = [handle(way_name(way), **look) for way, look in looks.items()]
        for way, look in looks.items():
            points = [point for point in found[way] if point.amount < 1]  # with nothing left there is no network
            if not way.retrained:
                _curve(left, [point.amount for point in found[way]], found[way], look)
            _curve(right, [point.nonzero for point in points], points, look)
        handles += _papers(left, papers)
        handles += references(left, dense_network=dense)
        if fall is not None:
            _mark_fall(left, fall)
        fraction_axis(left, "amount pruned (% of the weights, structured: of the channels)")
        left.set_title("Over the amount pruned", loc="left")
        handles += _million(right, [point.nonzero for way in looks for point in found[way] if point.amount < 1], small)
        right.set_title("Over the weights that are left", loc="left")
        accuracy_axis(left, decimals=0)
        left.set_ylim(-0.02, 1.02)
        title(figure, name)
        legend(figure, handles)
        return png(figure)


def _look(way: Way) -> dict[str, Any]:
    """Colour by method; dash by batch norm and by what is spared; circles where weights were trained again."""
    place = list(paper.METHODS).index(way.method)
    dash = DASHES[(2 if way.exclude else 0) + (way.batch_norm != TRAINED)]
    return {"color": COLOURS[place], "linestyle": dash} | (AGAIN if way.retrained else {})


def way_name(way: Way) -> str:
    """'global unstructured, trained again (iterative)'."""
    parts = [paper.METHOD_NAMES.get(way.method, printable(way.method))]
    parts += ["first layer spared"] if way.exclude else []
    parts += [f"trained again ({printable(way.series)})"] if way.series else []
    parts += ["batch norm re-estimated"] if way.batch_norm != TRAINED else []
    return ", ".join(parts)


def _curve(axes: Axes, x: Sequence[float], points: Sequence[Pruned], look: dict[str, Any]) -> None:
    if points:
        accuracies = np.array([point.accuracies for point in points], float).T
        band(axes, np.array(x, float), accuracies, opacity=0.18, **look)


def _papers(axes: Axes, papers: Mapping[str, Sequence[tuple[float, float]]]) -> list[Line2D]:
    handles = []
    for (method, points), dash in zip(papers.items(), DASHES, strict=False):
        look: dict[str, Any] = {"color": PAPER_GREY, "linewidth": 1.2, "linestyle": dash}
        axes.plot(*zip(*points, strict=True), zorder=1.5, **look)
        handles.append(handle(f"ResNet18 on CIFAR-10, paper 1: {paper.METHOD_NAMES[method]}", **look))
    return handles


def _mark_fall(axes: Axes, fall: tuple[float, float, float]) -> None:
    """Say what happens where the first convolution loses a colour plane."""
    amount, accuracy, spared = fall
    axes.plot([amount], [accuracy], "o", markersize=11, markerfacecolor="none", markeredgecolor=BLACK)
    axes.annotate(
        f"first convolution loses a colour plane:\n{percent(accuracy, 1)} ({percent(spared, 1)} if it is spared)",
        (amount, accuracy),
        xytext=(0.03, 0.04),
        textcoords="axes fraction",
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": "#bbbbbb", "alpha": 0.92},
        arrowprops={"arrowstyle": "-", "color": BLACK, "linewidth": 0.8, "shrinkB": 6},
        zorder=6,
    )


def _million(axes: Axes, sizes: Sequence[float], small: tuple[str, Sequence[float], int] | None) -> list[Line2D]:
    """The axis of weights, the line at a million where the network crosses it, and the small dense network."""
    handles = []
    if small is not None:
        name, accuracies, size = small
        axes.plot([size], [np.mean(accuracies)], linestyle="none", zorder=6, **STAR)
        handles.append(handle(f"{name}, dense", linestyle="none", **STAR))
        sizes = [*sizes, size]
    if sizes and min(sizes) < MILLION < max(sizes):
        look: dict[str, Any] = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (1, 2))}
        axes.axvline(MILLION, zorder=1, **look)
        handles.append(handle("a million nonzero weights", **look))
    size_axis(axes, [round(size) for size in sizes])
    axes.set_xlabel("nonzero weights (logarithmic)")
    return handles
