"""The best accuracy reached with at most each number of parameters: a staircase of the best candidates.

Every step is the best of all shapes, families and hyperparameters up to its size; a bad network takes nothing away.
Always answering the commonest class needs no parameter and reaches chance: the first step. The accuracies are those of
the first-stage seeds, which chose the steps: the highest look better than they are, and what may be stated of a network
is `fresh`.
"""

from __future__ import annotations

import dataclasses
import math

from minjax.findings.candidates import Grid, measure
from minjax.findings.samples import LIMITS, Limits


@dataclasses.dataclass(frozen=True)
class Step:
    """A network that is better than every smaller one.

    Attributes:
        id: of the point; None for chance.
        num_params: its size; 0 for chance.
        accuracy: mean over the first-stage seeds.
        fresh: mean over the fresh seeds; None where there are none.
    """

    id: str | None
    num_params: int
    accuracy: float
    point: str
    hyperparameters: str
    family: str
    fresh: float | None


def best_of_each_size(grid: Grid, limits: Limits = LIMITS) -> tuple[Step, ...]:
    """The most accurate network of each size, smallest first."""
    measured = measure(grid, limits)
    best: dict[int, int] = {}
    for place, size in enumerate(measured.place):
        if size not in best or measured.first[place] > measured.first[best[size]]:
            best[size] = place
    steps = []
    for place in best.values():
        one, fresh = grid.candidates[place], float(measured.fresh[place])
        steps.append(
            Step(
                id=one.id,
                num_params=one.num_params,
                accuracy=float(measured.first[place]),
                point=one.point,
                hyperparameters=one.hyperparameters,
                family=one.family,
                fresh=None if math.isnan(fresh) else fresh,
            )
        )
    return tuple(steps)


def envelope(grid: Grid, limits: Limits = LIMITS) -> tuple[Step, ...]:
    """The steps, smallest first; sizes and accuracies both ascend."""
    steps = [Step(None, 0, grid.chance, "chance", "", "chance", None)]
    for step in best_of_each_size(grid, limits):
        if step.accuracy > steps[-1].accuracy:
            steps.append(step)
    return tuple(steps)
