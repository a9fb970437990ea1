"""How far a study climbs: the coarse sizes of each series from the smallest up, as far as larger networks gain.

A series has networks that differ in their size alone (one family, depth and shape). It begins with its three smallest
coarse sizes, and one more follows at a time. It ends

- where four times the parameters gain less than half the tolerance, once the series has left chance behind;
- where a network of any series does better than each of its last two sizes, by more than the tolerance, with a quarter
  of the parameters or fewer: it may be overtaken far above, but it will not be the smallest;
- with its largest size.

Where a target accuracy is asked for, a series waits while its next size is more than twice the smallest that reaches
it: no larger network can be the answer, unless fresh seeds show that the smallest falls short after all.

Larger networks of a series that has ended or waits are not trained. A linear classifier that is better than the first
networks with a hidden layer does not end their climb: these have no more than a few times its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

from minjax.findings.samples import Limits
from minjax.studies.order import series
from minjax.studies.points import Point

FIRST = 3  # sizes that a series begins with
LAST = 2  # sizes that have to be overtaken
TIMES = 4  # the parameters
BEYOND = 2  # times the smallest size that reaches a target: larger networks are not trained


def rule(at_target: bool) -> str:
    """How far a climb goes, for people.

    Args:
        at_target: whether the smallest network at a target accuracy is looked for.
    """
    text = (
        "a series of networks ends where four times the parameters gain less than half of study.tolerance, or where a "
        "quarter of them does better"
    )
    beyond = (
        f"; after its first {FIRST} sizes it also waits at {BEYOND} times the parameters of the smallest network that "
        "reaches the target"
    )
    return text + beyond * at_target


class Ladder:
    """The coarse sizes of one series, ascending.

    Attributes:
        reached: how many of the sizes were asked for.
    """

    def __init__(self, points: Sequence[Point]):
        """Sort the points of one series by size."""
        by_size: dict[int, list[Point]] = {}
        for point in points:
            by_size.setdefault(point.num_params, []).append(point)
        self._rungs = [by_size[size] for size in sorted(by_size)]
        self.reached = 0

    @property
    def ended(self) -> bool:
        """Whether it has no size left."""
        return self.reached == len(self._rungs)

    def waits(self, reaching: int | None) -> bool:
        """Whether its next networks are too large to be the answer.

        Args:
            reaching: parameters of the smallest network that reaches the target; None: none does, or there is none.
        """
        begun = self.reached >= FIRST
        return begun and reaching is not None and self._rungs[self.reached][0].num_params > BEYOND * reaching

    def climb(self) -> list[Point]:
        """The networks to train next."""
        first, self.reached = self.reached, min(max(FIRST, self.reached + 1), len(self._rungs))
        return [point for rung in self._rungs[first : self.reached] for point in rung]

    @property
    def climbed(self) -> list[list[Point]]:
        """The networks asked for so far, by size."""
        return self._rungs[: self.reached]


def ladders(points: Sequence[Point]) -> list[Ladder]:
    """The ladders of a coarse grid, in the order of its points."""
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(series(point), []).append(point)
    return [Ladder(own) for own in found.values()]


def gains_no_more(sizes: Sequence[int], accuracies: Sequence[float], chance: float, limits: Limits) -> bool:
    """Whether four times the parameters gain too little to go on.

    Args:
        sizes: of a series, ascending.
        accuracies: of these.
        chance: accuracy of guessing.
        limits: `tolerance` and `margin` are used.
    """
    before = [accuracy for size, accuracy in zip(sizes, accuracies, strict=True) if TIMES * size <= sizes[-1]]
    best = max(before, default=0.0)
    return best > chance + limits.margin and max(accuracies[len(before) :]) - best < limits.tolerance / 2


def is_overtaken(
    sizes: Sequence[int], accuracies: Sequence[float], others: Sequence[tuple[int, float]], limits: Limits
) -> bool:
    """Whether networks with a quarter of the parameters do better than each of the last sizes of a series.

    Args:
        sizes: of the series, ascending.
        accuracies: of these.
        others: parameters and accuracy of all networks so far.
        limits: `tolerance` is used.
    """
    last = list(zip(sizes, accuracies, strict=True))[-LAST:]
    return len(last) == LAST and all(
        any(TIMES * other <= size and better > accuracy + limits.tolerance for other, better in others)
        for size, accuracy in last
    )


def why_it_ends(
    own: Sequence[tuple[int, float]], every: Sequence[tuple[int, float]], chance: float, limits: Limits
) -> str:
    """Why a series ends below its largest size; empty: it goes on.

    Args:
        own: parameters and accuracy of its networks, ascending.
        every: of all networks so far.
        chance: accuracy of guessing.
        limits: `tolerance` and `margin` are used.
    """
    sizes, accuracies = [size for size, _ in own], [accuracy for _, accuracy in own]
    if gains_no_more(sizes, accuracies, chance, limits):
        return f"four times the parameters gain less than {50 * limits.tolerance:g} points"
    if is_overtaken(sizes, accuracies, every, limits):
        return "networks with a quarter of the parameters do better"
    return ""
