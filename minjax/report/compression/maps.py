"""Maps of accuracy: sparsity against bits, and one leaf at a time against both."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import PercentFormatter

from minjax.findings.phases import TOLERANCE
from minjax.findings.words import points
from minjax.records.compression import Compression, Measurement
from minjax.report.compression.curves import (
    RECIPE,
    Key,
    floor,
    grouped,
    joined,
    method_name,
    of,
    result,
    scheme_name,
    statistics,
    with_statistics,
)
from minjax.report.drawing import RED, WIDTH, handle, legend, png, shown, style, title
from minjax.report.formats import shorten

CELL_WIDTH, CELL_HEIGHT = 0.34, 0.14  # inches; a smaller cell has no room for its number


def joint_pictures(compression: Compression) -> list[bytes]:
    """Amount pruned across, bits down, the accuracy in every cell and the plateau outlined; a picture for each kind."""
    return [_joint(compression, key, group) for key, group in joined(of(compression, "joint"), *RECIPE).items()]


def _joint(compression: Compression, key: Key, lines: Sequence[Measurement]) -> bytes:
    amounts = sorted({line.amount or 0.0 for line in lines})
    bits = sorted({line.bits for line in lines}, key=lambda b: -np.inf if b is None else -b)
    accuracies = grid(lines, bits, amounts, lambda line: line.bits, lambda line: line.amount or 0.0)
    method, exclude, scheme, activation_bits, batch_norm = key
    with style():
        figure = Figure(figsize=(WIDTH, 1.9 + 0.34 * len(bits)), layout="constrained")
        axes = figure.subplots()
        image = _cells(axes, accuracies, compression, numbers=CELL_WIDTH * len(amounts) < WIDTH - 2)
        _amount_ticks(axes, amounts, WIDTH - 2)
        axes.set_yticks(range(len(bits)), ["32 (not quantized)" if b is None else str(b) for b in bits])
        axes.set(xlabel="amount pruned (%)", ylabel="bits per weight")
        name = f"Test accuracy (%): {method_name(method, exclude)}; {scheme_name(scheme, activation_bits)}"
        name = with_statistics(name, batch_norm, statistics(compression.measurements))
        axes.set_title(shown(name), loc="left", parse_math=False, fontsize=9)
        _colour_bar(figure, image, [axes])
        least = floor(compression)
        outline(axes, accuracies >= least)
        within = f"within {points(TOLERANCE)} of the dense network (at least {100 * least:.1f} %)"
        legend(figure, [handle(within, color=RED, linewidth=2)])
        return png(figure)


def sensitivity_pictures(compression: Compression) -> list[bytes]:
    """Leaf by amount beside leaf by bits, where one leaf alone was pruned or quantized; a picture for each kind."""
    lines = [line for line in of(compression, "sensitivity") if line.layer is not None]
    pruned = list(grouped((line for line in lines if line.bits is None and line.method is not None), *RECIPE).items())
    quantized = list(grouped((line for line in lines if line.bits is not None), *RECIPE).items())
    leaves = [str(leaf) for (leaf,) in grouped(lines, "layer")]
    return [
        _sensitivity(compression, leaves, [*pruned[place : place + 1], *quantized[place : place + 1]])
        for place in range(max(len(pruned), len(quantized)))
    ]


def _sensitivity(
    compression: Compression, leaves: Sequence[str], halves: Sequence[tuple[Key, Sequence[Measurement]]]
) -> bytes:
    """One picture: what was pruned on the left, what was quantized on the right."""
    height = float(np.clip(len(leaves) * 0.23, 0, max(9.0, 0.13 * len(leaves))))
    columns = [_columns(group) for _, group in halves]
    with style():
        figure = Figure(figsize=(WIDTH, 1.9 + height), layout="constrained")
        ratios = [max(len(names), 5) for names, _ in columns]
        panels = figure.subplots(1, len(halves), sharey=True, squeeze=False, width_ratios=ratios)[0]
        for axes, (key, group), (names, by_bits) in zip(panels, halves, columns, strict=True):
            across: Callable[[Measurement], Any] = (lambda one: one.bits) if by_bits else (lambda one: one.amount)
            accuracies = grid(group, leaves, names, lambda one: one.layer, across)
            room = (WIDTH - 3.6) * len(names) / sum(ratios)
            fits = CELL_WIDTH * len(names) < room and height / len(leaves) > CELL_HEIGHT
            image = _cells(axes, accuracies, compression, numbers=fits)
            if by_bits:
                axes.set_xticks(range(len(names)), [str(name) for name in names])
                name = f"quantized: {scheme_name(key[2], key[3])}"
            else:
                _amount_ticks(axes, names, room)
                name = f"pruned: {method_name(key[0], key[1])}"
            axes.set_xlabel("bits per weight of the leaf" if by_bits else "amount of the leaf that is pruned (%)")
            axes.set_title(shown(name), loc="left", parse_math=False, fontsize=9)
        size = float(np.clip(72 * height / len(leaves) * 0.6, 4.5, 8))
        labels = [shorten(shown(leaf), 36) for leaf in leaves]
        panels[0].set_yticks(range(len(leaves)), labels, fontsize=size, parse_math=False)
        found = statistics(compression.measurements)
        title(figure, with_statistics("Test accuracy when this leaf alone is compressed", halves[0][0][-1], found))
        _colour_bar(figure, image, list(panels))
        return png(figure)


def _columns(lines: Sequence[Measurement]) -> tuple[list[Any], bool]:
    """The amounts, rising, or the bits, falling, that were measured; and whether it is bits."""
    if any(line.bits is not None for line in lines):
        return sorted({line.bits for line in lines if line.bits is not None}, reverse=True), True
    return sorted({line.amount for line in lines if line.amount is not None}), False


def grid(
    lines: Iterable[Measurement],
    rows: Sequence[Hashable],
    columns: Sequence[Hashable],
    row: Callable[[Measurement], Hashable],
    column: Callable[[Measurement], Hashable],
) -> np.ndarray:
    """float [rows, columns]: the accuracies in their places, NaN where none was measured."""
    values = np.full((len(rows), len(columns)), np.nan)
    for line in lines:
        if row(line) in rows and column(line) in columns:
            values[rows.index(row(line)), columns.index(column(line))] = line.accuracy
    return values


def outline(axes: Axes, inside: np.ndarray) -> None:
    """A line along every edge between a cell inside and one outside: the data are a grid, not a surface.

    Args:
        axes: the panel with an image of the same shape.
        inside: bool [rows, columns].
    """
    edges = [
        [(column + 0.5, row - 0.5), (column + 0.5, row + 0.5)]
        for row, column in zip(*np.nonzero(inside[:, 1:] != inside[:, :-1]), strict=True)
    ]
    edges += [
        [(column - 0.5, row + 0.5), (column + 0.5, row + 0.5)]
        for row, column in zip(*np.nonzero(inside[1:] != inside[:-1]), strict=True)
    ]
    axes.add_collection(LineCollection(edges, colors=RED, linewidths=2, capstyle="round"), autolim=False)


def _cells(axes: Axes, accuracies: np.ndarray, compression: Compression, *, numbers: bool) -> AxesImage:
    """The image, coloured from chance to the dense network, so that the pictures of a page can be compared."""
    low = result(compression).chance
    high = max([result(compression).dense.accuracy, low + 0.01, *accuracies[np.isfinite(accuracies)]])
    axes.set_facecolor("#f0d9d9")  # a cell that was not measured
    image = axes.imshow(accuracies, cmap="Blues", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    axes.grid(visible=False)
    axes.tick_params(length=2)
    if numbers:
        for (row, column), value in np.ndenumerate(accuracies):
            if np.isfinite(value):
                colour = "white" if value > low + 0.6 * (high - low) else "#222222"
                cell = axes.text(column, row, f"{100 * value:.1f}", ha="center", va="center", fontsize=7, color=colour)
                cell.set_in_layout(False)  # it is inside the panel; measuring hundreds of them takes seconds
    return image


def _amount_ticks(axes: Axes, amounts: Sequence[float], room: float) -> None:
    """Amounts in percent under their columns; only every second, third, ... where `room` inches are too few for all."""
    step = math.ceil(CELL_WIDTH * len(amounts) / room)
    places = range(0, len(amounts), step)
    axes.set_xticks(list(places), [f"{100 * amounts[i]:.3g}" for i in places])


def _colour_bar(figure: Figure, image: AxesImage, panels: Sequence[Axes]) -> None:
    aspect = 5 * figure.get_figheight()  # one width, however tall the picture
    bar = figure.colorbar(
        image, ax=list(panels), pad=0.01, aspect=aspect, format=PercentFormatter(1.0, decimals=0, symbol=" %")
    )
    bar.set_label("test accuracy")
    bar.outline.set_visible(False)
