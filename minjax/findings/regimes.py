"""The three regimes over size: unstable, learning, overfitting (paper 2 names them; the definitions are minjax's).

With A the mean test accuracy over the seeds and sigma its standard deviation:

- *unstable*: sigma above `limits.sigma`, or more than a quarter of the seeds end at or below chance plus
  `limits.margin`;
- *overfitting*: not unstable, train less test accuracy above `limits.gap` in the mean, and A does not rise with size
  any more: its slope over log parameters is not above 0 at 95 % (one-sided);
- *learning*: the rest.

**Over which sizes the slope is taken**: the points of the same family and data set whose size is within a factor
`REACH` of this one's either way, and in any case the `NEAREST` points nearest in size, so that a dense grid does not
shrink the question to nothing; without the unstable ones, since a neighbour that did not train is no evidence that
accuracy has stopped rising. Each point counts once, with its mean: what one architecture has over another of like size
is common to its seeds, and counting seeds would take it for evidence. Under three such points there is no slope and
nothing is called overfitting.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minjax.findings.intervals import slope
from minjax.findings.samples import LIMITS, Limits, Member, Sample, groups, samples

REGIMES = ("unstable", "learning", "overfitting")
REACH = 4.0
NEAREST = 5
DEAD_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Regime:
    """What a point's seeds show.

    Attributes:
        mean, sigma: of the test accuracy over the seeds.
        gap: mean of train less test accuracy.
        at_chance: seeds that ended at or below chance plus the margin, diverged ones among them.
        slope: the lower 95 % bound of A's slope over log(parameters) around this size; None: too few points.
    """

    point: str
    name: str
    family: str
    dataset: str
    num_params: int
    regime: str
    mean: float
    sigma: float
    gap: float
    seeds: int
    at_chance: int
    slope: float | None

    def record(self) -> dict[str, Any]:
        """As study.json has it."""
        return dataclasses.asdict(self)


def regimes(members: Iterable[Member], limits: Limits = LIMITS) -> list[Regime]:
    """The regime of every point, smallest first.

    Raises:
        UserError: a point has fewer than two seeds.
    """
    return sample_regimes(samples(members), limits)


def sample_regimes(found: Sequence[Sample], limits: Limits = LIMITS) -> list[Regime]:
    """The same of samples; the order is theirs."""
    slopes = {}
    for group in groups(found).values():
        stable = [sample for sample in group if not unstable(sample, limits)]
        for sample in stable:
            slopes[sample.point] = _lower_slope(sample, stable)
    return [_regime(sample, slopes.get(sample.point), limits) for sample in found]


def unstable(sample: Sample, limits: Limits = LIMITS) -> bool:
    """Whether the seeds disagree, or too many of them learned nothing."""
    return sample.sigma > limits.sigma or _at_chance(sample, limits) > DEAD_SHARE * len(sample.seeds)


def _at_chance(sample: Sample, limits: Limits) -> int:
    return int((sample.accuracy <= sample.chance + limits.margin).sum())


def _lower_slope(sample: Sample, stable: Sequence[Sample]) -> float | None:
    logs = np.log([other.num_params for other in stable])
    distance = np.abs(logs - np.log(sample.num_params))
    nearest = np.sort(distance)[min(NEAREST, len(stable)) - 1]
    near = distance <= max(np.log(REACH), nearest) + 1e-9
    found = slope(logs[near], np.array([other.mean for other in stable])[near], tail=0.05)
    return None if found is None else found.low


def _regime(sample: Sample, lower_slope: float | None, limits: Limits) -> Regime:
    if unstable(sample, limits):
        regime = "unstable"
    elif sample.gap > limits.gap and lower_slope is not None and lower_slope <= 0:
        regime = "overfitting"
    else:
        regime = "learning"
    return Regime(
        point=sample.point,
        name=sample.name,
        family=sample.family,
        dataset=sample.dataset,
        num_params=sample.num_params,
        regime=regime,
        mean=sample.mean,
        sigma=sample.sigma,
        gap=sample.gap,
        seeds=len(sample.seeds),
        at_chance=_at_chance(sample, limits),
        slope=lower_slope,
    )
