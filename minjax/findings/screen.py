"""A finished study on one screen: its families, the network to use, what that costs, and the commands that follow."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minjax.findings.sentences import (
    METRICS,
    answer,
    enough,
    interval,
    level,
    named,
    undecided,
)
from minjax.findings.tables import FAMILY_HEADINGS, families
from minjax.findings.words import capital, count, percent, plural
from minjax.records.compressed import ChosenFile, Scored
from minjax.records.finding import Findings
from minjax.records.record import Interval
from minjax.records.study import StudySummary
from minjax.records.winner import Finalist, Finish, Winner

ROLES: dict[Finish, str] = {
    "winner": "winner",
    "smaller": "best smaller network",
    "best": "best network",
    "same_size": "as small, not pruned",
    "linear": "linear classifier",
}
TESTED_HEADINGS = (
    "tested once",
    "network",
    "learning rate",
    "epochs",
    "parameters",
    "bytes",
    "validation",
    "test",
    "95 % interval",
)


def screen(summary: StudySummary, directory: Path | str, config: dict[str, Any]) -> list[str]:
    """The lines of a study that hands over a winner.

    Args:
        summary: of the study.
        directory: its directory, as commands name it.
        config: its configuration.
    """
    winner = summary.winner
    assert winner is not None
    rows = families(summary.findings, summary.findings.certificates)
    narrow = [(*row[:-1], row[-1].partition(",")[0]) for row in rows]  # the page names the best network too
    return [
        *columns([FAMILY_HEADINGS, *narrow]),
        "",
        *decision(summary.findings, winner),
        *accuracies(summary.findings, winner),
        *costs(winner),
        "",
        *columns([TESTED_HEADINGS, *tested(winner)]),
        *(f"Note: {note}." for note in winner.notes),
        "",
        *commands(summary, directory, config),
    ]


def decision(found: Findings, winner: Winner) -> list[str]:
    """The sentence that decides, which network to use and why; and what the data leave undecided."""
    minimal, best = found.minimal, found.most_accurate
    use = f"use {named(found.chosen)}, {count(winner.num_params)} parameters"
    if found.goal == "most_accurate" and best.network is not None and best.interval is not None:
        low, high = best.interval
        reason = f"the most accurate network within the limits, {percent(best.network.accuracy)}"
        said = [f"{capital(use)}: {reason} (95 % interval {percent(low)} to {percent(high)})."]
        others = plural(best.rivals, "other network")
        return said if best.decided else [*said, f"Undecided: {others} may be as accurate."]
    if minimal.winner is None:
        none = answer(minimal).removeprefix(f"{minimal.dataset}: ").removesuffix(".")
        return [f"{capital(none)}. For the best found, {use}."]
    said = [f"{capital(use)}: the smallest network that {enough(minimal)} ({interval(minimal)})."]
    return [*said, *undecided(minimal)]


def accuracies(found: Findings, winner: Winner) -> list[str]:
    """How accurate the network is over seeds, and how accurate the one that is handed over."""
    seeds, one = winner.over_seeds, found.chosen
    over = plural(seeds.seeds, "fresh seed" if seeds.fresh else "seed")
    mean = f"Over {over} its validation {METRICS[found.minimal.metric]} is {percent(seeds.accuracy)}"
    if seeds.interval is not None:
        mean += f" (95 % interval of the mean {_between(seeds.interval)})"
    if one.reached is not None and found.minimal.level is not None:
        mean += f"; {one.reached} of {plural(one.seeds, 'seed')} reach {level(found.minimal)}"
    test = winner.test
    return [
        f"{mean}.",
        f"The network handed over, the best of them, classifies {_share(winner.validation)} of its validation images "
        f"correctly, and {_share(test)} of the {count(test.images)} test images (95 % interval "
        f"{_between(test.interval)}).",
    ]


def costs(winner: Winner) -> list[str]:
    """What the winner takes, and its compressed file."""
    said = [
        f"It takes {count(winner.bytes)} bytes packed at {winner.bits} bits, {count(winner.macs)} multiply-adds per "
        f"image, and {count(winner.peak_ram_bytes)} bytes of RAM for activations at 8 bits."
    ]
    file = winner.compressed
    scored = None if file is None else file.validation
    if file is not None and scored is not None:
        kept = "" if file.keeps else ", which is less than was asked for"
        said.append(
            f"Compressed ({how(file)}), it takes {count(file.bytes)} bytes and classifies {_share(scored)} of its "
            f"validation images correctly{kept}: {winner.packed}"
        )
    return said


def how(file: ChosenFile) -> str:
    """'50 % pruned, 4 bits, trained again'."""
    pruned = f"{percent(file.amount, 0)} pruned, " if file.amount else ""
    bits = "float32" if file.bits is None else plural(file.bits, "bit")
    return f"{pruned}{bits}{', trained again' if file.retrained else ''}"


def tested(winner: Winner) -> list[tuple[str, ...]]:
    """A row of cells for each network that was tested and what it was tested as, under `TESTED_HEADINGS`; the
    compressed winner after the winner.
    """
    rows = [_row(ROLES[role], one) for one in winner.finalists for role in one.roles]
    file = winner.compressed
    if file is not None and file.validation is not None:
        cells = ("winner, compressed", how(file), "", "", "", count(file.bytes))
        rows.insert(1, (*cells, *_accuracies(file.validation, file.test)))
    return rows


def _row(role: str, one: Finalist) -> tuple[str, ...]:
    cells = (role, one.name, f"{one.learning_rate:.3g}", str(one.epochs), count(one.num_params), count(one.bytes))
    return (*cells, *_accuracies(one.validation, one.test))


def _accuracies(validation: Scored, test: Scored) -> tuple[str, str, str]:
    return _share(validation), _share(test), _between(test.interval)


def _share(one: Scored) -> str:
    """'95.31 %', with the mean over classes where that is what networks were chosen by."""
    return percent(one.accuracy) + ("" if one.balanced is None else f" ({percent(one.balanced)} balanced)")


def _between(interval: Interval) -> str:
    """'95.31 to 98.85 %'."""
    low, high = interval
    return f"{100 * low:.2f} to {percent(high)}"


def commands(summary: StudySummary, directory: Path | str, config: dict[str, Any]) -> list[str]:
    """What to do next, each with a command that can be copied."""
    rows = steps(summary, directory, config)
    return columns([*rows[:-1], ("the whole report", f"{directory}/report/index.html"), rows[-1]])


def steps(summary: StudySummary, directory: Path | str, config: dict[str, Any]) -> list[tuple[str, str]]:
    """What to do next, and the command for it; the last one trains the winner again."""
    assert summary.winner is not None
    program = "minjax" if summary.command.startswith("minjax ") else "python -m minjax"
    run, data = shlex.quote(str(directory)), config["dataset"]
    images = shlex.quote(data["path"]) if data["name"] == "folder" else "IMAGES"
    rows = [
        ("classify images", f"{program} predict {run} {images}"),
        ("write it for other runtimes", f"{program} export {run} --formats=safetensors,c"),
        ("train the winner again", summary.winner.command),
    ]
    if summary.winner.packed is not None:
        file = shlex.quote(f"{directory}/{summary.winner.packed}")
        rows.insert(1, ("with the compressed one", f"{program} predict {file} {images}"))
    return rows


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, the columns below one another; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_fitted(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _fitted(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.replace(",", "").isdigit() else cell.ljust(width)
