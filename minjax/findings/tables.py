"""Answers as rows of cells, which the console and the page set as tables: families, parameters over accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from minjax.findings.guidance import Advice
from minjax.findings.sentences import accuracy, named
from minjax.findings.staircase import distinct
from minjax.findings.words import count, percent, plural, span
from minjax.records.answer import Answer, Answers, Stair
from minjax.records.finding import Certificate, MinimalBits, Redundancy

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
    for stair in distinct(found):
        one, required = stair.winner, f"{100 * stair.accuracy:.4g} %"
        if one is None:
            rows.append((required, "not reached", span(stair.interval), "", f"best {percent(stair.best.accuracy)}", ""))
        else:
            reached = f"{one.reached} of {one.seeds}"
            rows.append((required, count(one.num_params), span(stair.interval), named(one), accuracy(one), reached))
    return rows


GUIDANCE_HEADINGS = (
    *("accuracy", "parameters", "95 % interval", "family", "depth", "network", "its accuracy"),
    *("bits per weight", "weights pruned", "smallest of other depths"),
)


def guidance(found: Sequence[Advice]) -> list[tuple[str, ...]]:
    """A row of cells for each required accuracy, under `GUIDANCE_HEADINGS`."""
    rows: list[tuple[str, ...]] = []
    for advice in found:
        stair, one = advice.stair, advice.stair.winner
        required = f"{100 * stair.accuracy:.4g} %"
        if one is None:
            best = f"best {percent(stair.best.accuracy)}"
            rows.append((required, "not reached", span(stair.interval), "", "", "", best, "", "", ""))
            continue
        others = [f"{depth}: {'none' if size is None else count(size)}" for depth, size in advice.others]
        rows.append(
            (
                *(required, count(one.num_params), span(stair.interval), str(advice.family)),
                "" if advice.depth is None else str(advice.depth),
                *(named(one), accuracy(one), _bits(advice), _pruned(advice), "; ".join(others)),
            )
        )
    return rows


def _bits(advice: Advice) -> str:
    if advice.bits is None:
        return "not measured"
    return f"{advice.enough_bits} (mean {advice.bits.bits:.1f}, {_seeds(advice.bits)})"


def _pruned(advice: Advice) -> str:
    one = advice.redundancy
    if one is None:
        return "not measured"
    ends = "" if one.interval is None else f"{100 * one.interval[0]:.0f} to {percent(one.interval[1], 0)}, "
    return f"{percent(one.redundancy, 0)} ({ends}{_seeds(one)})"


def _seeds(one: Redundancy | MinimalBits) -> str:
    return f"{one.seeds} of {plural(one.seeds + one.left_out, 'seed')}" if one.left_out else plural(one.seeds, "seed")
