"""The candidates for the recommended file by size and accuracy: dense, pruned, quantized, both, both and trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minjax.findings import choice as choices
from minjax.findings.sentences import METRICS
from minjax.records.compression import Compression, Measurement
from minjax.report.axes import accuracy_axis, references
from minjax.report.compression.curves import dense_bytes, result
from minjax.report.compression.tradeoff import KB, size_axes
from minjax.report.drawing import BLACK, BLUE, GREEN, ORANGE, PINK, RED, WIDTH, handle, legend, png, style

LEAST = 0.05  # above chance that a candidate must have to be shown
KINDS = {
    "pruned": BLUE,
    "quantized": GREEN,
    "pruned and quantized": ORANGE,
    "trained again": PINK,
}


def kind(m: Measurement) -> str:
    """How a candidate was compressed, one of `KINDS`."""
    if m.retrained:
        return "trained again"
    if m.method is None:
        return "quantized"
    return "pruned" if m.bits is None else "pruned and quantized"


def picture(compression: Compression) -> bytes | None:
    """Accuracy over bytes; the front as steps, the accuracy to keep as a line, the chosen files as rings with bars."""
    summary = result(compression)
    choice = summary.choice
    assert choice is not None
    everything = choices.screened(compression.measurements)
    drawn = [m for m in everything if m.bytes_theoretical and m.score > summary.score_chance + LEAST]
    if not drawn:
        return None
    with style():
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        axes = figure.subplots()
        handles = []
        for name, colour in KINDS.items():
            own = [m for m in drawn if kind(m) == name]
            if own:
                look: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": colour, "markeredgewidth": 0}
                axes.plot([(m.bytes_theoretical or 0) / KB for m in own], [m.score for m in own], markersize=5, **look)
                handles.append(handle(name, markersize=6, **look))
        whole = dense_bytes(compression)
        if whole:
            star: dict[str, Any] = {"marker": "*", "color": BLACK, "linestyle": "none", "markersize": 12}
            axes.plot([whole / KB], [choice.dense.score], zorder=5, **star)
            handles.append(handle(f"the dense network, {whole / KB:,.4g} kB", **star))
        axes.set_xscale("log")
        best = choices.front(drawn)
        x = np.array([(m.bytes_theoretical or 0) / KB for m in best])
        y = np.array([m.score for m in best])
        right = max(axes.get_xlim()[1], x[-1])
        axes.plot(np.append(x, right), np.append(y, y[-1]), drawstyle="steps-post", color=RED, linewidth=1.4, zorder=1)
        handles.append(handle("no candidate is smaller and better", color=RED))
        for file, name in ((summary.recommended, "recommended"), (summary.runner_up, "runner-up")):
            if file is not None:
                scored = file.validation or file.test
                low, high = scored.interval
                ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": BLACK, "markersize": 11}
                ring |= {"marker": "o" if name == "recommended" else "s", "linestyle": "none"}
                exact = scored.balanced is None  # the interval is that of the share of images
                bar = [[scored.accuracy - low], [high - scored.accuracy]] if exact else None
                axes.errorbar([file.bytes / KB], [scored.score], yerr=bar, ecolor=BLACK, capsize=3, zorder=6, **ring)
                handles.append(handle(f"{name}: the file{', 95 % interval' * exact}", **ring))
        axes.set_xlim(right=right)
        handles += references(axes, accuracy_to_keep=choice.floor)
        accuracy_axis(axes, f"{choice.selection} {METRICS[choice.metric]}")
        lowest = min(
            [choice.floor - 0.1, *([] if summary.recommended is None else [summary.recommended.test.score - 0.1])]
        )
        axes.set_ylim(max(min(m.score for m in drawn) - 0.02, lowest, 0.0), 1.005)
        size_axes(axes, whole)
        legend(figure, handles)
        return png(figure)
