"""Pictures over the epochs: the curves of one run, and those of several runs on one data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minjax.records.run import Run
from minjax.report.axes import accuracy_axis, epoch_axis, logarithmic_if_wide
from minjax.report.drawing import (
    BLACK,
    BLUE,
    DASHES,
    GREEN,
    GREY,
    ORANGE,
    RED,
    drawable,
    handle,
    line_style,
    png,
    style,
)
from minjax.report.formats import percent

RATE = "Learning rate"
SPLITS = (("train", BLUE, DASHES[1]), ("test", RED, DASHES[0]), ("validation", GREEN, DASHES[3]))
FEW_EPOCHS = 25  # up to this many, every epoch gets a dot; a single epoch would otherwise be invisible
WIDE_LEGEND = 68  # characters of a row of a legend, the samples of lines included
PANELS = (
    ("train_loss", "Training loss"),
    ("test_loss", "Test loss"),
    ("train_accuracy", "Training accuracy"),
    ("test_accuracy", "Test accuracy"),
)


def series(run: Run, field: str) -> tuple[list[int], list[float]]:
    """The epochs at which a field of the run's records has a value, and its values there."""
    known = [(line.epoch, getattr(line, field)) for line in run.epochs if getattr(line, field) is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]


def curves(run: Run) -> list[bytes]:
    """Accuracy, loss and learning rate of a run over its epochs, a picture each; named test accuracies are marked."""
    with style():
        return [
            _over_epochs(run, title, splits) for title, splits in (("Accuracy", SPLITS), ("Loss", SPLITS), (RATE, ()))
        ]


def _over_epochs(run: Run, title: str, splits: Sequence[tuple[str, str, Any]]) -> bytes:
    figure = Figure(figsize=(4.2, 3.4), layout="constrained")
    axes = figure.subplots()
    marks = _accuracy_marks(axes, run) if title == "Accuracy" else []
    for split, colour, dash in splits:
        _plot(axes, run, f"{split}_{title.lower()}", color=colour, linestyle=dash, label=split)
    if not splits:
        _plot(axes, run, "learning_rate", color=BLACK)
    _finish(axes, title, [run])
    if title == "Loss":
        axes.legend()
    if marks:
        figure.legend(handles=marks, loc="outside lower right", ncols=1, fontsize=8)
    return png(figure)


def _accuracy_marks(axes: Axes, run: Run) -> list[Line2D]:
    """Mark the named test accuracies; what was marked, for the legend."""
    if run.summary is None:
        return []
    look: dict[str, Any]
    final, best, top = run.summary.final, run.summary.best_validation, run.summary.max_test_accuracy
    last = run.epochs[-1].epoch
    named: list[tuple[str, int, float, dict[str, Any]]] = []  # largest mark first: they often fall on one point
    if best:
        look = {"marker": "D", "markerfacecolor": "none", "markeredgecolor": GREEN, "markersize": 11}
        named.append(("best on validation", best.epoch, best.test_accuracy, look))
    if top:
        look = {"marker": "*", "markerfacecolor": ORANGE, "markeredgecolor": BLACK, "markersize": 10}
        named.append(("maximum", top.epoch, top.test_accuracy, look))
    if final:
        look = {"marker": "o", "markerfacecolor": BLACK, "markeredgecolor": "white", "markersize": 5}
        named.append(("final", last, final.test_accuracy, look))
    marks = []
    for name, epoch, value, look in named:
        label = f"{name}: {percent(value)} (epoch {epoch})"
        marks += axes.plot([epoch], [value], linestyle="none", label=label, zorder=4, clip_on=False, **look)
    return marks


def overlay(title: str, runs: Sequence[tuple[str, Run]]) -> list[bytes]:
    """Training and test loss and accuracy of several runs on one data set, as in paper 1's Figures 8 to 16.

    Each is a picture with a legend of its own, which a narrow window can show at its full size.

    Args:
        title: of each picture.
        runs: each with the name of its group; the runs of one group look alike and are one entry of the legend.
    """
    looks = {group: line_style(place) for place, group in enumerate(dict.fromkeys(group for group, _ in runs))}
    handles = [handle(group, **look) for group, look in looks.items()]
    if not all(_completed(run) for _, run in runs):
        label = "ended early or still running"
        handles.append(handle(label, color=GREY, marker="x", markeredgewidth=2, linestyle="none"))
    with style():
        return [_overlaid(title, runs, field, name, looks, handles) for field, name in PANELS]


def _overlaid(
    title: str,
    runs: Sequence[tuple[str, Run]],
    field: str,
    name: str,
    looks: Mapping[str, dict[str, Any]],
    handles: Sequence[Line2D],
) -> bytes:
    columns = max(1, min(len(handles), int(WIDE_LEGEND / (6 + max(len(str(entry.get_label())) for entry in handles)))))
    figure = Figure(figsize=(4.5, 3.1 + 0.2 * -(-len(handles) // columns)), layout="constrained")  # legend rows below
    figure.suptitle(drawable(title, title), parse_math=False, fontweight="bold")
    axes = figure.subplots()
    for group, run in runs:
        _plot(axes, run, field, linewidth=1.1 if len(runs) > len(looks) else 1.6, **looks[group])
        epochs, values = series(run, field)
        if epochs and not _completed(run):
            axes.plot(epochs[-1], values[-1], "x", color=looks[group]["color"], markersize=7, markeredgewidth=2)
    _finish(axes, name, [run for _, run in runs])
    box = figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8)
    for text in box.get_texts():
        text.set_parse_math(False)
    return png(figure)


def _completed(run: Run) -> bool:
    return run.summary is not None and run.summary.status == "completed"


def _plot(axes: Axes, run: Run, field: str, **look: Any) -> None:
    epochs, values = series(run, field)
    if epochs:
        axes.plot(epochs, values, marker="o" if len(epochs) <= FEW_EPOCHS else None, **look)


def _finish(axes: Axes, title: str, runs: Sequence[Run]) -> None:
    """Title, epochs on x; percent for accuracies, a logarithmic scale for what spans much."""
    axes.set_title(title, loc="left")
    epoch_axis(axes, int(np.max([1, *(run.epochs[-1].epoch for run in runs if run.epochs)])))
    if "ccuracy" in title:
        accuracy_axis(axes, "")
    else:
        logarithmic_if_wide(axes)
