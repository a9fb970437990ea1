"""Pictures as PNG bytes, drawn through matplotlib's object API: no window, no global figure, no pyplot.

Colours are Okabe and Ito's, which people with colour-blindness tell apart; lines differ in dash as well.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image

from minjax.report.formats import percent, shorten
from minjax.report.record import RunRecord

BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "text.usetex": False,
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.0,
    "legend.frameon": False,
}
SPLITS = (("train", BLUE, DASHES[1]), ("test", RED, DASHES[0]), ("validation", GREEN, DASHES[3]))
FEW_EPOCHS = 25  # up to so many, every epoch gets a dot; a single epoch would otherwise be invisible
CELL_TEXT_CLASSES = 20  # up to so many, the cells of a confusion matrix hold their counts
MOST_TICKS = 50  # of a confusion matrix; beyond, labels would touch


@dataclass(frozen=True)
class Line:
    """A run in an overlay: runs of one group share a look, and the group is one entry of the legend."""

    record: RunRecord
    group: str


def curves(record: RunRecord) -> bytes:
    """Loss, accuracy and learning rate of a run over its epochs; final, best-validation and maximum marked."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 6), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=(1.8, 1), squeeze=False)[:, 0]
        loss, accuracy = top.subplots(1, 2)
        rate = bottom.subplots()
        marks = _accuracy_marks(accuracy, record)
        for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
            for split, colour, dash in SPLITS:
                _plot(axes, record, f"{split}_{quantity}", color=colour, linestyle=dash, label=split)
        _finish(loss, "Loss", [record])
        _finish(accuracy, "Accuracy", [record])
        loss.legend()
        if marks:
            top.legend(handles=marks, loc="outside lower right", ncols=len(marks), fontsize=8, columnspacing=1.2)
        _plot(rate, record, "learning_rate", color=BLACK)
        _finish(rate, "Learning rate", [record])
        return png(figure)


def _accuracy_marks(axes: Axes, record: RunRecord) -> list[Line2D]:
    """Mark the named test accuracies; what was marked, for the legend."""
    last = record.epochs[-1]["epoch"] if record.epochs else None
    named = (  # largest mark first: they often fall on one point and must all be seen
        ("best on validation", "best_validation", "D", "none", GREEN, 11),
        ("maximum", "max_test_accuracy", "*", ORANGE, BLACK, 10),
        ("final", "final", "o", BLACK, "white", 5),
    )
    marks = []
    for name, part, marker, face, edge, size in named:
        epoch = last if part == "final" else record.number(part, "epoch")
        value = record.number(part, "test_accuracy")
        if epoch is not None and value is not None:
            look: dict[str, Any] = {
                "marker": marker,
                "markersize": size,
                "markerfacecolor": face,
                "markeredgecolor": edge,
            }
            label = f"{name}: {percent(value)} (epoch {epoch:.0f})"
            marks += axes.plot([epoch], [value], linestyle="none", label=label, zorder=4, clip_on=False, **look)
    return marks


def overlay(title: str, lines: Sequence[Line]) -> bytes:
    """Training and test loss and accuracy of the runs on one data set, a line a run, as in Figures 8 to 16."""
    groups = {line.group for line in lines}
    columns = 3 if max(map(len, groups)) < 34 else 2
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 6 + 0.2 * -(-len(groups) // columns)), layout="constrained")  # legend rows below
        figure.suptitle(drawable(title, title), parse_math=False, fontweight="bold")
        handles = _draw_lines(figure.subplots(2, 2), lines)
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)
        return png(figure)


def stack(pictures: Sequence[bytes]) -> bytes:
    """PNGs of one width as one, each below the other."""
    if len(pictures) == 1:
        return pictures[0]
    images = [Image.open(io.BytesIO(picture)) for picture in pictures]
    whole = Image.new("RGB", (images[0].width, sum(image.height for image in images)), "white")
    top = 0
    for image in images:
        whole.paste(image, (0, top))
        top += image.height
    return _with_palette(whole)


