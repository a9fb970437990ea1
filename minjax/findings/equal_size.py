"""Is a pruned large network better than a small dense one of as many nonzero weights? Paper 1 leaves this open.

Each way of pruning crosses a size between two measured amounts, the last above and the first below it. Which two these
are follows from counting weights and not from accuracy, so nothing is selected on the test split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

import numpy as np

from minjax.findings.intervals import Estimate, share_difference
from minjax.findings.intervals import difference as difference_of_means
from minjax.findings.words import count, percent, plural
from minjax.findings.words import points as in_points
from minjax.records.compression import TRAINED, Measurement

MILLION = 1_000_000  # "a good accuracy with less than 1M parameters" is what paper 1 aims at
CURVES = ("pruning", "rounds")
UNTRIED = "Training after pruning was not tried."


@dataclass(frozen=True)
class Way:
    """A way of pruning.

    Attributes:
        method: its name.
        exclude: patterns of the leaves that it spares.
        batch_norm: whose statistics.
        series: how it is trained again, such as one_shot or iterative; None: not at all.
    """

    method: str
    exclude: tuple[str, ...] = ()
    batch_norm: str = TRAINED
    series: str | None = None

    @property
    def retrained(self) -> bool:
        """Whether weights are trained after pruning."""
        return self.series is not None


@dataclass(frozen=True)
class Pruned:
    """A network pruned in one way to one amount, over seeds.

    Attributes:
        amount: fraction of the prunable weights, or the sparsity after a round.
        nonzero: weights that are not zero, mean over seeds.
        accuracies: on all test images, one for each seed.
    """

    amount: float
    nonzero: float
    accuracies: tuple[float, ...]


@dataclass(frozen=True)
class Crossing:
    """Where a way of pruning crosses a size.

    Attributes:
        way: of pruning.
        above: the last measured amount at which more weights are left; None: none was measured.
        below: the first at which fewer are; None: it was not pruned so far.
    """

    way: Way
    above: Pruned | None
    below: Pruned | None


@dataclass(frozen=True)
class Comparison:
    """A pruned large network beside a small dense one.

    Attributes:
        difference: accuracy of the pruned one less that of the dense one, with its 95 % interval.
        over: what the interval is over: seeds, where both have several; else test images, seeds not counted.
        outcome: "better" or "worse" where the interval leaves out zero.
    """

    difference: Estimate
    over: Literal["seeds", "images"]
    outcome: Literal["better", "worse", "no difference found"]


def curves(seeds: Sequence[Iterable[Measurement]]) -> dict[Way, list[Pruned]]:
    """The accuracy of each way of pruning over the amounts, largest network first; amounts that every seed has.

    Args:
        seeds: for each seed the measurements of its network; only those on all test images count, of networks that
            were pruned as a whole and not quantized.
    """
    by_seed = [_by_way(lines) for lines in seeds]
    ways = [way for way in by_seed[0] if all(way in other for other in by_seed)] if by_seed else []
    found: dict[Way, list[Pruned]] = {}
    for way in ways:
        amounts = [amount for amount in by_seed[0][way] if all(amount in other[way] for other in by_seed)]
        lines = {amount: [other[way][amount] for other in by_seed] for amount in amounts}
        found[way] = sorted(
            (
                Pruned(amount, mean(line.nonzero for line in alike), tuple(line.accuracy for line in alike))
                for amount, alike in lines.items()
            ),
            key=lambda point: -point.nonzero,
        )
    return found


def _by_way(lines: Iterable[Measurement]) -> dict[Way, dict[float, Measurement]]:
    found: dict[Way, dict[float, Measurement]] = {}
    for line in lines:
        whole = line.split == "test" and line.images is None and line.layer is None
        if line.curve in CURVES and whole and line.method and line.bits is None and line.activation_bits is None:
            way = Way(line.method, line.exclude, line.batch_norm, line.series)
            amount = line.amount if line.series is None else line.sparsity
            found.setdefault(way, {})[round(amount or 0.0, 6)] = line
    return found


def crossings(found: Mapping[Way, Sequence[Pruned]], limit: float) -> list[Crossing]:
    """Where each way of pruning falls below `limit` weights."""
    return [
        Crossing(
            way,
            next((point for point in reversed(points) if point.nonzero >= limit), None),
            next((point for point in points if point.nonzero < limit), None),
        )
        for way, points in found.items()
    ]


def compare(pruned: Sequence[float], dense: Sequence[float], images: int) -> Comparison:
    """The accuracy of a pruned network beside a dense one's.

    Args:
        pruned, dense: one for each seed.
        images: that each was measured on.
    """
    if len(pruned) > 1 and len(dense) > 1:
        difference = difference_of_means(np.array(pruned), np.array(dense))
        over: Literal["seeds", "images"] = "seeds"
    else:
        difference = share_difference(mean(pruned), images, mean(dense), images)
        over = "images"
    if difference.low <= 0 <= difference.high:
        return Comparison(difference, over, "no difference found")
    return Comparison(difference, over, "better" if difference.value > 0 else "worse")


def answer(found: Sequence[tuple[Crossing, Comparison | None]], large: str, small: str, limit: float) -> str:
    """The answer in a sentence or two.

    Args:
        found: the crossings of the large network, each beside the small dense one; None where it has no network below
            the size.
        large, small: names of the networks.
        limit: the size, in nonzero weights.
    """
    known = [
        (crossing, compared) for crossing, compared in found if crossing.below is not None and compared is not None
    ]
    if not known:
        return f"No pruned {large} has fewer than {count(limit)} nonzero weights, so the question is open."
    crossing, compared = max(known, key=lambda pair: pair[1].difference.value)
    assert crossing.below is not None
    again = f"trained again, {crossing.way.series}" if crossing.way.retrained else "without training afterwards"
    how = again if crossing.way.batch_norm == TRAINED else f"batch norm {crossing.way.batch_norm}, {again}"
    by = in_points(abs(compared.difference.value)) + (" more" if compared.difference.value > 0 else " less")
    low, high = (100 * end for end in compared.difference.interval)
    verdict = {
        "better": f"Yes: pruned {large} is better than dense {small}.",
        "worse": f"No: in every way that was measured, pruned {large} is worse than dense {small}.",
        "no difference found": f"Not decided: the best pruned {large} and dense {small} differ within noise.",
    }[compared.outcome]
    seeds = plural(len(crossing.below.accuracies), "seed")
    noise = "" if compared.over == "seeds" else "; over test images, which leaves out how much seeds differ"
    retrained = any(crossing.way.retrained for crossing, _ in known)
    untried = "" if retrained else f" {UNTRIED}"
    what = f"{crossing.way.method} at {percent(crossing.below.amount, 0)}, {how}; {seeds}"
    return (
        f"{verdict} The best of them ({what}) has {count(crossing.below.nonzero)} nonzero weights and "
        f"{percent(mean(crossing.below.accuracies))}, {by} (95 % interval {low:+.2f} to {high:+.2f} points{noise})."
        f"{untried}"
    )
