"""What a study answers, at the top of its page: tiles, the sentence, the families, the staircase, the envelope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from minjax.findings import screen, sentences, tables
from minjax.findings.samples import final_accuracy
from minjax.findings.words import capital, percent
from minjax.records.answer import Answer, Answers, Stair
from minjax.records.winner import Winner
from minjax.report.axes import accuracy_axis, short_count, size_axis
from minjax.report.drawing import (
    BLACK,
    BLUE,
    COLOURS,
    LONG_DASHES,
    RED,
    SKY,
    WIDTH,
    handle,
    legend,
    png,
    style,
    title,
)
from minjax.report.page import Block, Command, Details, Links, Note, Notes, Table, Tile
from minjax.report.study.kinds import MARKERS
from minjax.report.study.results import Network, Results, summary

LEAST_ERROR = 1e-3  # where an accuracy of 100 % is drawn
TARGET: dict[str, Any] = {"color": BLACK, "linewidth": 1.0, "linestyle": LONG_DASHES}
STAIRS: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 5, "linewidth": 1.6, "drawstyle": "steps-pre"}
BAND: dict[str, Any] = {"color": SKY, "alpha": 0.28, "linewidth": 0}
MISSED: dict[str, Any] = {"color": RED, "marker": "^", "markersize": 7, "linestyle": "none"}
ENVELOPE: dict[str, Any] = {"color": BLACK, "linewidth": 1.3, "drawstyle": "steps-post"}
WINNER: dict[str, Any] = {"color": "#F0E442", "marker": "*", "markersize": 13, "markeredgecolor": BLACK}
FRESH: dict[str, Any] = {"color": "white", "marker": "D", "markersize": 5, "markeredgecolor": BLACK}


def tiles(results: Results) -> list[Tile]:
    """The answers of a study; of several data sets the minimal size on each."""
    found = results.findings.answers
    if len(found) > 1:
        return [Tile(one.dataset, sentences.short(one.minimal), sentences.basis(one.minimal)) for one in found]
    (one,) = found
    shown = [_tile(one.minimal)]
    if one.minimal.question == "target":
        shown.append(_tile(one.near_best))
    shown.append(_tile(one.stable))
    best = one.most_accurate
    if best.network is not None and best.interval is not None:
        low, high = best.interval
        how = f"{sentences.named(best.network)}; 95 % interval {percent(low)} to {percent(high)}"
        shown.append(Tile("Most accurate", percent(best.network.accuracy), how))
    return shown


def _tile(found: Answer) -> Tile:
    names = {
        "target": f"Smallest that reaches {sentences.level(found)}" if found.question == "target" else "",
        "near_best": "Smallest as good as the best",
        "stable": "Smallest that trains stably",
    }
    return Tile(names[found.question], sentences.short(found), sentences.basis(found))


def opening(results: Results) -> list[Block]:
    """The answer, the families and what it rests on, for each data set; with the network handed over, if any."""
    winner = summary(results.studies[0]).winner if len(results.studies) == 1 else None
    if winner is not None:
        rests = Notes(sentences.details(results.findings.minimal))
        return [*_decided(results, winner), Details("What the answer rests on", [rests])]
    blocks: list[Block] = []
    for one in results.findings.answers:
        rows = tables.families(one, results.certificates)
        blocks += [
            sentences.headline(one),
            Table(tables.FAMILY_HEADINGS, rows, align="llrllll"),
            " ".join(sentences.details(one.minimal)),
        ]
    return blocks


def _decided(results: Results, winner: Winner) -> list[Block]:
    """What the console says of a study that hands over a network."""
    (study,), found = results.studies, results.findings
    rows = screen.tested(winner)
    return [
        " ".join(screen.decision(found, winner)),
        Table(tables.FAMILY_HEADINGS, tables.families(found, results.certificates), align="llrllll"),
        " ".join([*screen.accuracies(found, winner), *screen.costs(winner)]),
        Table(screen.TESTED_HEADINGS, rows, align="ll" + "r" * (len(rows[0]) - 2)),
        Notes([f"{capital(note)}." for note in winner.notes]),
        *(block for step in screen.steps(summary(study), study.path, study.config) for block in _step(*step)),
        Links(_pages(winner)),
    ]


def _step(name: str, command: str) -> tuple[Block, Block]:
    return Note(f"{capital(name)}:"), Command(command)


def _pages(winner: Winner) -> list[tuple[str, str]]:
    """The pages of the winner's run and of its compression."""
    found = [("the winner's own page", f"../{winner.path}/report/index.html")]
    if winner.packed is not None:
        found.append(("how far it can be compressed", f"../{winner.path}/compressed/report/index.html"))
    return found


def stairs_table(results: Results) -> list[Table]:
    """The staircase of each data set as a table."""
    several = len(results.findings.answers) > 1
    return [
        Table(
            tables.STAIR_HEADINGS,
            tables.stairs(one.staircase),
            align="rrllll",
            caption=one.dataset if several else "",
        )
        for one in results.findings.answers
        if one.staircase
    ]


def stairs_pictures(results: Results) -> list[bytes]:
    """Parameters over required accuracy, a picture for each data set."""
    return [_stairs(one) for one in results.findings.answers if one.staircase]


