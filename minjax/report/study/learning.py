"""Learning curves by regime: training loss and test accuracy of a few networks of each, over their seeds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from minjax.report.compression import frame
from minjax.report.formats import count, finite, shorten
from minjax.report.plots import STYLE, png
from minjax.report.study import looks
from minjax.report.study.evidence import REGIMES, Evidence, Key, Network
from minjax.report.study.looks import WIDTH

QUANTILES = (1 / 6, 1 / 2, 5 / 6)  # of a regime's log sizes: a small, a middle and a large network of it
ROWS = (("train_loss", "training loss (cross-entropy, nats)"), ("test_accuracy", "test accuracy"))
SETTLED: dict[str, Any] = {"marker": "o", "markersize": 7, "markerfacecolor": "white", "markeredgewidth": 1.4}
SLOW: dict[str, Any] = {"marker": ">", "markersize": 7, "markerfacecolor": "white", "markeredgewidth": 1.3}
FAST: dict[str, Any] = {"marker": "s", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.3}


def pictures(evidence: Evidence) -> list[bytes]:
    """A picture for each family on each data set that has learning curves; a column a regime."""
    drawn = []
    for key, networks in evidence.groups().items():
        chosen = {regime: representative(networks, regime) for regime in REGIMES}
        chosen = {regime: group for regime, group in chosen.items() if group}
        if chosen:
            drawn.append(_picture(key, chosen))
    return drawn


def representative(networks: Sequence[Network], regime: str) -> list[Network]:
    """Those of a regime with learning curves whose sizes are nearest to `QUANTILES` of its log sizes, smallest first.

    Of two that are as near, the smaller; each once, so that a regime of one network has one.
    """
    known = [network for network in networks if network.regime == regime and len(series(network, "train_loss"))]
    if not known:
        return []
    logs = np.log([network.num_params for network in known])
    places = {int(np.abs(logs - at).round(9).argmin()) for at in np.quantile(logs, QUANTILES)}
    return [known[place] for place in sorted(places)]


def series(network: Network, field: str) -> np.ndarray:
    """float [seeds, epochs]: a quantity of the members that have a history; NaN where it was not finite or ended."""
    rows = [values for m in network.members if (values := (m.get("history") or {}).get(field))]
    table = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for row, values in zip(table, rows, strict=True):
        numbers = [finite(value) for value in values]
        row[: len(values)] = np.array(numbers, float)
    return table


def _picture(key: Key, chosen: dict[str, list[Network]]) -> bytes:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 6.8), layout="constrained")
        panels = figure.subplots(2, len(chosen), sharey="row", squeeze=False)
        for column, (regime, group) in enumerate(chosen.items()):
            for place, network in enumerate(group):
                for axes, (field, _) in zip(panels[:, column], ROWS, strict=True):
                    _curve(axes, network, field, looks.plain_look(place))
            last = max(series(network, "train_loss").shape[1] for network in group)
            margin = max(0.03 * last, 0.25)
            for axes in panels[:, column]:
                axes.set_xlim(1 - margin, last + margin)
                axes.set_xlabel("epoch")
                axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
            panels[0, column].set_title(regime, loc="left")
            _names(panels[1, column], group)
        for (_, label), row in zip(ROWS, panels, strict=True):
            row[0].set_ylabel(label)
        _loss_scale(panels[0])
        looks.accuracy_axis(panels[1, 0])
        panels[1, 0].set_ylim(-0.02, 1.02)
        looks.title(figure, f"Learning curves: {looks.heading(key)}, {_seeds(chosen)}")
        frame.legend(figure, _handles())
        return png(figure)


def _seeds(chosen: dict[str, list[Network]]) -> str:
    """'5 seeds each'; members without a history, as those that failed, are not drawn."""
    numbers = {len(series(network, "train_loss")) for group in chosen.values() for network in group}
    return f"{min(numbers)} seeds each" if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)} seeds each"


def _curve(axes: Axes, network: Network, field: str, look: dict[str, Any]) -> None:
    """Median and range over seeds, and the marks of convergence that belong to this quantity."""
    table = series(network, field)
    if not np.isfinite(table).any():
        return
    epochs = np.arange(1, table.shape[1] + 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")  # an epoch that no seed reached stays blank
        middle, low, high = np.nanmedian(table, axis=0), np.nanmin(table, axis=0), np.nanmax(table, axis=0)
    axes.fill_between(epochs, low, high, color=look["color"], alpha=0.18, linewidth=0)
    axes.plot(epochs, middle, marker="." if len(epochs) == 1 else None, **look)
    known = np.isfinite(middle)
    for at, mark in _marks(network, field):
        if at is not None and epochs[known][0] <= at <= epochs[known][-1]:
            y = np.interp(at, epochs[known], middle[known])
            axes.plot([at], [y], linestyle="none", color=look["color"], markeredgecolor=look["color"], zorder=5, **mark)


def _marks(network: Network, field: str) -> list[tuple[float | None, dict[str, Any]]]:
    if field == "test_accuracy":
        return [(network.number("convergence", "settled"), SETTLED)]
    slow, fast = network.number("convergence", "slow_end"), network.number("convergence", "fast_end")
    return [(slow if (slow or 0) > 1 else None, SLOW), (fast, FAST)]


def _loss_scale(panels: Sequence[Axes]) -> None:
    """A logarithmic scale where the losses span much, the same in all panels."""
    found = [np.asarray(line.get_ydata(), float) for axes in panels for line in axes.get_lines()]
    heights = np.concatenate([*found, np.ones(1)])
    heights = heights[np.isfinite(heights)]
    if heights.min() > 0 and heights.max() > 30 * heights.min():
        panels[0].set_yscale("log")


def _names(axes: Axes, group: Sequence[Network]) -> None:
    """The networks of a column, below it."""
    handles: list[Line2D] = []
    for place, network in enumerate(group):
        label = f"{shorten(network.name, 24)}: {count(network.num_params)} parameters"
        handles.append(frame.handle(label, **looks.plain_look(place)))
    box = axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(-0.02, -0.2), fontsize=8, borderaxespad=0)
    for text in box.get_texts():
        text.set_parse_math(False)


def _handles() -> list[Line2D]:
    grey: dict[str, Any] = {"color": "#444444", "markeredgecolor": "#444444"}
    return [
        frame.handle("median over seeds, and their range", color="#444444"),
        frame.handle("slow phase ends", linestyle="none", **grey, **SLOW),
        frame.handle("fast phase ends", linestyle="none", **grey, **FAST),
        frame.handle("accuracy has settled (mean)", linestyle="none", **grey, **SETTLED),
    ]
