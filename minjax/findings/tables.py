"""Answers as rows of cells, which the console and the page set as tables: families, parameters over accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from minjax.findings.sentences import accuracy, named
from minjax.findings.words import count, percent, span
from minjax.records.answer import Answer, Answers, Stair
from minjax.records.finding import Certificate

FAMILY_HEADINGS = ("family", "network", "parameters", "95 % interval", "accuracy", "seeds that reach it", "best found")


def families(found: Answers, certificates: Sequence[Certificate]) -> list[tuple[str, ...]]:
    """A row of cells for each family on the data set, under `FAMILY_HEADINGS`; the winner's row comes first, marked."""
    own = [one for one in certificates if one.dataset == found.dataset]
    rows = [_family("→ all families", found.minimal)] if len(own) > 1 else []
    rows += [_family(one.family if len(own) > 1 else f"→ {one.family}", one.minimal) for one in own]
    return rows


def _family(name: str, found: Answer) -> tuple[str, ...]:
    best = f"{percent(found.best.accuracy)}, {named(found.best)}"
    one = found.winner
    if one is None:
        return (name, "none" if found.question != "target" else "not reached", "", span(found.interval), "", "", best)
    reached = "" if one.reached is None else f"{one.reached} of {one.seeds}"
    return (name, named(one), count(one.num_params), span(found.interval), accuracy(one), reached, best)


STAIR_HEADINGS = ("accuracy", "parameters", "95 % interval", "network", "its accuracy", "seeds that reach it")


def stairs(found: Sequence[Stair]) -> list[tuple[str, ...]]:
    """A row of cells for each required accuracy, under `STAIR_HEADINGS`; only the highest of those that take the same.

    What is the same is the size, its interval and the network.
    """
    rows: list[tuple[str, ...]] = []
    for stair, after in zip(found, [*found[1:], None], strict=True):
        if after is not None and (stair.interval, stair.winner and stair.winner.point) == (
            after.interval,
            after.winner and after.winner.point,
        ):
            continue
        one, required = stair.winner, f"{100 * stair.accuracy:.4g} %"
        if one is None:
            rows.append((required, "not reached", span(stair.interval), "", f"best {percent(stair.best.accuracy)}", ""))
        else:
            reached = f"{one.reached} of {one.seeds}"
            rows.append((required, count(one.num_params), span(stair.interval), named(one), accuracy(one), reached))
    return rows
