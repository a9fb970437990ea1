"""Accuracy over the amount pruned and over bits by depth and size; and over size, where the plateaus end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from minjax.findings.claims.compression import REDUNDANCY
from minjax.report.axes import (
    accuracy_axis,
    bits_axis,
    fraction_axis,
    references,
    short_count,
    size_axis,
    size_limits,
)
from minjax.report.drawing import (
    COLLAPSE,
    DASHES,
    GREY,
    KNEE,
    LONG_DASHES,
    WIDTH,
    band,
    grey_handle,
    handle,
    legend,
    mark,
    png,
    shown,
    style,
    title,
)
from minjax.report.formats import count
from minjax.report.study.kinds import Kinds, across, filled, heading, kinds, shape_of, shapes
from minjax.report.study.results import KINDS, Key, Kind, Network, Results, plateau_end

LINES = 6  # in a panel: more would hide one another
COLUMNS = 4
END = KNEE  # the mark where a plateau ends
CLAIMED: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": LONG_DASHES}
SIZES = LinearSegmentedColormap.from_list("sizes", matplotlib.colormaps["viridis_r"](np.linspace(0.12, 1, 256)))


def curve_pictures(results: Results, kind: Kind) -> list[bytes]:
    """Accuracy over sparsity or bits, a picture for each family on each data set, a panel for each depth.

    A panel has at most `LINES` networks, spread evenly over log size among those that learned something and were
    measured, of equal shapes where there are any.
    """
    found = kinds(results.networks)
    drawn = []
    for key, networks in results.groups().items():
        chosen = {value: _chosen(group, kind) for value, group in found.split(networks).items()}
        chosen = {value: group for value, group in chosen.items() if group}
        if chosen:
            drawn.append(_curves(key, chosen, found, kind))
    return drawn


def _chosen(networks: Sequence[Network], kind: Kind) -> list[Network]:
    measured = [(n, found) for n in networks if (found := n.resilience(kind)) and len(curve(n, kind)[0])]
    learned = [n for n, found in measured if found.left_out < found.seeds]  # most seeds
    kept = learned or [n for n, _ in measured]
    return spread([n for n in kept if n.equal] or kept, LINES)


def spread(networks: Sequence[Network], most: int) -> list[Network]:
    """At most `most` of the networks, from the smallest to the largest, spread evenly over log size."""
    ordered = sorted(networks, key=lambda network: (network.num_params, network.name))
    if len(ordered) <= most:
        return ordered
    logs = np.log([network.num_params for network in ordered])
    places = [int(np.abs(logs - at).argmin()) for at in np.linspace(logs[0], logs[-1], most)]
    return [ordered[place] for place in sorted({*places, len(ordered) - 1})]


def curve(network: Network, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Places [N] of the first seed's curve and accuracies [seeds, N], NaN where a seed's curve lacks a place."""
    curves = [getattr(m.curves, kind) for m in network.members if m.status == "completed" and m.curves is not None]
    by_seed = [{float(place): accuracy for place, accuracy in one} for one in curves if one]
    places = sorted(by_seed[0]) if by_seed else []
    rows = [[one.get(place) for place in places] for one in by_seed]
    return np.array(places, float), np.array(rows, float).reshape(len(rows), len(places))