def _draw_lines(axes: np.ndarray, lines: Sequence[Line]) -> list[Line2D]:
    groups = list(dict.fromkeys(line.group for line in lines))
    looks = {
        group: {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i // len(COLOURS) % len(DASHES)]}
        for i, group in enumerate(groups)
    }
    several = len(lines) > len(groups)
    fields = (
        ("train_loss", "Training loss"),
        ("test_loss", "Test loss"),
        ("train_accuracy", "Training accuracy"),
        ("test_accuracy", "Test accuracy"),
    )
    for panel, (field, title) in zip(axes.flat, fields, strict=True):
        for line in lines:
            _plot(panel, line.record, field, linewidth=1.1 if several else 1.6, **looks[line.group])
            epochs, values = line.record.series(field)
            if epochs and line.record.status != "completed":
                panel.plot(
                    epochs[-1], values[-1], "x", color=looks[line.group]["color"], markersize=7, markeredgewidth=2
                )
        _finish(panel, title, [line.record for line in lines])
    handles = [Line2D([], [], label=drawable(group, group), **looks[group]) for group in groups]
    if any(line.record.status != "completed" for line in lines):
        label = "ended early or still running"
        handles.append(Line2D([], [], color="#555555", marker="x", markeredgewidth=2, linestyle="none", label=label))
    return handles


def confusion(matrix: np.ndarray, class_names: Sequence[str]) -> bytes:
    """A confusion matrix, coloured by the share of each true class; counts in the cells where there is room.

    Args:
        matrix: int [classes, classes], a row a true class.
        class_names: one a class.
    """
    classes = len(class_names)
    few = classes <= CELL_TEXT_CLASSES
    side = min(max(0.52 * classes, 3.2), 9.0) if few else 8.5
    totals = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.maximum(totals, 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(side + 2.2, side + 1.4), layout="constrained")
        axes = figure.subplots()
        # The square root of the share, else a class mistaken in 2 % of its images would look like one never mistaken.
        image = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        axes.grid(visible=False)
        shown = range(0, classes, -(-classes // MOST_TICKS))
        labels = [shorten(drawable(class_names[i], f"class {i}"), 16) for i in shown]
        size = 8.5 if few else 7
        slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if few else {"rotation": 90}
        axes.set_xticks(list(shown), labels, fontsize=size, parse_math=False, **slant)
        axes.set_yticks(list(shown), labels, fontsize=size, parse_math=False)
        axes.tick_params(length=2)
        thinned = "" if len(labels) == classes else f" (one in {shown.step} named)"
        axes.set(xlabel=f"predicted class{thinned}", ylabel=f"true class{thinned}")
        if few:
            _cell_text(axes, matrix, share)
        bar = figure.colorbar(
            image, ax=axes, shrink=0.8, pad=0.02, format=PercentFormatter(1.0, decimals=0, symbol=" %")
        )
        bar.set_ticks([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1])
        bar.set_label("share of the true class")
        bar.outline.set_visible(False)
        return png(figure)


def _cell_text(axes: Axes, matrix: np.ndarray, share: np.ndarray) -> None:
    size = 8 if matrix.max() < 10_000 and len(matrix) <= 12 else 6.5
    for (row, column), images in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.36 else "#222222"  # 0.36: where the colour map turns dark
        if images:
            axes.text(column, row, str(images), ha="center", va="center", color=colour, fontsize=size)


def _plot(axes: Axes, record: RunRecord, field: str, **look: Any) -> None:
    epochs, values = record.series(field)
    if epochs:
        axes.plot(epochs, values, marker="o" if len(epochs) <= FEW_EPOCHS else None, **look)


def _finish(axes: Axes, title: str, drawn: Sequence[RunRecord]) -> None:
    """Title, ticks at whole epochs, percent for accuracies, a logarithmic scale where the values span much."""
    axes.set_title(title, loc="left")
    axes.set_xlabel("epoch")
    last = max((int(record.epochs[-1]["epoch"]) for record in drawn if record.epochs), default=1)
    margin = max(0.03 * last, 0.25)
    axes.set_xlim(1 - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    if "ccuracy" in title:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        return
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.get_lines()] or [np.ones(1)])
    if values.min() > 0 and values.max() > 30 * values.min():
        axes.set_yscale("log")


def drawable(text: str, otherwise: str) -> str:
    """`text` if the font has all its characters, else `otherwise` with a box for each that is missing."""
    known = _characters()
    if all(ord(character) in known for character in text):
        return text
    return "".join(character if ord(character) in known else "\u25a1" for character in otherwise)


@cache
def _characters() -> frozenset[int]:
    """Code points the figures' font can draw."""
    path = font_manager.findfont(font_manager.FontProperties(family=STYLE["font.family"]))
    return frozenset(font_manager.get_font(path).get_charmap())


def png(figure: Figure) -> bytes:
    """The figure as a PNG, 150 dots an inch."""
    data = io.BytesIO()
    with warnings.catch_warnings():
        # Constrained layout gives up, and says so, where names leave no room: the picture is still whole.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        FigureCanvasAgg(figure)
        figure.savefig(data, format="png", dpi=150)
    return _with_palette(Image.open(data).convert("RGB"))


def _with_palette(picture: Image.Image) -> bytes:
    """The picture as a PNG of 256 colours, a third of the bytes: pages embed their pictures."""
    data = io.BytesIO()
    few = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(data, format="png", optimize=True, dpi=(150, 150))
    return data.getvalue()
