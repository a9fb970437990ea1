"""Accuracy over the number of parameters, with the regimes, the target and the minimal size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from minjax.findings.regimes import REGIMES
from minjax.findings.sentences import short
from minjax.findings.words import span
from minjax.records.answer import Answer
from minjax.report.axes import accuracy_axis, size_axis
from minjax.report.drawing import BLACK, DOTS, GREY, LONG_DASHES, WIDTH, handle, legend, png, style, title
from minjax.report.study.kinds import Kinds, across, filled, heading, kinds, shape_of, shapes
from minjax.report.study.results import Key, Network, Results

REACH = 2.0  # within this factor of a size, networks decide which regime prevails there
BANDS: dict[str, dict[str, Any]] = {  # light, and hatched so that they differ in grey
    "unstable": {"facecolor": "#fbe6d9", "hatch": "////", "edgecolor": "#f0cdb5"},
    "learning": {"facecolor": "#eef6ee", "edgecolor": "#eef6ee"},
    "overfitting": {"facecolor": "#e2ebf6", "hatch": "....", "edgecolor": "#b9cbe4"},
}
TOP = 0.06  # of accuracy below the target, where the right panel begins
TARGET: dict[str, Any] = {"color": BLACK, "linewidth": 1.0, "linestyle": LONG_DASHES}
CHANCE: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": DOTS}
MINIMAL: dict[str, Any] = {"color": BLACK, "linewidth": 1.2, "linestyle": "-"}
TRAIN: dict[str, Any] = {"color": "#9a9a9a", "linestyle": "none", "marker": "_", "markersize": 6, "markeredgewidth": 1}


def pictures(results: Results) -> list[bytes]:
    """A picture for each family on each data set: all accuracies on the left, the top on the right."""
    found = kinds(results.networks)
    return [
        _picture(key, known, results.minimal(key), found)
        for key, networks in results.groups().items()
        if (known := [network for network in networks if network.regime is not None])
    ]


def _picture(key: Key, networks: Sequence[Network], answer: Answer | None, found: Kinds) -> bytes:
    means, trains = _means(networks), np.array([network.train_accuracy for network in networks], float)
    target = answer.level if answer else None
    low = (target if target is not None else float(means.max())) - TOP
    high = max(float(means.max()), float(trains.max()), target or 0.0)
    with style(hatch__linewidth=0.6):
        figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
        whole, top = figure.subplots(1, 2)
        for axes in (whole, top):
            _draw(axes, networks, answer, found)
        whole.set_ylim(-0.02, 1.04)
        top.set_ylim(low, high + 0.06 * (high - low))
        top.set_ylabel("")
        top.set_title("The top, enlarged", loc="left")
        whole.set_title("All accuracies", loc="left")
        title(figure, heading(key) + (f"; minimal size: {short(answer)}" if answer else ""))
        legend(figure, [*found.handles(networks), *_handles(networks, answer)])
        return png(figure)


def _means(networks: Sequence[Network]) -> np.ndarray:
    return np.array([network.regime.mean if network.regime else np.nan for network in networks])


def _draw(axes: Axes, networks: Sequence[Network], answer: Answer | None, found: Kinds) -> None:
    """A panel without its limits on y."""
    size_axis(axes, [network.num_params for network in networks])
    left, right = axes.get_xlim()
    places, shaded = across(networks), bands(networks)
    for place, (low, high, regime) in enumerate(shaded):
        edges = left if place == 0 else low, right if place == len(shaded) - 1 else high
        axes.axvspan(*edges, zorder=0, linewidth=0, **BANDS[regime])
    axes.axhline(networks[0].chance, zorder=1, **CHANCE)
    if answer and answer.level is not None:
        axes.axhline(answer.level, zorder=1, **TARGET)
    if answer and answer.num_params is not None:
        axes.axvline(answer.num_params, zorder=1, **MINIMAL)
    first, last = answer.interval if answer else (None, None)
    if first is not None:
        # A bracket at the foot of the panel, in front of everything, as wide as the interval; open beyond the grid.
        bracket: dict[str, Any] = {"color": BLACK, "zorder": 6, "transform": axes.get_xaxis_transform()}
        axes.plot((first, right if last is None else last), (0.03, 0.03), linewidth=2.2, **bracket)
        ends = [first] if last is None else [first, last]
        axes.plot(ends, [0.03] * len(ends), linestyle="none", marker="|", markersize=9, **bracket)
    for value, group in found.split(networks).items():
        for shape in shapes(group):
            drawn = [network for network in group if shape_of(network) == shape]
            sizes = [places[network.point] for network in drawn]
            axes.plot(sizes, np.array([network.train_accuracy for network in drawn], float), zorder=2, **TRAIN)
            axes.errorbar(
                sizes,
                _means(drawn),
                yerr=[network.regime.sigma if network.regime else 0.0 for network in drawn],
                elinewidth=0.8,
                capsize=1.5,
                markersize=5 if len(networks) < 200 else 3.5,
                zorder=3,
                **filled(found.style(value), shape),
            )
    accuracy_axis(axes, networks[0].measured)


def _handles(networks: Sequence[Network], answer: Answer | None) -> list[Artist]:
    """The entries of the legend for everything but the kinds of networks."""
    handles: list[Artist] = [
        handle("± 1 standard deviation over seeds", color=GREY, marker="|", markersize=9, linestyle="none"),
        handle("training accuracy", **TRAIN),
    ]
    if answer and answer.level is not None:
        handles.append(handle(f"to be reached, {100 * answer.level:.2f} %", **TARGET))
    handles.append(handle(f"chance, {100 * networks[0].chance:.1f} %", **CHANCE))
    if answer and answer.interval[0] is not None:
        handles.append(handle(f"minimal size; bar: 95 % interval, {span(answer.interval)}", **MINIMAL))
    present = {regime for _, _, regime in bands(networks)}
    return handles + [Patch(label=f"mostly {regime}", **look) for regime, look in BANDS.items() if regime in present]


def bands(networks: Sequence[Network]) -> list[tuple[float, float, str]]:
    """(low, high, regime) along the sizes of one family on one data set, smallest first; touching and exhaustive.

    At each size that was trained, the regime prevails that most of the networks within a factor `REACH` of it are in.
    Where two are as common, it is the earlier one (unstable before learning before overfitting). Between two sizes of
    different regimes the border is half way on a logarithmic axis; the first band begins at the smallest size and the
    last ends at the largest.
    """
    known = [(network.num_params, network.regime.regime) for network in networks if network.regime is not None]
    if not known:
        return []
    logs = np.log([size for size, _ in known])
    places = np.array([REGIMES.index(regime) for _, regime in known])
    found: list[tuple[float, float, str]] = []
    sizes = np.unique(logs)
    borders = [sizes[0], *((sizes[1:] + sizes[:-1]) / 2), sizes[-1]]
    for size, low, high in zip(sizes, borders[:-1], borders[1:], strict=True):
        near = np.abs(logs - size) <= np.log(REACH) + 1e-9
        regime = REGIMES[int(np.bincount(places[near], minlength=len(REGIMES)).argmax())]
        if found and found[-1][2] == regime:
            low = np.log(found.pop()[0])
        found.append((float(np.exp(low)), float(np.exp(high)), regime))
    return found