def _curves(key: Key, chosen: Mapping[str, Sequence[Network]], found: Kinds, kind: Kind) -> bytes:
    rows = -(-len(chosen) // COLUMNS)
    columns = -(-len(chosen) // rows)
    sizes = [network.num_params for group in chosen.values() for network in group]
    low, high = size_limits(sizes) if len(set(sizes)) < 2 else (min(sizes), max(sizes))
    norm = LogNorm(low, high)
    with style():
        figure = Figure(figsize=(WIDTH, 1.4 + 3.1 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axes in panels.flat[len(chosen) :]:
            axes.set_visible(False)
        for place, (axes, (value, group)) in enumerate(zip(panels.flat, chosen.items(), strict=False)):
            for line, network in enumerate(group):
                look = {"color": SIZES(norm(network.num_params)), "linestyle": DASHES[line % len(DASHES)]}
                _line(axes, network, kind, look)
            chance = references(axes, chance=group[0].chance)
            if kind == "pruning":
                fraction_axis(axes, "sparsity (% of the weights)", ticks=6 if columns > 2 else 11)
            else:
                bits_axis(axes, {round(float(bits)) for network in group for bits in curve(network, kind)[0]})
            axes.set_ylim(-0.02, 1.02)
            accuracy_axis(axes, "" if place % columns else group[0].measured)
            axes.set_title(shown(found.title(value)), loc="left", parse_math=False)
        alike = "" if len(set(sizes)) > 1 else f", {count(sizes[0])} parameters"
        what = "Pruned" if kind == "pruning" else "Quantized"
        title(figure, f"{what} after training: {heading(key)}{alike}")
        if len(set(sizes)) > 1:
            _size_bar(figure, norm, panels)
        legend(figure, [*_curve_handles(kind), *chance])
        return png(figure)


def _line(axes: Axes, network: Network, kind: Kind, look: dict[str, Any]) -> None:
    """Median and range over seeds, with marks at the means over seeds that were found."""
    places, accuracies = curve(network, kind)
    if not len(accuracies):
        return
    x, y = band(axes, places, accuracies, opacity=0.13, linewidth=1.3, **look)
    found = network.resilience(kind)
    if found is not None:
        mark(axes, plateau_end(found), x, y, END, look["color"])
        mark(axes, found.collapse, x, y, COLLAPSE, look["color"])


def _size_bar(figure: Figure, norm: LogNorm, panels: np.ndarray) -> None:
    bar = figure.colorbar(ScalarMappable(norm, SIZES), ax=list(panels.flat), pad=0.01, aspect=30)
    bar.set_label("learnable parameters")
    few = norm.vmax / norm.vmin > 100  # type: ignore[operator]
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1,) if few else (1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.outline.set_visible(False)


def _curve_handles(kind: Kind) -> list[Line2D]:
    end = "redundancy" if kind == "pruning" else "minimal bits"
    return [
        handle("median over seeds, and their range", color=GREY),
        grey_handle(f"plateau ends: {end} (mean)", **END),
        grey_handle("collapse begins (mean)", **COLLAPSE),
    ]


def end_pictures(results: Results) -> list[bytes]:
    """Redundancy and minimal bits over parameters, a picture for each family on each data set that has either."""
    found = kinds(results.networks)
    drawn = []
    for key, networks in results.groups().items():
        measured = {kind: [network for network in networks if network.resilience(kind)] for kind in KINDS}
        measured = {kind: group for kind, group in measured.items() if group}
        if measured:
            drawn.append(_ends(key, measured, found))
    return drawn


def _ends(key: Key, measured: Mapping[Kind, Sequence[Network]], found: Kinds) -> bytes:
    titles = {"pruning": "Redundancy", "quantization": "Minimal bits"}
    with style():
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        for axes, (kind, networks) in zip(figure.subplots(1, len(measured), squeeze=False)[0], measured.items(),
                                          strict=True):  # fmt: skip
            _over_size(axes, networks, found, kind)
            _end_axis(axes, kind)
            axes.set_title(titles[kind], loc="left")
        handles = found.handles(list({n.point: n for networks in measured.values() for n in networks}.values()))
        handles.append(grey_handle("mean over seeds and its 95 % interval", marker="|", markersize=9))
        if "pruning" in measured:
            handles.append(handle(f"{100 * REDUNDANCY:.0f} %, which paper 2 says is reached", **CLAIMED))
        title(figure, f"Where the plateaus end: {heading(key)}")
        legend(figure, handles)
        return png(figure)


def _over_size(axes: Axes, networks: Sequence[Network], found: Kinds, kind: Kind) -> None:
    """The ends of plateaus over parameters, with their intervals over seeds."""
    size_axis(axes, [network.num_params for network in networks])
    places = across(networks)
    for value, group in found.split(networks).items():
        for shape in shapes(group):
            drawn = [(n, one) for n in group if shape_of(n) == shape and (one := n.resilience(kind))]
            middle = np.array([plateau_end(one) for _, one in drawn])
            ends = np.array([one.interval or (m, m) for (_, one), m in zip(drawn, middle, strict=True)])
            away = np.abs(np.stack([np.minimum(ends[:, 0], middle), np.maximum(ends[:, 1], middle)]) - middle)
            sizes = [places[network.point] for network, _ in drawn]
            look = filled(found.style(value), shape)
            axes.errorbar(sizes, middle, yerr=away, elinewidth=0.8, capsize=1.5, markersize=5, **look)


def _end_axis(axes: Axes, kind: Kind) -> None:
    if kind == "pruning":
        axes.axhline(REDUNDANCY, zorder=1, **CLAIMED)
        axes.set_ylim(-0.03, 1.03)
        accuracy_axis(axes, "redundancy (sparsity at the end of the plateau)", decimals=0)
    else:
        axes.set_ylim(0, axes.get_ylim()[1] + 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("fewest bits per weight on the plateau")
