"""Accuracy over the amount pruned and over bits by depth and size, where it falls; and what that makes over size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from minjax.report.compression import frame
from minjax.report.formats import count, finite
from minjax.report.plots import DASHES, STYLE, png
from minjax.report.study import looks
from minjax.report.study.evidence import Evidence, Key, Network
from minjax.report.study.looks import WIDTH, Kinds

LINES = 6  # of a panel: more would hide one another
COLUMNS = 4
MOST_REDUNDANCY = 0.6  # what paper 2 says redundancy reaches
END: dict[str, Any] = {"marker": "D", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.3}
SIZES = LinearSegmentedColormap.from_list("sizes", matplotlib.colormaps["viridis_r"](np.linspace(0.12, 1, 256)))
PARTS = {"pruning": ("redundancy", "redundancy"), "quantization": ("minimal_bits", "bits")}


def curve_pictures(evidence: Evidence, kind: str) -> list[bytes]:
    """Accuracy over sparsity ("pruning") or bits ("quantization"), a picture for each family on each data set.

    A panel a depth. In it at most `LINES` networks, spread evenly over log size among those that learned something
    and were measured, of equal shapes where there are any.
    """
    found = looks.kinds(evidence.networks)
    drawn = []
    for key, networks in evidence.groups().items():
        chosen = {value: _chosen(group, kind) for value, group in found.split(networks).items()}
        chosen = {value: group for value, group in chosen.items() if group}
        if chosen:
            drawn.append(_curves(key, chosen, found, kind))
    return drawn


def _chosen(networks: Sequence[Network], kind: str) -> list[Network]:
    part, name = PARTS[kind]
    measured = [n for n in networks if n.number(part, name) is not None and len(curve(n, kind)[0])]
    learned = [n for n in measured if (n.number(part, "left_out") or 0) < (n.number(part, "seeds") or 0)]  # most seeds
    measured = learned or measured
    return looks.spread([n for n in measured if n.equal] or measured, LINES)


def curve(network: Network, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Places [N] and accuracies [seeds, N] of the seeds whose curve has these places, NaN where one is not finite."""
    found = [
        m["curves"][kind] for m in network.members if m["status"] == "completed" and (m.get("curves") or {}).get(kind)
    ]
    by_seed = [{float(place): finite(accuracy) for place, accuracy in one} for one in found]
    places = sorted(by_seed[0]) if by_seed else []
    rows = [[one.get(place) for place in places] for one in by_seed]
    return np.array(places, float), np.array(rows, float).reshape(len(rows), len(places))


def _curves(key: Key, chosen: dict[str, list[Network]], found: Kinds, kind: str) -> bytes:
    rows = -(-len(chosen) // COLUMNS)
    columns = -(-len(chosen) // rows)
    sizes = [network.num_params for group in chosen.values() for network in group]
    low, high = looks.limits(sizes) if len(set(sizes)) < 2 else (min(sizes), max(sizes))
    norm = LogNorm(low, high)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.4 + 3.1 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axes in panels.flat[len(chosen) :]:
            axes.set_visible(False)
        for place, (axes, (value, group)) in enumerate(zip(panels.flat, chosen.items(), strict=False)):
            for line, network in enumerate(group):
                _line(
                    axes,
                    network,
                    kind,
                    {"color": SIZES(norm(network.num_params)), "linestyle": DASHES[line % len(DASHES)]},
                )
            chance = float(group[0].members[0]["chance"])
            axes.axhline(chance, color="#444444", linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
            _place_axis(axes, kind, group, narrow=columns > 2)
            axes.set_ylim(-0.02, 1.02)
            looks.accuracy_axis(axes)
            if place % columns:
                axes.set_ylabel("")
            axes.set_title(frame.shown(found.title(value)), loc="left", parse_math=False)
        alike = "" if len(set(sizes)) > 1 else f", {count(sizes[0])} parameters"
        what = "Pruned" if kind == "pruning" else "Quantized"
        looks.title(figure, f"{what} after training: {looks.heading(key)}{alike}")
        if len(set(sizes)) > 1:
            _size_bar(figure, norm, panels)
        frame.legend(figure, _curve_handles(kind, chance))
        return png(figure)


def _line(axes: Axes, network: Network, kind: str, look: dict[str, Any]) -> None:
    """Median and range over seeds, with the marks at the means over seeds that were found."""
    places, accuracies = curve(network, kind)
    if len(accuracies) == 0:
        return
    known = ~np.isnan(accuracies).all(axis=0)
    places, accuracies = places[known], accuracies[:, known]
    middle = np.nanmedian(accuracies, axis=0)
    axes.fill_between(places, np.nanmin(accuracies, axis=0), np.nanmax(accuracies, axis=0), color=look["color"],
                      alpha=0.13, linewidth=0)  # fmt: skip
    axes.plot(places, middle, linewidth=1.3, **look)
    part, name = PARTS[kind]
    for at, mark in ((network.number(part, name), END), (network.number(part, "collapse"), frame.COLLAPSE)):
        if at is not None and len(places) and places[0] <= at <= places[-1]:
            colours = {"color": look["color"]} | (
                {} if "markeredgecolor" in mark else {"markeredgecolor": look["color"]}
            )
            axes.plot([at], [np.interp(at, places, middle)], linestyle="none", zorder=5, **(mark | colours))


def _place_axis(axes: Axes, kind: str, networks: Sequence[Network], *, narrow: bool) -> None:
    if kind == "pruning":
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_locator(FixedLocator(np.linspace(0, 1, 6 if narrow else 11).tolist()))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol="", decimals=0))
        axes.set_xlabel("sparsity (% of the weights)")
    else:
        frame.bits_axis(axes, {round(float(bits)) for network in networks for bits in curve(network, kind)[0]})


def _size_bar(figure: Figure, norm: LogNorm, panels: np.ndarray) -> None:
    bar = figure.colorbar(ScalarMappable(norm, SIZES), ax=list(panels.flat), pad=0.01, aspect=30)
    bar.set_label("learnable parameters")
    few = norm.vmax / norm.vmin > 100  # type: ignore[operator]
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1,) if few else (1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: looks.short_count(value)))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.outline.set_visible(False)