def _stairs(found: Answers) -> bytes:
    with style():
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        axes = figure.subplots()
        grid = found.minimal.grid
        axes.set_yscale("log")
        low, high = grid[0] / 1.5, grid[-1] * 1.8
        axes.set_ylim(low, high)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
        axes.set_ylabel("learnable parameters (logarithmic)")
        _error_axis(axes, found.staircase)
        axes.set_xlabel(f"required {_measured(found)} (%), logarithmic in the error")
        places = [_error(stair) for stair in found.staircase]
        ends = [(low if a is None and b is not None else a, b) for a, b in (one.interval for one in found.staircase)]
        lower = [high if a is None else a for a, _ in ends]
        upper = [high if b is None else b for _, b in ends]
        axes.fill_between(places, lower, upper, step="pre", **BAND)
        reached = [(at, one.num_params) for at, one in zip(places, found.staircase, strict=True) if one.num_params]
        if reached:
            axes.plot(*zip(*reached, strict=True), **STAIRS)
        missed = [at for at, one in zip(places, found.staircase, strict=True) if one.num_params is None]
        axes.plot(missed, [high / 1.12] * len(missed), **MISSED)
        handles = [
            handle("smallest network found that reaches the accuracy", **STAIRS),
            handle("95 % interval; at the upper edge, beyond the grid", color=SKY, alpha=0.4, linewidth=7),
        ]
        if missed:
            handles.append(handle("no network of the grid reaches it", **MISSED))
        if found.minimal.question == "target" and found.minimal.level is not None:
            axes.axvline(max(1 - found.minimal.level, LEAST_ERROR), zorder=1, **TARGET)
            handles.append(handle(f"the target, {sentences.level(found.minimal)}", **TARGET))
        title(figure, f"Parameters that an accuracy takes on {found.dataset}")
        legend(figure, handles)
        return png(figure)


def _measured(found: Answers) -> str:
    """'validation accuracy'."""
    return f"{found.minimal.selection} {sentences.METRICS[found.minimal.metric]}"


def _error(stair: Stair) -> float:
    return max(1 - stair.accuracy, LEAST_ERROR)


def _error_axis(axes: Axes, stairs: Sequence[Stair]) -> None:
    """Required accuracy on x, logarithmic in the error: the last points are the dear ones."""
    places = [_error(stair) for stair in stairs]
    axes.set_xscale("log")
    axes.set_xlim(max(places) * 1.12, min(places) / 1.12)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, [f"{100 * stair.accuracy:.4g}" for stair in stairs])


def envelope_pictures(results: Results) -> list[bytes]:
    """Every candidate and the best of each size, a picture for each data set."""
    return [
        _envelope(one, [network for network in results.networks if network.key[0] == one.dataset])
        for one in results.findings.answers
    ]


def _envelope(found: Answers, networks: Sequence[Network]) -> bytes:
    known = [(network, mean) for network in networks if (mean := _mean(network)) is not None]
    with style():
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        whole, top = figure.subplots(1, 2)
        handles = []
        names = sorted({network.key[1] for network, _ in known})
        for axes in (whole, top):
            size_axis(axes, [network.num_params for network, _ in known])
            for place, name in enumerate(names):
                look = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
                own = [(network.num_params, mean) for network, mean in known if network.key[1] == name]
                axes.plot(*zip(*own, strict=True), markersize=4, alpha=0.6, linestyle="none", **look)
                if axes is whole:
                    handles.append(handle(f"{name}: one network, mean over its seeds", linestyle="none", **look))
            _steps(axes, found)
            accuracy_axis(axes, _measured(found))
        whole.set_ylim(-0.02, 1.04)
        whole.set_title("All accuracies", loc="left")
        highest = max(step.accuracy for step in found.envelope)
        least = min(found.minimal.level or highest, highest) - 0.06
        top.set_ylim(least, highest + 0.1 * (highest - least))
        top.set_ylabel("")
        top.set_title("The top, enlarged", loc="left")
        handles.append(handle("the best with at most so many parameters, as chosen", **ENVELOPE))
        if any(step.fresh_accuracy is not None for step in found.envelope):
            handles.append(handle("the same network with fresh seeds", linestyle="none", **FRESH))
        if found.minimal.winner is not None:
            handles.append(handle("the answer", linestyle="none", **WINNER))
        if found.minimal.level is not None:
            handles.append(handle(f"to be reached, {sentences.level(found.minimal)}", **TARGET))
        title(figure, f"Every network that was trained on {found.dataset}")
        legend(figure, handles)
        return png(figure)


def _steps(axes: Axes, found: Answers) -> None:
    """The envelope up to the right edge, fresh accuracies, the answer and its level."""
    left, right = axes.get_xlim()
    sizes = [max(step.num_params, left) for step in found.envelope]
    heights = [step.accuracy for step in found.envelope]
    axes.plot([*sizes, right], [*heights, heights[-1]], zorder=3, **ENVELOPE)
    fresh = [(step.num_params, step.fresh_accuracy) for step in found.envelope if step.fresh_accuracy is not None]
    if fresh:
        axes.plot(*zip(*fresh, strict=True), linestyle="none", zorder=5, **FRESH)
    if found.minimal.level is not None:
        axes.axhline(found.minimal.level, zorder=1, **TARGET)
    winner = found.minimal.winner
    if winner is not None:
        axes.plot([winner.num_params], [winner.accuracy], linestyle="none", zorder=6, **WINNER)


def _mean(network: Network) -> float | None:
    """Accuracy over the seeds that networks are chosen by, one that diverged counting as guessing; None: all failed."""
    found = [final_accuracy(member) for member in network.members if member.status != "failed" and not member.fresh]
    return float(np.mean(found)) if found else None
