"""Families, or data sets, side by side at like size: what claims 1 and 7 are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minjax.report.compression import frame
from minjax.report.formats import finite, shorten
from minjax.report.plots import STYLE, png
from minjax.report.study import looks
from minjax.report.study.evidence import Evidence, Key, Network
from minjax.report.study.looks import MARKERS, WIDTH

PANELS = 2  # beside each other
LINE = 60  # places of a line


def pictures(evidence: Evidence) -> list[bytes]:
    """A panel a data set with several families, then a panel a family on several data sets; two panels a picture.

    Where no two groups share either, all are in one panel; nothing where there is one family on one data set.
    """
    groups = {
        key: [network for network in group if network.regime is not None] for key, group in evidence.groups().items()
    }
    groups = {key: group for key, group in groups.items() if group}
    sets, names = list(dict.fromkeys(key[0] for key in groups)), list(dict.fromkeys(key[1] for key in groups))
    if len(groups) < 2:
        return []
    panels = [{key: groups[key] for key in groups if key[0] == one} for one in sets]
    panels = [panel for panel in panels if len(panel) > 1]
    panels += [{key: groups[key] for key in groups if key[1] == one} for one in names if len(sets) > 1]
    panels = [panel for panel in panels if len(panel) > 1] or [groups]
    look = {
        key: looks.plain_look(place) | {"marker": MARKERS[place % len(MARKERS)]} for place, key in enumerate(groups)
    }
    return [_picture(panels[first : first + PANELS], look, evidence) for first in range(0, len(panels), PANELS)]


def _picture(panels: Sequence[dict[Key, list[Network]]], look: dict[Key, dict[str, Any]], evidence: Evidence) -> bytes:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
        for axes, groups in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _panel(axes, groups, look, evidence)
        shown = dict.fromkeys(key for groups in panels for key in groups)
        handles = [frame.handle(looks.heading(key), markersize=5, linewidth=1.2, **look[key]) for key in shown]
        grey: dict[str, Any] = {"color": "#444444", "linestyle": "none"}
        handles.append(frame.handle("one network; line: median of those within a factor of 1.5", marker=".", **grey))
        handles.append(frame.handle("minimal size (at the foot of the panel)", marker="|", markersize=9, **grey))
        frame.legend(figure, handles)
        return png(figure)


def _panel(axes: Axes, groups: dict[Key, list[Network]], look: dict[Key, dict[str, Any]], evidence: Evidence) -> None:
    looks.size_axis(axes, [network for group in groups.values() for network in group])
    for place, (key, group) in enumerate(groups.items()):
        sizes = np.array([network.num_params for network in group], float)
        means = np.array([network.number("regimes", "mean") for network in group], float)
        axes.plot(sizes, means, markersize=3.5, alpha=0.45, markeredgewidth=0, **(look[key] | {"linestyle": "none"}))
        places = np.geomspace(sizes.min(), sizes.max(), LINE)  # not at the sizes: some differ by a few parameters
        near = [means[np.abs(np.log(sizes / one)) <= np.log(1.5) + 1e-9] for one in places]
        line = [(place, np.median(values)) for place, values in zip(places, near, strict=True) if len(values)]
        axes.plot(*zip(*line, strict=True), linewidth=1.2, **(look[key] | {"marker": ""}))
        size = finite(evidence.certificate(key).get("num_params"))
        if size is not None:
            foot: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "color": look[key]["color"], "zorder": 6}
            height = 0.06 + 0.05 * place  # of each family another: minimal sizes may be the same
            axes.plot([size, size], [0, height], linewidth=1.6, **foot)
            axes.plot([size], [height], markersize=7, markeredgecolor="black", marker=look[key]["marker"], **foot)
    axes.set_ylim(-0.02, 1.04)
    looks.accuracy_axis(axes)
    sets, names = {key[0] for key in groups}, {key[1] for key in groups}
    title = next(iter(sets)) if len(sets) == 1 else next(iter(names)) if len(names) == 1 else "All"
    axes.set_title(frame.shown(shorten(title, 40)), loc="left", parse_math=False)
