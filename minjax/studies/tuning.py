"""The learning rate of each network: several around the configured one, more where the best is at an end.

A step is half a decade, and step 0 is the configured rate. The best has the highest mean validation accuracy over the
tuning seeds; of equal ones it is the nearest to the configured rate, then the lower. A rate at which the network
diverges counts as chance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

MOST_STEPS = 4  # beyond the first rates, on each side


@dataclasses.dataclass(frozen=True)
class Tried:
    """What a network did at one learning rate.

    Attributes:
        accuracy: mean over the tuning seeds.
        lost: whether it was trained to the end with none of them.
    """

    accuracy: float
    lost: bool


def rate(configured: float, step: int) -> float:
    """The learning rate `step` half decades above the configured one, to three digits.

    >>> [rate(0.1, step) for step in (-1, 0, 1)]
    [0.0316, 0.1, 0.316]
    """
    return configured if step == 0 else float(f"{configured * 10 ** (step / 2):.3g}")


def first_steps(count: int) -> range:
    """The steps that each network begins with, the lower side first where they cannot be even.

    >>> list(first_steps(3)), list(first_steps(2))
    ([-1, 0, 1], [-1, 0])
    """
    return range(-(count // 2), count - count // 2)


def best_step(tried: Mapping[int, Tried]) -> int:
    """The step of the best rate."""
    return min(tried, key=lambda step: (-tried[step].accuracy, abs(step), step))


def next_step(tried: Mapping[int, Tried], count: int) -> int | None:
    """The step to try next, beyond the best rate where that is at an end; None where the range is wide enough.

    Args:
        tried: by step, without gaps, the first `count` of them among these.
        count: how many rates each network begins with.
    """
    first, best = first_steps(count), best_step(tried)
    if tried[best].lost:
        return None
    if best == min(tried) and best > first[0] - MOST_STEPS:
        return best - 1
    if best == max(tried) and best < first[-1] + MOST_STEPS:
        return best + 1
    return None
