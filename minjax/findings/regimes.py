"""The three regimes over size: unstable, learning, overfitting.

Paper 2 names them; the definitions are minjax's own. With A the mean validation accuracy over the seeds and sigma its
standard deviation:

- *unstable*: sigma is above `limits.sigma`, or more than a quarter of the seeds end at or below chance plus
  `limits.margin`;
- *overfitting*: not unstable, training less validation accuracy is above `limits.gap` in the mean, and A no longer
  rises with size: its slope over log parameters is not above 0 at 95 % (one-sided);
- *learning*: the rest.

**Over which sizes the slope is taken**: the points of the same family and data set whose size is within a factor
`REACH` of this one's either way, and in any case the `NEAREST` points nearest in size, so that a dense grid does not
shrink the question to nothing; without the unstable ones, since a neighbour that did not train is no evidence that
accuracy has stopped rising. Each point counts once, with its mean: what one architecture has over another of similar
size is common to its seeds, and counting seeds would take it for evidence. With fewer than three such points there is
no slope, and nothing is called overfitting.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minjax.findings.intervals import slope
from minjax.findings.samples import LIMITS, Limits, Sample, groups
from minjax.findings.words import points
from minjax.records.finding import Regime

REGIMES = ("unstable", "learning", "overfitting")
REACH = 4.0
NEAREST = 5
DEAD_SHARE = 0.25


def definition(limits: Limits = LIMITS) -> str:
    """The three regimes in a sentence."""
    return (
        f"A network is unstable if its accuracy has a standard deviation of more than {points(limits.sigma)} over "
        f"seeds, or if more than {100 * DEAD_SHARE:.0f} % of its seeds learned nothing; it is overfitting if its "
        f"training accuracy is more than {points(limits.gap)} above that on images it was not trained on, and "
        "accuracy no longer rises with size; otherwise it is learning."
    )


def regimes(found: Sequence[Sample], limits: Limits = LIMITS) -> list[Regime]:
    """The regime of every sample, in the order given."""
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
    overfitting = sample.gap > limits.gap and lower_slope is not None and lower_slope <= 0
    return Regime(
        point=sample.point,
        name=sample.name,
        family=sample.family,
        dataset=sample.dataset,
        num_params=sample.num_params,
        regime="unstable" if unstable(sample, limits) else "overfitting" if overfitting else "learning",
        mean=sample.mean,
        sigma=sample.sigma,
        gap=sample.gap,
        seeds=len(sample.seeds),
        at_chance=_at_chance(sample, limits),
        slope=lower_slope,
    )
