"""Accuracy and loss over the amount pruned, in the form of paper 1's Figure 17."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minjax.report import paper
from minjax.report.compression import frame
from minjax.report.compression.lines import lost_planes, phase_is_of, pruned_points
from minjax.report.compression.names import PAPER_LABELS, PAPER_METHODS, method_name, ordered, with_norm
from minjax.report.compression.record import TRAINED, CompressionRecord, Point, grouped, norms
from minjax.report.formats import finite, percent
from minjax.report.plots import STYLE, png

PAPER_DASHES: tuple[Any, ...] = ((0, (4, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
RESIDUAL_NETWORKS = ("resnet18", "resnet18_s")


def picture(record: CompressionRecord) -> bytes | None:
    """Accuracy above loss, a column a kind of batch-norm statistics; None where nothing was pruned."""
    points = pruned_points(record)
    if not points:
        return None
    found = norms(points)
    lines = {bn: grouped((p for p in points if p.bn == bn), "method", "exclude") for bn in found}
    keys = ordered(dict.fromkeys(key for groups in lines.values() for key in groups))
    looks = {
        key: frame.visible(look, [len(groups.get(key, [])) for groups in lines.values()])
        for key, look in frame.method_looks(keys).items()
    }
    with matplotlib.rc_context(STYLE):
        if len(found) > 1:
            figure = Figure(figsize=(5.2 * len(found), 7.6 + 0.14 * len(looks)), layout="constrained")
            panels = figure.subplots(2, len(found), sharey="row", squeeze=False)
        else:
            figure = Figure(figsize=(10.4, 4.6 + 0.14 * len(looks)), layout="constrained")
            panels = figure.subplots(1, 2, squeeze=False).T
        references: list[Line2D] = []
        for column, bn in enumerate(found):
            accuracy, loss = panels[:, column]
            with_papers = bn == TRAINED and is_papers_setting(record)
            others = _accuracy(accuracy, record, lines[bn], looks, with_papers, named=column == 0)
            references = references or others  # the first column is that of the paper's curves, if any is
            accuracy.set_title(with_norm("Test accuracy", bn, norms(record.points)), loc="left")
            for key, group in lines[bn].items():
                frame.draw(loss, group, "amount", "loss", **looks[key])
            _loss_axis(loss, named=column == 0)
            loss.set_title(with_norm("Test loss", bn, norms(record.points)), loc="left")
        fallen = _where_the_fall_is(record, lines)
        if fallen is not None:
            _annotate_fall(panels[0, fallen], record.part("first_layer"))
        handles = [frame.handle(method_name(*key), **look) for key, look in looks.items()]
        frame.legend(figure, [*handles, *references, *frame.mark_handles(record)])
        return png(figure)


def is_papers_setting(record: CompressionRecord) -> bool:
    """Whether the network is a ResNet18 and the data are CIFAR-10, in whichever form."""
    return record.model in RESIDUAL_NETWORKS and paper.cifar_classes(record.dataset) == 10


def _accuracy(
    axes: Axes,
    record: CompressionRecord,
    lines: dict[tuple[Any, ...], list[Point]],
    looks: dict[tuple[Any, ...], dict[str, Any]],
    with_papers: bool,
    named: bool,
) -> list[Line2D]:
    """Draw a panel; the handles of what is in it beside the measured lines, the paper's curves first."""
    handles = []
    if with_papers:
        amounts, curves = paper.pruning()
        for (method, name), dash in zip(PAPER_METHODS.items(), PAPER_DASHES, strict=True):
            look: dict[str, Any] = {"color": frame.GREY, "linewidth": 1.2, "linestyle": dash}
            axes.plot(amounts, curves[name], zorder=1.5, **look)
            handles.append(frame.handle(f"ResNet18 on CIFAR-10, paper: {PAPER_LABELS[method]}", **look))
    for key, group in lines.items():
        frame.draw(axes, group, "amount", "accuracy", **looks[key])
        for phase in record.listed("phases"):
            if phase_is_of(phase, group[0]):
                for name, look in (("knee", frame.KNEE), ("collapse_start", frame.COLLAPSE)):
                    colour = looks[key]["color"]
                    frame.mark(axes, finite(phase.get(name)), group, "amount", "accuracy", look, colour)
    handles += frame.accuracy_axis(axes, record, named=named)
    axes.set_ylim(-0.02, 1.02)
    frame.amount_axis(axes)
    return handles


def _loss_axis(axes: Axes, named: bool) -> None:
    frame.amount_axis(axes)
    if named:
        axes.set_ylabel("test loss (cross-entropy, nats)")
    heights = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.get_lines()] or [np.ones(1)])
    if heights.min() > 0 and heights.max() > 30 * heights.min():
        axes.set_yscale("log")


def _where_the_fall_is(record: CompressionRecord, lines: dict[str, Any]) -> int | None:
    """The column whose curve has the recorded fall: that of the batch-norm statistics it was measured with."""
    fall = record.part("first_layer")
    amount, accuracy = finite(fall.get("amount")), finite(fall.get("accuracy"))
    if amount is None or accuracy is None:
        return None
    away = {}
    for column, groups in enumerate(lines.values()):
        for point in groups.get((fall.get("method"), ()), []):
            if point.amount is not None and abs(point.amount - amount) < 1e-6:
                away[column] = abs(point.accuracy - accuracy)
    return min(away, key=lambda column: away[column]) if away else None


def _annotate_fall(axes: Axes, fall: dict[str, Any]) -> None:
    """Say what happens where the first convolution loses an input plane, beside the point, off the lines."""
    x, y = float(fall["amount"]), float(fall["accuracy"])
    text = f"first convolution loses\n{lost_planes(fall)}: {percent(y, 1)}"
    spared = finite(fall.get("accuracy_without_first_layer"))
    if spared is not None:
        text += f"\n({percent(spared, 1)} if it is spared)"
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
