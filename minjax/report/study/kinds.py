"""How pictures tell networks apart: colour and marker by depth (or another label), half-filled markers by shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from minjax.report.axes import size_limits
from minjax.report.drawing import COLOURS, GREY, handle
from minjax.report.formats import plain, shorten
from minjax.report.study.results import Key, Network

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
FILLS = {"equal": "full", "decreasing": "left", "increasing": "right"}  # half a marker is filled where widths differ
MOST_KINDS = len(MARKERS)


@dataclass(frozen=True)
class Kinds:
    """What tells the networks of a page apart beside their size: their depth, or another label of the grid.

    Attributes:
        label: its name; empty where all look alike.
        values: as text, in order.
    """

    label: str
    values: tuple[str, ...]

    def of(self, network: Network) -> str:
        """The network's kind."""
        if not self.label:
            return ""
        value = network.depth if self.label == "depth" else network.labels.get(self.label)
        return "no depth" if value is None and self.label == "depth" else plain(value)

    def split(self, networks: Sequence[Network]) -> dict[str, list[Network]]:
        """The networks by kind, in the order of the kinds, without empty ones."""
        groups = {value: [n for n in networks if self.of(n) == value] for value in self.values}
        return {value: group for value, group in groups.items() if group}

    def title(self, value: str) -> str:
        """'depth 2'."""
        return shorten(f"{self.label} {value}" if value != "no depth" else value, 30) if self.label else ""

    def style(self, value: str) -> dict[str, Any]:
        """Colour and marker, told apart without the colour too."""
        place = self.values.index(value)
        return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}

    def handles(self, networks: Sequence[Network]) -> list[Line2D]:
        """The entries of a legend for kinds and shapes; none for what does not differ."""
        handles = [
            handle(self.title(value), markersize=6, **filled(self.style(value), "equal"))
            for value in self.split(networks)
            if self.label
        ]
        if len(shapes(networks)) > 1:
            look = {"color": GREY, "marker": "o"}
            handles += [handle(f"shape {shape}", markersize=6, **filled(look, shape)) for shape in shapes(networks)]
        return handles


def kinds(networks: Sequence[Network]) -> Kinds:
    """By depth where any network has one; else by the first label that takes few values; else all alike."""
    depths = {network.depth for network in networks} - {None}
    if depths and len(depths) <= MOST_KINDS - 1:
        values = [str(depth) for depth in sorted(depth for depth in depths if depth is not None)]
        return Kinds("depth", (*values, *(["no depth"] if any(n.depth is None for n in networks) else ())))
    for label in dict.fromkeys(label for network in networks for label in network.labels):
        found = {plain(network.labels.get(label)): network.labels.get(label) for network in networks}
        if 2 <= len(found) <= MOST_KINDS and label not in ("depth", "shape"):
            return Kinds(label, tuple(sorted(found, key=lambda text: (_number(found[text]), text))))
    return Kinds("", ("",))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def shapes(networks: Sequence[Network]) -> list[str]:
    """The shapes among the networks, equal first; only "equal" where the grid has no such label."""
    return [shape for shape in FILLS if any(shape_of(network) == shape for network in networks)]


def shape_of(network: Network) -> str:
    """One of `FILLS`, by the widths where there are any."""
    shape = "equal" if network.equal else network.labels.get("shape", "equal")
    return shape if shape in FILLS else "equal"


def filled(look: dict[str, Any], shape: str) -> dict[str, Any]:
    """The style of markers of a shape: filled, or half of it."""
    return look | {
        "linestyle": "none",
        "fillstyle": FILLS[shape],
        "markerfacecoloralt": "white",
        "markeredgecolor": look["color"],
        "markeredgewidth": 0.8,
    }


def across(networks: Sequence[Network]) -> dict[str, float]:
    """Point -> its place on the axis over sizes: its size; where all have one size, places side by side."""
    sizes = {network.num_params for network in networks}
    if len(sizes) > 1:
        return {network.point: float(network.num_params) for network in networks}
    low, high = np.log(size_limits(list(sizes)))
    places = np.exp(np.linspace(low, high, len(networks) + 2)[1:-1])
    return {network.point: float(place) for network, place in zip(networks, places, strict=True)}


def heading(key: Key) -> str:
    """'dnn on digits'."""
    return shorten(f"{key[1]} on {key[0]}", 60)
