"""Accuracy and loss over the amount pruned, in the form of paper 1's Figure 17; and accuracy over rounds of pruning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from minjax.records.compression import TRAINED, Compression, FirstLayer, Measurement
from minjax.report import paper
from minjax.report.axes import accuracy_axis, fraction_axis, logarithmic_if_wide, references
from minjax.report.compression.curves import (
    METHODS,
    SERIES,
    Key,
    grouped,
    joined,
    lost_planes,
    method_name,
    of,
    ordered,
    phases_of,
    pruned_lines,
    result,
    series_name,
    statistics,
    values,
    with_statistics,
)
from minjax.report.drawing import (
    COLLAPSE,
    COLOURS,
    DASHES,
    KNEE,
    WIDTH,
    free_place,
    grey_handle,
    handle,
    legend,
    line_style,
    mark,
    png,
    style,
    visible,
)
from minjax.report.formats import percent

PAPER_DASHES: tuple[Any, ...] = ((0, (4, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
PAPER_GREY = "#8a8a8a"
RESIDUAL_NETWORKS = ("resnet18", "resnet18_s")
SPARSITIES = (0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
Curves = Mapping[Key, Sequence[Measurement]]
Looks = Mapping[Key, dict[str, Any]]


def picture(compression: Compression) -> bytes | None:
    """Accuracy above loss, a column for each kind of batch-norm statistics; None where nothing was pruned."""
    lines = pruned_lines(compression)
    if not lines:
        return None
    found, every = statistics(lines), statistics(compression.measurements)
    by_kind = {
        kind: grouped((line for line in lines if line.batch_norm == kind), "method", "exclude") for kind in found
    }
    looks = {
        key: visible(look, [len(curves.get(key, [])) for curves in by_kind.values()])
        for key, look in method_styles(ordered(dict.fromkeys(k for c in by_kind.values() for k in c))).items()
    }
    with style():
        if len(found) > 1:
            figure = Figure(figsize=(0.5 * WIDTH * len(found), 7.6 + 0.14 * len(looks)), layout="constrained")
            panels = figure.subplots(2, len(found), sharey="row", squeeze=False)
        else:
            figure = Figure(figsize=(WIDTH, 4.6 + 0.14 * len(looks)), layout="constrained")
            panels = figure.subplots(1, 2, squeeze=False).T
        handles = [handle(method_name(*key), **look) for key, look in looks.items()]
        for column, (kind, curves) in enumerate(by_kind.items()):
            accuracy, loss = panels[:, column]
            beside = _papers_curves(accuracy) if kind == TRAINED and is_papers_setting(compression) else []
            beside += _accuracies(accuracy, compression, curves, looks)
            accuracy.set_title(with_statistics("Test accuracy", kind, every), loc="left")
            _losses(loss, curves, looks)
            loss.set_title(with_statistics("Test loss", kind, every), loc="left")
            if column == 0:  # the first column is that of the paper's curves, if any is
                handles += beside
                accuracy.set_ylabel("test accuracy")
                loss.set_ylabel("test loss (cross-entropy, nats)")
        fall = result(compression).first_layer
        if fall is not None and (place := _column_of_the_fall(fall, by_kind)) is not None:
            _annotate_fall(panels[0, place], fall)
        legend(figure, [*handles, *phase_handles(compression)])
        return png(figure)


def method_styles(keys: Sequence[Key]) -> dict[Key, dict[str, Any]]:
    """Colour by method, dash by what is spared; a known method has its colour in every picture."""
    methods = list(dict.fromkeys([*METHODS, *(key[0] for key in keys)]))
    looks = {}
    for key in keys:
        place = methods.index(key[0])
        spared = [other for other in keys if other[0] == key[0]].index(key)
        dash = DASHES[(spared + place // len(COLOURS)) % len(DASHES)]
        looks[key] = {"color": COLOURS[place % len(COLOURS)], "linestyle": dash}
    return looks


def is_papers_setting(compression: Compression) -> bool:
    """Whether the network is a ResNet18 and the data are CIFAR-10, in whichever form."""
    summary = result(compression)
    return summary.model in RESIDUAL_NETWORKS and paper.cifar_classes(summary.dataset) == 10


def phase_handles(compression: Compression) -> list[Line2D]:
    """The entries of the legend for the marks on curves, where any could be made."""
    if not result(compression).phases:
        return []
    return [grey_handle("knee", **KNEE), grey_handle("collapse begins", **COLLAPSE)]


def mark_phases(axes: Axes, compression: Compression, lines: Sequence[Measurement], along: str, colour: Any) -> None:
    """Mark the knee and the collapse of the curve through these measurements, over `along`."""
    x, y = values(lines, along, "accuracy")
    for phases in phases_of(compression, lines[0]):
        mark(axes, phases.knee, x, y, KNEE, colour)
        mark(axes, phases.collapse_start, x, y, COLLAPSE, colour)


def _papers_curves(axes: Axes) -> list[Line2D]:
    amounts, curves = paper.pruning()
    handles = []
    for (method, name), dash in zip(paper.METHODS.items(), PAPER_DASHES, strict=True):
        look: dict[str, Any] = {"color": PAPER_GREY, "linewidth": 1.2, "linestyle": dash}
        axes.plot(amounts, curves[name], zorder=1.5, **look)
        handles.append(handle(f"ResNet18 on CIFAR-10, paper 1: {paper.METHOD_NAMES[method]}", **look))
    return handles


def _accuracies(axes: Axes, compression: Compression, curves: Curves, looks: Looks) -> list[Line2D]:
    """A panel of measured curves; the entries of the legend for the levels beside them."""
    for key, lines in curves.items():
        axes.plot(*values(lines, "amount", "accuracy"), **looks[key])
        mark_phases(axes, compression, lines, "amount", looks[key]["color"])
    handles = references(axes, dense_network=result(compression).dense.accuracy, chance=result(compression).chance)
    accuracy_axis(axes, "", decimals=0)
    axes.set_ylim(-0.02, 1.02)
    _amount_axis(axes)
    return handles


def _losses(axes: Axes, curves: Curves, looks: Looks) -> None:
    for key, lines in curves.items():
        axes.plot(*values(lines, "amount", "loss"), **looks[key])
    _amount_axis(axes)
    logarithmic_if_wide(axes)


def _amount_axis(axes: Axes) -> None:
    fraction_axis(axes, "amount pruned (% of the weights, structured: of the channels)")


def _column_of_the_fall(fall: FirstLayer, by_kind: Mapping[str, Curves]) -> int | None:
    """The column whose curve has the recorded fall: that of the batch-norm statistics it was measured with."""
    away = {}
    for column, curves in enumerate(by_kind.values()):
        for line in curves.get((fall.method, ()), []):
            if line.amount is not None and abs(line.amount - fall.amount) < 1e-6:
                away[column] = abs(line.accuracy - fall.accuracy)
    return min(away, key=lambda column: away[column]) if away else None


def _annotate_fall(axes: Axes, fall: FirstLayer) -> None:
    """Say what happens where the first convolution loses an input plane, beside the point, off the lines."""
    x, y = fall.amount, fall.accuracy
    text = f"first convolution loses\n{lost_planes(fall)}: {percent(y, 1)}"
    text += f"\n({percent(fall.accuracy_without_first_layer, 1)} if it is spared)"
    axes.plot([x], [y], "o", markersize=11, markerfacecolor="none", markeredgecolor="black", markeredgewidth=1.1)
    axes.annotate(
        text,
        (x, y),
        xytext=free_place(axes, (x, y), (0.31, 0.19)),
        textcoords="axes fraction",
        ha="center",
        va="center",
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": "#bbbbbb", "alpha": 0.92},
        arrowprops={"arrowstyle": "-", "color": "black", "linewidth": 0.8, "shrinkB": 6},
        zorder=6,
    )


def rounds_picture(compression: Compression) -> bytes | None:
    """Accuracy over sparsity, a line for each series; None without rounds.

    Where it goes to 90 % and beyond, the axis is logarithmic in the weights that remain: each round removes a share
    of them, and the last rounds, which matter most, would otherwise lie on one another.
    """
    lines = of(compression, "rounds")
    if not lines:
        return None
    groups = joined(lines, *SERIES)
    with style():
        figure = Figure(figsize=(8.0, 4.6 + 0.12 * len(groups)), layout="constrained")
        axes = figure.subplots()
        handles = []
        for place, (key, group) in enumerate(groups.items()):
            look = {"marker": "o", **line_style(place)}
            axes.plot(*values(group, "sparsity", "accuracy"), **look)
            handles.append(handle(series_name(key, list(groups)), **look))
        summary = result(compression)
        handles += references(axes, dense_network=summary.dense.accuracy, chance=summary.chance)
        accuracy_axis(axes, decimals=0)
        _sparsity_axis(axes, max(line.sparsity for line in lines))
        axes.set_ylim(-0.02, 1.02)
        axes.set_title("Test accuracy after each round of pruning and training", loc="left")
        legend(figure, handles)
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
    """-log of the share of weights that remain, at a sparsity of at most 99.95 %."""
    return -np.log(np.maximum(1 - np.asarray(sparsity, float), 5e-4))
