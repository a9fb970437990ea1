"""How far a study climbs: the coarse sizes of each series from the smallest up, as far as larger networks gain.

A series has networks that differ in their size alone (one family, depth and shape). It begins with its three smallest
coarse sizes, and one more follows at a time. It ends

- where each of its last two sizes gains less than half the tolerance over the best smaller one of the series, once the
  series has left chance behind: larger networks are not trained then;
- where a target accuracy is asked for: where the next size is more than four times the smallest that reaches it;
- with its largest size.

Each series is judged by itself: a linear classifier that is better than the first networks with a hidden layer does not
end their climb.
"""

from __future__ import annotations

from collections.abc import Sequence

from minjax.findings.samples import Limits
from minjax.studies.order import series
from minjax.studies.points import Point

FIRST = 3  # sizes that a series begins with
LAST = 2  # sizes that have to gain
SPARE = 4  # times the smallest size that reaches a target: larger ones are not trained
RULE = "a series of networks ends where two sizes in succession gain less than half of study.tolerance"


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

    @property
    def next_size(self) -> int:
        """Parameters of the next networks."""
        return self._rungs[self.reached][0].num_params

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


def gains_no_more(accuracies: Sequence[float], chance: float, limits: Limits) -> bool:
    """Whether the last sizes of a series, given its accuracies by size, gain too little to go on."""
    if len(accuracies) <= LAST:
        return False
    before = max(accuracies[:-LAST])
    learned = before > chance + limits.margin
    return learned and max(accuracies[-LAST:]) - before < limits.tolerance / 2
