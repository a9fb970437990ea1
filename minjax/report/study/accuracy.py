"""Accuracy over the number of parameters, with the regimes, the target and the minimal size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from minjax.report.compression import frame
from minjax.report.formats import count, finite
from minjax.report.plots import BLACK, STYLE, png
from minjax.report.study import looks
from minjax.report.study.bands import bands
from minjax.report.study.evidence import Evidence, Key, Network, interval_of
from minjax.report.study.looks import WIDTH, Kinds

BANDS: dict[str, dict[str, Any]] = {  # light, and hatched so that they differ in grey
    "unstable": {"facecolor": "#fbe6d9", "hatch": "////", "edgecolor": "#f0cdb5"},
    "learning": {"facecolor": "#eef6ee", "edgecolor": "#eef6ee"},
    "overfitting": {"facecolor": "#e2ebf6", "hatch": "....", "edgecolor": "#b9cbe4"},
}
TOP = 0.06  # of accuracy below the target, where the right panel begins
TARGET: dict[str, Any] = {"color": BLACK, "linewidth": 1.0, "linestyle": (0, (8, 3))}
CHANCE: dict[str, Any] = {"color": "#444444", "linewidth": 0.9, "linestyle": (0, (1, 2))}
MINIMAL: dict[str, Any] = {"color": BLACK, "linewidth": 1.2, "linestyle": "-"}
TRAIN: dict[str, Any] = {"color": "#9a9a9a", "linestyle": "none", "marker": "_", "markersize": 6, "markeredgewidth": 1}


def pictures(evidence: Evidence) -> list[bytes]:
    """A picture for each family on each data set: all accuracies on the left, the top on the right."""
    found = looks.kinds(evidence.networks)
    return [
        _picture(key, known, evidence.certificate(key), found)
        for key, networks in evidence.groups().items()
        if (known := [network for network in networks if network.regime is not None])
    ]


def _picture(key: Key, networks: Sequence[Network], certificate: dict[str, Any], found: Kinds) -> bytes:
    means = np.array([network.number("regimes", "mean") or 0.0 for network in networks])
    trains = np.array([network.train or 0.0 for network in networks])
    target, size = finite(certificate.get("target")), finite(certificate.get("num_params"))
    low = (target if target is not None else float(means.max())) - TOP
    high = max(float(means.max()), float(trains.max()), target or 0.0)
    with matplotlib.rc_context(STYLE | {"hatch.linewidth": 0.6}):
        figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
        whole, top = figure.subplots(1, 2)
        for axes in (whole, top):
            _draw(axes, networks, certificate, found)
        whole.set_ylim(-0.02, 1.04)
        top.set_ylim(low, high + 0.06 * (high - low))
        top.set_ylabel("")
        top.set_title("The top, larger", loc="left")
        answer = "no minimal size" if size is None else f"{count(size)} parameters are enough"
        whole.set_title("All accuracies", loc="left")
        looks.title(figure, f"{looks.heading(key)}: {answer}")
        frame.legend(figure, [*looks.kind_handles(found, networks), *_handles(networks, certificate)])
        return png(figure)


def _draw(axes: Axes, networks: Sequence[Network], certificate: dict[str, Any], found: Kinds) -> None:
    """A panel without its limits on y."""
    looks.size_axis(axes, networks)
    left, right = axes.get_xlim()
    across = looks.across(networks)
    shaded = bands(networks)
    for place, (low, high, regime) in enumerate(shaded):
        edges = left if place == 0 else low, right if place == len(shaded) - 1 else high
        axes.axvspan(*edges, zorder=0, linewidth=0, **BANDS[regime])
    axes.axhline(_chance(networks), zorder=1, **CHANCE)
    target, size = finite(certificate.get("target")), finite(certificate.get("num_params"))
    if target is not None:
        axes.axhline(target, zorder=1, **TARGET)
    if size is not None:
        axes.axvline(size, zorder=1, **MINIMAL)
        ends = interval_of(certificate.get("interval"))
        if ends is not None:
            # A bracket at the foot of the panel, in front of everything, as wide as the interval.
            axes.plot(ends, (0.03, 0.03), transform=axes.get_xaxis_transform(), marker="|", markersize=9,
                      color=BLACK, linewidth=2.2, zorder=6)  # fmt: skip
    for value, group in found.split(networks).items():
        for shape in looks.shapes(group):
            drawn = [network for network in group if looks.shape_of(network) == shape]
            sizes = [across[network.point] for network in drawn]
            axes.plot(sizes, np.array([network.train for network in drawn], float), zorder=2, **TRAIN)
            look = looks.fill(found.look(value), shape)
            axes.errorbar(
                sizes,
                np.array([network.number("regimes", "mean") for network in drawn], float),
                yerr=[network.number("regimes", "sigma") or 0.0 for network in drawn],
                elinewidth=0.8,
                capsize=1.5,
                markersize=5 if len(networks) < 200 else 3.5,
                zorder=3,
                **look,
            )
    looks.accuracy_axis(axes)


def _handles(networks: Sequence[Network], certificate: dict[str, Any]) -> list[Artist]:
    """The entries of the legend that are not of kinds of networks."""
    error: dict[str, Any] = {"color": "#444444", "marker": "|", "markersize": 9, "linestyle": "none"}
    handles: list[Artist] = [
        frame.handle("± 1 standard deviation over seeds", **error),
        frame.handle("training accuracy", **TRAIN),
    ]
    target, size = finite(certificate.get("target")), finite(certificate.get("num_params"))
    if target is not None:
        handles.append(frame.handle(f"target, {100 * target:.2f} %", **TARGET))
    handles.append(frame.handle(f"chance, {100 * _chance(networks):.1f} %", **CHANCE))
    ends = interval_of(certificate.get("interval"))
    if size is not None and ends is not None:
        label = f"minimal size; bar: {count(ends[0])} to {count(ends[1])} (95 %)"
        handles.append(frame.handle(label, **MINIMAL))
    present = {regime for _, _, regime in bands(networks)}
    return handles + [Patch(label=f"mostly {regime}", **look) for regime, look in BANDS.items() if regime in present]


def _chance(networks: Sequence[Network]) -> float:
    return float(networks[0].members[0]["chance"])
