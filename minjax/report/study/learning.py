"""Learning curves by regime: training loss and validation accuracy of a few networks of each, over their seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minjax.findings.regimes import REGIMES
from minjax.findings.words import plural
from minjax.report.axes import accuracy_axis, epoch_axis, logarithmic_if_wide
from minjax.report.drawing import GREY, WIDTH, band, grey_handle, handle, legend, line_style, mark, png, style, title
from minjax.report.formats import count, shorten
from minjax.report.study.kinds import heading
from minjax.report.study.results import Key, Network, Results

QUANTILES = (1 / 6, 1 / 2, 5 / 6)  # of a regime's log sizes: a small, a middle and a large network of it
ROWS = (("train_loss", "training loss (cross-entropy, nats)"), ("accuracy", "accuracy"))
SETTLED: dict[str, Any] = {"marker": "o", "markersize": 7, "markerfacecolor": "white", "markeredgewidth": 1.4}
SLOW: dict[str, Any] = {"marker": ">", "markersize": 7, "markerfacecolor": "white", "markeredgewidth": 1.3}
FAST: dict[str, Any] = {"marker": "s", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.3}


def pictures(results: Results) -> list[bytes]:
    """A picture for each family on each data set that has learning curves; a column for each regime."""
    drawn = []
    for key, networks in results.groups().items():
        chosen = {regime: representative(networks, regime) for regime in REGIMES}
        chosen = {regime: group for regime, group in chosen.items() if group}
        if chosen:
            drawn.append(_picture(key, chosen, results.selection))
    return drawn


def representative(networks: Sequence[Network], regime: str) -> list[Network]:
    """Those of a regime with learning curves whose sizes are nearest to `QUANTILES` of its log sizes, smallest first.

    Of two that are equally near, the smaller; each once, so that a regime with one network has one.
    """
    known = [n for n in networks if n.regime and n.regime.regime == regime and len(series(n, "train_loss"))]
    if not known:
        return []
    logs = np.log([network.num_params for network in known])
    places = {int(np.abs(logs - at).round(9).argmin()) for at in np.quantile(logs, QUANTILES)}
    return [known[place] for place in sorted(places)]


def series(network: Network, field: str) -> np.ndarray:
    """float [seeds, epochs]: a quantity of the members that have a history; NaN where it was not finite or ended."""
    rows = [values for member in network.members if member.history and (values := getattr(member.history, field))]
    table = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = np.array(values, float)
    return table


def _picture(key: Key, chosen: Mapping[str, Sequence[Network]], selection: str) -> bytes:
    with style():
        figure = Figure(figsize=(WIDTH, 6.8), layout="constrained")
        panels = figure.subplots(2, len(chosen), sharey="row", squeeze=False)
        for column, (regime, group) in enumerate(chosen.items()):
            for place, network in enumerate(group):
                for axes, (field, _) in zip(panels[:, column], ROWS, strict=True):
                    _curve(axes, network, field, line_style(place))
            for axes in panels[:, column]:
                epoch_axis(axes, max(series(network, "train_loss").shape[1] for network in group))
            panels[0, column].set_title(regime, loc="left")
            _names(panels[1, column], group)
        logarithmic_if_wide(*panels[0])
        panels[0, 0].set_ylabel(ROWS[0][1])
        accuracy_axis(panels[1, 0], f"{selection} {ROWS[1][1]}")
        panels[1, 0].set_ylim(-0.02, 1.02)
        title(figure, f"Learning curves: {heading(key)}, {_seeds(chosen)}")
        legend(figure, _handles())
        return png(figure)


def _seeds(chosen: Mapping[str, Sequence[Network]]) -> str:
    """'5 seeds each'; members without a history, as those that failed, are not drawn."""
    numbers = {len(series(network, "train_loss")) for group in chosen.values() for network in group}
    return f"{plural(max(numbers), 'seed') if len(numbers) == 1 else f'{min(numbers)} to {max(numbers)} seeds'} each"


def _curve(axes: Axes, network: Network, field: str, look: dict[str, Any]) -> None:
    """Median and range over seeds, and the marks of convergence that belong to this quantity."""
    table = series(network, field)
    epochs = np.arange(1, table.shape[1] + 1)
    x, y = band(axes, epochs, table, opacity=0.18, marker="." if len(epochs) == 1 else None, **look)
    found = network.convergence
    if found is None:
        return
    if field == "accuracy":
        mark(axes, found.settled, x, y, SETTLED, look["color"])
    else:
        slow = found.slow_end if (found.slow_end or 0) > 1 else None
        mark(axes, slow, x, y, SLOW, look["color"])
        mark(axes, found.fast_end, x, y, FAST, look["color"])


def _names(axes: Axes, group: Sequence[Network]) -> None:
    """The networks of a column, below it."""
    handles: list[Line2D] = []
    for place, network in enumerate(group):
        label = f"{shorten(network.name, 24)}: {count(network.num_params)} parameters"
        handles.append(handle(label, **line_style(place)))
    box = axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(-0.02, -0.2), fontsize=8, borderaxespad=0)
    for text in box.get_texts():
        text.set_parse_math(False)


def _handles() -> list[Line2D]:
    return [
        handle("median over seeds, and their range", color=GREY),
        grey_handle("slow phase ends", **SLOW),
        grey_handle("fast phase ends", **FAST),
        grey_handle("accuracy has settled (mean)", **SETTLED),
    ]
