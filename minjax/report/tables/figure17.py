"""Paper 1's Figure 17 of one network: accuracy over the amount pruned, and over the weights that are left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minjax.findings.equal_size import MILLION, Pruned, Way
from minjax.records.compression import TRAINED
from minjax.report import paper
from minjax.report.axes import accuracy_axis, fraction_axis, references, size_axis
from minjax.report.drawing import BLACK, COLOURS, DASHES, GREY, ORANGE, band, handle, legend, png, style, title
from minjax.report.formats import percent, printable

Curves = Mapping[Way, Sequence[Pruned]]
Looks = Mapping[Way, dict[str, Any]]
PAPER_GREY = "#8a8a8a"
STAR: dict[str, Any] = {"marker": "*", "markersize": 13, "markerfacecolor": ORANGE, "markeredgecolor": BLACK}
AGAIN: dict[str, Any] = {"marker": "o", "markerfacecolor": "white"}


def pictures(
    name: str,
    found: Curves,
    dense: float,
    small: tuple[str, Sequence[float], int] | None,
    papers: Mapping[str, Sequence[tuple[float, float]]],
    fall: tuple[float, float, float] | None,
) -> list[bytes]:
    """Accuracy over the amount pruned; and over the nonzero weights, with the line at a million.

    Args:
        name: of the network, for the titles.
        found: its curves.
        dense: its accuracy before pruning.
        small: its small form: name, accuracies over seeds, parameters; None: there is none.
        papers: the paper's curves by method, (amount, accuracy).
        fall: where structured pruning takes a colour plane: amount, accuracy, accuracy with the first layer spared.
    """
    looks = {way: _look(way) for way in found if way.method in paper.METHODS}
    return [_over_amounts(name, found, looks, dense, papers, fall), _over_weights(name, found, looks, small)]


def _over_amounts(
    name: str,
    found: Curves,
    looks: Looks,
    dense: float,
    papers: Mapping[str, Sequence[tuple[float, float]]],
    fall: tuple[float, float, float] | None,
) -> bytes:
    shown = {way: look for way, look in looks.items() if not way.retrained}
    with _panel(name, len(shown) + len(papers)) as (figure, axes):
        for way, look in shown.items():
            _curve(axes, [point.amount for point in found[way]], found[way], look)
        handles = [handle(way_name(way), **look) for way, look in shown.items()]
        handles += [*_papers(axes, papers), *references(axes, dense_network=dense)]
        if fall is not None:
            _mark_fall(axes, fall)
        fraction_axis(axes, "amount pruned (% of the weights, structured: of the channels)")
        legend(figure, handles)
        return png(figure)


def _over_weights(name: str, found: Curves, looks: Looks, small: tuple[str, Sequence[float], int] | None) -> bytes:
    with _panel(name, len(looks)) as (figure, axes):
        sizes: list[float] = []
        for way, look in looks.items():
            points = [point for point in found[way] if point.amount < 1]  # with nothing left there is no network
            _curve(axes, [point.nonzero for point in points], points, look)
            sizes += [point.nonzero for point in points]
        handles = [handle(way_name(way), **look) for way, look in looks.items()]
        legend(figure, [*handles, *_million(axes, sizes, small)])
        return png(figure)


@contextmanager
def _panel(name: str, entries: int) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one panel of test accuracies, and room for a legend of this many entries."""
    with style():
        figure = Figure(figsize=(5.4, 4.0 + 0.15 * entries), layout="constrained")
        axes = figure.subplots()
        title(figure, name)
        accuracy_axis(axes, decimals=0)
        axes.set_ylim(-0.02, 1.02)
        yield figure, axes


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
        handles.append(handle(f"paper 1: {paper.METHOD_NAMES[method]}", **look))
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
