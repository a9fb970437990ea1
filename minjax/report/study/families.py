"""Families, or data sets, side by side at similar size: what claims 1 and 7 are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minjax.report.axes import accuracy_axis, size_axis
from minjax.report.drawing import WIDTH, grey_handle, handle, legend, line_style, png, shown, style
from minjax.report.formats import shorten
from minjax.report.study.kinds import MARKERS, heading
from minjax.report.study.results import Key, Network, Results

PANELS = 2  # beside each other
LINE = 60  # points on a line
NEAR = 1.5  # a line is the median of the networks within this factor of a size
Groups = Mapping[Key, Sequence[Network]]


def pictures(results: Results) -> list[bytes]:
    """A panel for each data set with several families, then one for each family on several data sets; two per picture.

    Where no two groups share either, all are in one panel; nothing where there is one family on one data set.
    """
    groups = {key: [network for network in group if network.regime] for key, group in results.groups().items()}
    groups = {key: group for key, group in groups.items() if group}
    if len(groups) < 2:
        return []
    sets, names = list(dict.fromkeys(key[0] for key in groups)), list(dict.fromkeys(key[1] for key in groups))
    panels = [{key: groups[key] for key in groups if key[0] == one} for one in sets]
    panels = [panel for panel in panels if len(panel) > 1]
    panels += [{key: groups[key] for key in groups if key[1] == one} for one in names if len(sets) > 1]
    panels = [panel for panel in panels if len(panel) > 1] or [groups]
    looks = {key: line_style(place) | {"marker": MARKERS[place % len(MARKERS)]} for place, key in enumerate(groups)}
    return [_picture(panels[first : first + PANELS], looks, results) for first in range(0, len(panels), PANELS)]


def _picture(panels: Sequence[Groups], looks: Mapping[Key, dict[str, Any]], results: Results) -> bytes:
    with style():
        figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
        for axes, groups in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _panel(axes, groups, looks, results)
        drawn = dict.fromkeys(key for groups in panels for key in groups)
        handles = [handle(heading(key), markersize=5, linewidth=1.2, **looks[key]) for key in drawn]
        handles.append(grey_handle(f"one network; line: median of those within a factor of {NEAR}", marker="."))
        handles.append(grey_handle("minimal size (at the foot of the panel)", marker="|", markersize=9))
        legend(figure, handles)
        return png(figure)


def _panel(axes: Axes, groups: Groups, looks: Mapping[Key, dict[str, Any]], results: Results) -> None:
    size_axis(axes, [network.num_params for group in groups.values() for network in group])
    for place, (key, group) in enumerate(groups.items()):
        sizes = np.array([network.num_params for network in group], float)
        means = np.array([network.regime.mean for network in group if network.regime], float)
        axes.plot(sizes, means, markersize=3.5, alpha=0.45, markeredgewidth=0, **(looks[key] | {"linestyle": "none"}))
        places = np.geomspace(sizes.min(), sizes.max(), LINE)  # not at the sizes: some differ by a few parameters
        near = [means[np.abs(np.log(sizes / one)) <= np.log(NEAR) + 1e-9] for one in places]
        line = [(at, np.median(values)) for at, values in zip(places, near, strict=True) if len(values)]
        axes.plot(*zip(*line, strict=True), linewidth=1.2, **(looks[key] | {"marker": ""}))
        answer = results.minimal(key)
        if answer and answer.num_params is not None:
            size, colour = answer.num_params, looks[key]["color"]
            foot: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "color": colour, "zorder": 6}
            height = 0.06 + 0.05 * place  # a different one for each family: minimal sizes may be the same
            axes.plot([size, size], [0, height], linewidth=1.6, **foot)
            axes.plot([size], [height], markersize=7, markeredgecolor="black", marker=looks[key]["marker"], **foot)
    axes.set_ylim(-0.02, 1.04)
    accuracy_axis(axes, results.networks[0].measured)
    sets, names = {key[0] for key in groups}, {key[1] for key in groups}
    name = next(iter(sets)) if len(sets) == 1 else next(iter(names)) if len(names) == 1 else "All"
    axes.set_title(shown(shorten(name, 40)), loc="left", parse_math=False)
