"""What the pictures share: how networks of one depth look, the axis over sizes, accuracies in percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator, PercentFormatter

from minjax.report.compression import frame
from minjax.report.formats import count, plain, shorten
from minjax.report.plots import COLOURS, DASHES
from minjax.report.study.evidence import Key, Network

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
FILLS = {"equal": "full", "decreasing": "left", "increasing": "right"}  # a half is filled where a shape is not equal
MOST_KINDS = len(MARKERS)
WIDTH = 10.4  # inches, of every picture


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

    def look(self, value: str) -> dict[str, Any]:
        """Colour and marker, told apart without the colour too."""
        place = self.values.index(value)
        return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


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


def fill(look: dict[str, Any], shape: str) -> dict[str, Any]:
    """The look of markers of a shape: full, or a half of it."""
    return look | {
        "linestyle": "none",
        "fillstyle": FILLS[shape],
        "markerfacecoloralt": "white",
        "markeredgecolor": look["color"],
        "markeredgewidth": 0.8,
    }


def kind_handles(found: Kinds, networks: Sequence[Network]) -> list[Line2D]:
    """The entries of a legend for kinds and shapes; none for what does not differ."""
    present = found.split(networks)
    handles = [
        frame.handle(found.title(value), markersize=6, **fill(found.look(value), "equal"))
        for value in present
        if found.label
    ]
    if len(shapes(networks)) > 1:
        look = {"color": "#444444", "marker": "o"}
        handles += [frame.handle(f"shape {shape}", markersize=6, **fill(look, shape)) for shape in shapes(networks)]
    return handles


def plain_look(place: int) -> dict[str, Any]:
    """Colour and dash of a line by its place."""
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}


def heading(key: Key) -> str:
    """'dnn on digits', as the font can draw it."""
    return frame.shown(shorten(f"{key[1]} on {key[0]}", 60))


def title(figure: Figure, text: str) -> None:
    """What a whole picture is of, above its panels."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, parse_math=False)


def size_axis(axes: Axes, networks: Sequence[Network]) -> None:
    """Learnable parameters on x, logarithmic, with a margin on both sides."""
    sizes = [network.num_params for network in networks]
    axes.set_xscale("log")
    axes.set_xlim(*limits(sizes))
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if max(sizes) > 100 * min(sizes) else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("learnable parameters (logarithmic)")
    if len(set(sizes)) == 1:
        axes.xaxis.set_major_locator(NullLocator())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(f"all have {count(sizes[0])} learnable parameters; set apart to be seen")


def across(networks: Sequence[Network]) -> dict[str, float]:
    """Point -> where it stands on the axis over sizes: at its size; where all are of one size, beside one another."""
    sizes = {network.num_params for network in networks}
    if len(sizes) > 1:
        return {network.point: float(network.num_params) for network in networks}
    low, high = np.log(limits(list(sizes)))
    places = np.exp(np.linspace(low, high, len(networks) + 2)[1:-1])
    return {network.point: float(place) for network, place in zip(networks, places, strict=True)}


def limits(sizes: Sequence[int]) -> tuple[float, float]:
    """The ends of the axis over sizes; of a single size there is something on both sides too."""
    margin = max((max(sizes) / min(sizes)) ** 0.04, 1.25)
    return min(sizes) / margin, max(sizes) * margin


def short_count(value: float) -> str:
    """1500 -> '1,500'; 20000 -> '20 k'; 3e6 -> '3 M'."""
    for unit, name in ((1e6, " M"), (1e4, " k")):
        if value >= unit:
            return f"{value / (1e6 if unit == 1e6 else 1e3):,.4g}{name}"
    return f"{value:,.4g}"


def accuracy_axis(axes: Axes, label: str = "test accuracy") -> None:
    """Percent on y."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=None))
    axes.set_ylabel(label)


def spread(networks: Sequence[Network], most: int) -> list[Network]:
    """At most so many of the networks, from the smallest to the largest, spread evenly over log size."""
    ordered = sorted(networks, key=lambda network: (network.num_params, network.name))
    if len(ordered) <= most:
        return ordered
    logs = np.log([network.num_params for network in ordered])
    places = [int(np.abs(logs - at).argmin()) for at in np.linspace(logs[0], logs[-1], most)]
    return [ordered[place] for place in sorted({*places, len(ordered) - 1})]
