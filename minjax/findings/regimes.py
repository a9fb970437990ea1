"""The three regimes over size: unstable, learning, overfitting.

Paper 2 names them; the definitions are minjax's own. With A the mean validation accuracy over the seeds and sigma its
standard deviation:

- *unstable*: sigma is above `limits.sigma`, or more than a quarter of the seeds end at or below chance plus
  `limits.margin`;
- *overfitting*: not unstable, and at least one of two readings says so:
  - *by the gap*: training less validation accuracy is above `limits.relative_gap` of the validation error in the mean
    (0.5: fewer than half of the errors are made on training images too), and A no longer rises with size: its slope
    over log parameters is not above 0 at 95 % (one-sided). The gap is relative because on easy data an absolute one
    cannot occur: where 2 % are wrong, no gap is wider than 2 points;
  - *by the loss*: in most seeds the validation loss ends more than `limits.loss_rise` above its lowest value, while
    the training loss has fallen since;
- *learning*: the rest.

**Over which sizes the slope is taken**: the points of the same family and data set whose size is within a factor
`REACH` of this one's either way, and in any case the `NEAREST` points nearest in size, so that a dense grid does not
shrink the question to nothing; without the unstable ones, since a neighbour that did not train is no evidence that
accuracy has stopped rising. Each point counts once, with its mean: what one architecture has over another of similar
size is common to its seeds, and counting seeds would take it for evidence. With fewer than three such points there is
no slope, and nothing is called overfitting by its gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from minjax.findings.intervals import slope
from minjax.findings.samples import LIMITS, Limits, Sample, groups
from minjax.findings.words import percent, points
from minjax.records.finding import Regime
from minjax.records.study import MemberRecord

Reading = Literal["gap", "loss"]

REGIMES = ("unstable", "learning", "overfitting")
REACH = 4.0
NEAREST = 5
DEAD_SHARE = 0.25


def definition(limits: Limits = LIMITS) -> str:
    """The three regimes in a sentence."""
    return (
        f"A network is unstable if its accuracy has a standard deviation of more than {points(limits.sigma)} over "
        f"seeds, or if more than {100 * DEAD_SHARE:.0f} % of its seeds learned nothing. It is overfitting by the gap "
        f"if the share of wrong answers is more than {percent(limits.relative_gap, 0)} lower on training images than "
        "on others and accuracy no longer rises with size, by the loss if the validation loss ends more than "
        f"{percent(limits.loss_rise, 0)} above its lowest value while the training loss goes on falling, and "
        "overfitting if either says so; otherwise it is learning."
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


def by_reading(one: Regime, reading: Reading) -> str:
    """The regime of a point where overfitting is judged by one of the two readings alone."""
    overfitting = one.by_gap if reading == "gap" else one.by_loss
    return "unstable" if one.regime == "unstable" else "overfitting" if overfitting else "learning"


def loss_rises(member: MemberRecord, limits: Limits = LIMITS) -> bool | None:
    """Whether a member's validation loss rose while its training loss fell; None: it has no whole learning curve."""
    history = member.history
    if member.status != "completed" or history is None or not history.loss:
        return None
    held, train = (np.array(curve, float) for curve in (history.loss, history.train_loss))
    if not (np.isfinite(held).all() and np.isfinite(train).all()):
        return None
    lowest = int(held.argmin())
    return bool(held[-1] > (1 + limits.loss_rise) * held[lowest] and train[-1] < train[lowest])


def _regime(sample: Sample, lower_slope: float | None, limits: Limits) -> Regime:
    erratic = unstable(sample, limits)
    by_gap, by_loss = None, None
    if not erratic:
        rises = [found for member in sample.members if (found := loss_rises(member, limits)) is not None]
        by_loss = sum(rises) > len(rises) / 2 if rises else None
        wide = sample.relative_gap > limits.relative_gap
        by_gap = None if lower_slope is None else wide and lower_slope <= 0
    return Regime(
        point=sample.point,
        name=sample.name,
        family=sample.family,
        dataset=sample.dataset,
        num_params=sample.num_params,
        regime="unstable" if erratic else "overfitting" if by_gap or by_loss else "learning",
        mean=sample.mean,
        sigma=sample.sigma,
        gap=sample.gap,
        seeds=len(sample.seeds),
        at_chance=_at_chance(sample, limits),
        slope=lower_slope,
        by_gap=by_gap,
        by_loss=by_loss,
    )
