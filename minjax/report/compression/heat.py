"""Heat maps of accuracy: sparsity against bits, and one leaf at a time against both."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import PercentFormatter

from minjax.report.compression import frame
from minjax.report.compression.lines import RECIPE, joined
from minjax.report.compression.names import method_name, scheme_name, with_norm
from minjax.report.compression.record import CompressionRecord, Point, grouped, norms
from minjax.report.formats import shorten
from minjax.report.plots import RED, STYLE, png, stack

CELL_WIDTH, CELL_HEIGHT = 0.34, 0.14  # inches; a smaller cell has no room for its number
WIDTH = 10.4


def joint_picture(record: CompressionRecord) -> bytes | None:
    """Amount pruned across, bits down, the accuracy in every cell and the plateau outlined; None without any."""
    pictures = [_joint(record, key, group) for key, group in joined(record.of("joint"), *RECIPE).items()]
    return stack(pictures) if pictures else None


def _joint(record: CompressionRecord, key: tuple[Any, ...], points: Sequence[Point]) -> bytes:
    amounts = sorted({point.amount or 0.0 for point in points})
    bits = sorted({point.bits for point in points}, key=lambda b: -np.inf if b is None else -b)
    accuracies = grid(points, bits, amounts, lambda p: p.bits, lambda p: p.amount or 0.0)
    method, exclude, scheme, activation_bits, bn = key
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 0.34 * len(bits)), layout="constrained")
        axes = figure.subplots()
        image = _cells(axes, accuracies, record, numbers=CELL_WIDTH * len(amounts) < WIDTH - 2)
        _amount_ticks(axes, amounts, WIDTH - 2)
        axes.set_yticks(range(len(bits)), ["32 (not quantized)" if b is None else str(b) for b in bits])
        axes.set(xlabel="amount pruned (%)", ylabel="bits of a weight")
        title = f"Test accuracy (%): {method_name(method, exclude)}; {scheme_name(scheme, activation_bits)}"
        title = with_norm(title, bn, norms(record.points))
        axes.set_title(frame.shown(title), loc="left", parse_math=False, fontsize=9)
        _colour_bar(figure, image, [axes])
        if record.floor is not None:
            outline(axes, accuracies >= record.floor)
            label = f"within 1 point of the dense network (at least {100 * record.floor:.1f} %)"
            frame.legend(figure, [frame.handle(label, color=RED, linewidth=2)])
        return png(figure)


def sensitivity_picture(record: CompressionRecord) -> bytes | None:
    """Leaf by amount beside leaf by bits, when one leaf alone is pruned or quantized; None without any."""
    points = [point for point in record.of("sensitivity") if point.layer is not None]
    pruned = grouped((p for p in points if p.bits is None and p.method is not None), *RECIPE)
    quantized = grouped((p for p in points if p.bits is not None), *RECIPE)
    pairs = max(len(pruned), len(quantized))
    if not pairs:
        return None
    leaves = [str(leaf) for (leaf,) in grouped(points, "layer")]
    columns: list[list[tuple[tuple[Any, ...], list[Point]] | None]] = []
    for groups in (pruned, quantized):
        columns.append([*groups.items(), *[None] * (pairs - len(groups))])
    return stack([_sensitivity(record, leaves, *pair) for pair in zip(*columns, strict=True)])


def _sensitivity(record: CompressionRecord, leaves: Sequence[str], *halves: tuple[Any, list[Point]] | None) -> bytes:
    """One row of the picture: what was pruned on the left, what was quantized on the right."""
    shown = [half for half in halves if half is not None]
    height = float(np.clip(len(leaves) * 0.23, 0, max(9.0, 0.13 * len(leaves))))
    columns = [_sensitivity_columns(group) for _, group in shown]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + height), layout="constrained")
        ratios = [max(len(names), 5) for names, _ in columns]
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False, width_ratios=ratios)[0]
        for axes, (key, group), (names, by_bits) in zip(panels, shown, columns, strict=True):
            across: Callable[[Point], Any] = (lambda p: p.bits) if by_bits else (lambda p: p.amount)
            accuracies = grid(group, leaves, names, lambda p: p.layer, across)
            room = (WIDTH - 3.6) * len(names) / sum(ratios)
            image = _cells(
                axes, accuracies, record, numbers=CELL_WIDTH * len(names) < room and height / len(leaves) > CELL_HEIGHT
            )
            if by_bits:
                axes.set_xticks(range(len(names)), [str(name) for name in names])
                title = f"quantized: {scheme_name(key[2], key[3])}"
            else:
                _amount_ticks(axes, names, room)
                title = f"pruned: {method_name(key[0], key[1])}"
            axes.set_xlabel("bits of its weights" if by_bits else "amount pruned of it (%)")
            axes.set_title(frame.shown(title), loc="left", parse_math=False, fontsize=9)
        size = float(np.clip(72 * height / len(leaves) * 0.6, 4.5, 8))
        labels = [shorten(frame.shown(leaf), 36) for leaf in leaves]
        panels[0].set_yticks(range(len(leaves)), labels, fontsize=size, parse_math=False)
        title = with_norm("Test accuracy when this leaf alone is compressed", shown[0][0][-1], norms(record.points))
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        _colour_bar(figure, image, list(panels))
        return png(figure)


def _sensitivity_columns(group: Sequence[Point]) -> tuple[list[Any], bool]:
    """The amounts, rising, or the bits, falling, that were measured; and whether it is bits."""
    if any(point.bits is not None for point in group):
        return sorted({point.bits for point in group if point.bits is not None}, reverse=True), True
    return sorted({point.amount for point in group if point.amount is not None}), False


def grid(
    points: Iterable[Point],
    rows: Sequence[Hashable],
    columns: Sequence[Hashable],
    row: Callable[[Point], Hashable],
    column: Callable[[Point], Hashable],
) -> np.ndarray:
    """float [rows, columns]: the points' accuracies in their places, NaN where none was measured."""
    values = np.full((len(rows), len(columns)), np.nan)
    for point in points:
        if row(point) in rows and column(point) in columns:
            values[rows.index(row(point)), columns.index(column(point))] = point.accuracy
    return values


def outline(axes: Axes, inside: np.ndarray) -> None:
    """A line along every edge between a cell inside and one outside: the data are a grid, not a surface.

    Args:
        axes: of an image of the same shape.
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


def _cells(axes: Axes, accuracies: np.ndarray, record: CompressionRecord, *, numbers: bool) -> AxesImage:
    """The image, its colours from chance to the dense network, so that pictures of one run compare."""
    low = record.number("chance") or 0.0
    known = accuracies[np.isfinite(accuracies)]
    high = max([record.dense or 0.0, low + 0.01, *known])
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
    """Amounts in percent under their columns; only one in so many where `room` inches are too few for all."""
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