def _curve_handles(kind: str, chance: float) -> list[Any]:
    end = "redundancy" if kind == "pruning" else "minimal bits"
    grey: dict[str, Any] = {"color": "#444444"}
    return [
        frame.handle("median over seeds, and their range", **grey),
        frame.handle(f"plateau ends: {end} (mean)", linestyle="none", markeredgecolor="#444444", **grey, **END),
        frame.handle("collapse begins (mean)", linestyle="none", **grey, **frame.COLLAPSE),
        frame.handle(f"chance, {100 * chance:.1f} %", linewidth=0.8, linestyle=(0, (1, 2)), **grey),
    ]


def end_pictures(evidence: Evidence) -> list[bytes]:
    """Redundancy and minimal bits over parameters, a picture for each family on each data set that has either."""
    found = looks.kinds(evidence.networks)
    drawn = []
    for key, networks in evidence.groups().items():
        parts = [
            kind for kind, (part, name) in PARTS.items() if any(n.number(part, name) is not None for n in networks)
        ]
        if parts:
            drawn.append(_ends(key, networks, found, parts))
    return drawn


def _ends(key: Key, networks: Sequence[Network], found: Kinds, parts: Sequence[str]) -> bytes:
    titles = {"pruning": "Redundancy", "quantization": "Minimal bits"}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        shown: list[Network] = []
        for axes, kind in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
            part, name = PARTS[kind]
            measured = [network for network in networks if network.number(part, name) is not None]
            shown += [network for network in measured if network not in shown]
            _over_size(axes, measured, found, part, name)
            _end_axis(axes, kind)
            axes.set_title(titles[kind], loc="left")
        handles = looks.kind_handles(found, shown)
        handles.append(
            frame.handle(
                "mean over seeds and its 95 % interval", color="#444444", marker="|", markersize=9, linestyle="none"
            )
        )
        if "pruning" in parts:
            handles.append(
                frame.handle(
                    "60 %, which paper 2 says is reached", color="#444444", linewidth=0.9, linestyle=(0, (8, 3))
                )
            )
        looks.title(figure, f"Where plateaus end: {looks.heading(key)}")
        frame.legend(figure, handles)
        return png(figure)


def _over_size(axes: Axes, networks: Sequence[Network], found: Kinds, part: str, name: str) -> None:
    """A measure over parameters with its interval over seeds."""
    looks.size_axis(axes, networks)
    across = looks.across(networks)
    for value, group in found.split(networks).items():
        for shape in looks.shapes(group):
            drawn = [network for network in group if looks.shape_of(network) == shape]
            middle = np.array([network.number(part, name) for network in drawn], float)
            ends = np.array([network.interval(part) or (m, m) for network, m in zip(drawn, middle, strict=True)])
            away = np.abs(np.stack([np.minimum(ends[:, 0], middle), np.maximum(ends[:, 1], middle)]) - middle)
            sizes = [across[network.point] for network in drawn]
            look = looks.fill(found.look(value), shape)
            axes.errorbar(sizes, middle, yerr=away, elinewidth=0.8, capsize=1.5, markersize=5, **look)


def _end_axis(axes: Axes, kind: str) -> None:
    if kind == "pruning":
        axes.axhline(MOST_REDUNDANCY, color="#444444", linewidth=0.9, linestyle=(0, (8, 3)), zorder=1)
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
        axes.set_ylabel("redundancy (sparsity at the end of the plateau)")
    else:
        axes.set_ylim(0, axes.get_ylim()[1] + 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("fewest bits of a weight on the plateau")
