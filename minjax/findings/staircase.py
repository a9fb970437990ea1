"""How many parameters a required accuracy takes: the minimal size and its interval at a ladder of accuracies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from minjax.errors import UserError
from minjax.findings.candidates import Grid
from minjax.findings.samples import LIMITS, Limits
from minjax.findings.sizes import Network, Size, target
from minjax.findings.verdicts import REPLICATES

LADDER = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.995)


@dataclasses.dataclass(frozen=True)
class Stair:
    """The minimal size at one required accuracy.

    Attributes:
        accuracy: required.
        num_params: the minimal size; None: no size of the grid reaches it.
        interval: as in `sizes.Size`: None stands for beyond the grid.
        winner: the network of the minimal size.
        best: the best network found.
    """

    accuracy: float
    num_params: int | None
    interval: tuple[int | None, int | None]
    winner: Network | None
    best: Network


def staircase(
    grid: Grid,
    accuracies: Sequence[float] | None = None,
    limits: Limits = LIMITS,
    *,
    replicates: int = REPLICATES,
) -> tuple[Stair, ...]:
    """The minimal size at each required accuracy, ascending.

    A higher accuracy never takes a smaller size, nor do the interval's ends go down. For the minimal size that is so
    by itself; the ends, whose noise is estimated afresh around every accuracy, are raised to those before them.

    Args:
        grid: the candidates.
        accuracies: required ones; None: those of `LADDER` above chance, of which there may be none where most images
            are of one class, up to the first that nothing reaches.
        limits: `sigma` and `margin` are used.
        replicates: of each interval's bootstrap.

    Raises:
        UserError: a required accuracy is not above chance, or above 1, or none is given.
    """
    if accuracies is None:
        chosen = [accuracy for accuracy in LADDER if accuracy > grid.chance + limits.margin]
    elif accuracies:
        chosen = sorted(set(accuracies))
    else:
        raise UserError("a staircase needs at least one required accuracy")
    stairs: list[Stair] = []
    for accuracy in chosen:
        stairs.append(_stair(target(grid, accuracy, limits, replicates=replicates), stairs))
        if accuracies is None and stairs[-1].num_params is None:
            break
    return tuple(stairs)


def _stair(size: Size, before: Sequence[Stair]) -> Stair:
    low, high = size.interval
    if before:
        low, high = (larger(own, last) for own, last in zip(size.interval, before[-1].interval, strict=True))
    assert size.level is not None
    return Stair(size.level, size.num_params, (low, high), size.winner, size.best)


def distinct(stairs: Sequence[Any]) -> list[Any]:
    """Of stairs that take the same size, with the same interval and network, the highest alone.

    Args:
        stairs: ascending, of `staircase` or as records have them.
    """
    what = [(one.num_params, one.interval, one.winner and one.winner.point) for one in stairs]
    return [one for place, one in enumerate(stairs) if what[place] not in what[place + 1 : place + 2]]


def larger(one: int | None, other: int | None) -> int | None:
    """The larger of two sizes, None being beyond the grid."""
    return None if one is None or other is None else max(one, other)
