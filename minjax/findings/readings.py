"""How an accuracy reads beside the one that paper 1 prints: what may be compared, and whether seeds explain the rest.

Paper 1 prints one run of one seed. So with its protocol and its data, the question is whether another seed of ours
could have given its figure: it is *within seed noise* where it lies in the interval in which one more seed is expected
(Student's, 95 %). Other data or another protocol answer before that: the difference then has a cause that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from minjax.findings.intervals import student_next
from minjax.findings.words import count, percent, plural
from minjax.records.table import Cell, Scale

Kind = Literal[
    "within seed noise",
    "beyond seed noise",
    "seed noise unknown",
    "other protocol",
    "other data",
    "no figure",
    "diverged",
    "not run",
]
MEANINGS: dict[Kind, str] = {
    "within seed noise": "the paper's data and protocol, and its figure lies where one more seed of ours is expected "
    "(Student's interval, 95 %)",
    "beyond seed noise": "the paper's data and protocol, and its figure lies outside that interval",
    "seed noise unknown": "the paper's data and protocol, but a single seed, which does not say how much seeds differ",
    "other protocol": "trained in another way than the paper's code trains, so the difference has a known cause",
    "other data": "trained on other images than the paper's; its figure is for orientation only",
    "no figure": "the paper prints none",
    "diverged": "the loss stopped being a finite number in every seed",
    "not run": "no seed has completed",
}


@dataclass(frozen=True)
class Reading:
    """What may be said of a measured accuracy beside a printed one.

    Attributes:
        kind: see `MEANINGS`.
        why: the reason, where there is more to say than `kind` and the departures do; no sentence.
        next_seed: where one more seed is expected, 95 %; None with fewer than two seeds.
    """

    kind: Kind
    why: str = ""
    next_seed: tuple[float, float] | None = None


def reading(
    values: Sequence[float],
    printed: float | None,
    *,
    other_data: bool = False,
    departs: bool = False,
    diverged: int = 0,
    reason: str = "",
) -> Reading:
    """How the accuracies of some seeds read beside a printed one.

    Args:
        values: maximum test accuracies of the seeds that completed, fractions.
        printed: the paper's figure; None: it has none.
        other_data: whether the data are not the paper's.
        departs: whether the protocol is not the paper's (`departures`).
        diverged: how many seeds diverged.
        reason: why no seed has completed.
    """
    if not values:
        seeds = "" if diverged < 2 else f"all {plural(diverged, 'seed')}"
        return Reading("diverged", seeds) if diverged else Reading("not run", reason)
    expected = student_next(np.array(values)) if len(values) > 1 else None
    lost = f"{plural(diverged, 'more seed')} diverged" if diverged else ""

    def found(kind: Kind, *why: str) -> Reading:
        return Reading(kind, "; ".join(filter(None, [*why, lost])), expected and expected.interval)

    if other_data:
        return found("other data")
    if printed is None:
        return found("no figure")
    if departs:
        return found("other protocol")
    if expected is None:
        return found("seed noise unknown", "one seed")
    interval = f"one more seed: {percent(expected.low)} to {percent(expected.high)}"
    inside = expected.low <= printed <= expected.high
    return found("within seed noise" if inside else "beyond seed noise", interval)


def departures(cell: Cell, published: Scale, *, num_params: int | None = None, papers: int | None = None) -> list[str]:
    """In what a cell's training is not the paper's, a phrase each, what matters most first.

    Args:
        cell: of a table.
        published: the scale at which the paper trained.
        num_params: parameters of the cell's network.
        papers: those of the paper's network of that name; None: not known.
    """
    phrases, scale = [], cell.scale
    if num_params is not None and papers is not None and num_params != papers:
        phrases.append(f"a network of {count(num_params)} parameters, not {count(papers)}")
    if scale.epochs != published.epochs:
        phrases.append(f"{plural(scale.epochs, 'epoch')}, not {published.epochs}")
    if scale.batch_size != published.batch_size:
        phrases.append(f"batch size {scale.batch_size}, not {published.batch_size}")
    if scale.limit_train is not None and scale.limit_train != published.limit_train:
        phrases.append(f"trained on {plural(scale.limit_train, 'image')} only")
    return [*phrases, *(cell.departures or [])]


def shared(phrases: Sequence[Sequence[str]]) -> list[str]:
    """The departures that all of several runs have, in the order of the first."""
    return [phrase for phrase in phrases[0] if all(phrase in others for others in phrases)] if phrases else []


def guesses(printed: float, classes: int) -> bool:
    """Whether a printed accuracy is that of guessing: the network did not learn."""
    return printed <= 1 / classes
