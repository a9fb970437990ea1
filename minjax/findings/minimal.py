"""The minimal number of parameters for stable learning, with a bootstrap interval: a statement about a grid of sizes.

The idea is the smallest size from which on accuracy stays within eps_A of that of the largest, seeds agreeing. Taken
literally on noisy means that is badly biased: on a dense grid some larger size always looks worse by chance. So:

- *target*: the mean accuracy over the top quarter of the sizes, less `limits.tolerance`;
- *minimal*: the first size at which the isotonic (non-decreasing) fit of mean accuracy over size reaches the target
  and the standard deviation over seeds is at most `limits.sigma`.

The interval is a parametric bootstrap: accuracies are drawn around the isotonic fit, the whole estimate is repeated on
them, target and deviations included, and the 2.5 and 97.5 % places are taken, outwards. The noise is pooled over the
points, since five seeds say little of one point's own; only a point far above the limit (`WILD` times) keeps its own.
Where the means scatter about the fit by more than seed noise explains (depths of like size that differ), the excess
counts as noise too.

No isotonic fit is needed to find where it reaches a level: that is where the running sum of (accuracy - level) is
smallest, which makes a replicate one `cumsum`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minjax.findings.samples import LIMITS, Limits, Member, Sample, samples

REPLICATES = 2000
LEAST_SEEDS = 5
LEAST_SIZES = 4
WILD = 2.0
NEAR = 5.0  # tolerances from the target within which scatter between architectures matters for the crossing


@dataclasses.dataclass(frozen=True)
class Minimal:
    """The answer for one family on one data set, or why there is none.

    Attributes:
        num_params: the minimal size; None: no size qualifies, see `reason`.
        interval: 95 % interval of it, sizes of the grid; a part of the replicates that found no size at all counts
            as beyond the grid, and then the upper end is the largest size and `notes` says so.
        grid: the sizes that it is a statement about.
        accuracy, sigma: mean and deviation over seeds at the minimal size.
        target: the accuracy that the fit had to reach.
        noise: the pooled standard deviation over seeds.
        seeds: the fewest seeds of a point.
        below: the next smaller size of the grid and why it does not do; None where there is none.
        notes: what limits the statement (the end of the grid).
    """

    family: str
    dataset: str
    num_params: int | None
    interval: list[int] | None
    grid: list[int]
    tolerance: float
    seeds: int
    level: float = 0.95
    point: str | None = None
    name: str | None = None
    accuracy: float | None = None
    sigma: float | None = None
    target: float | None = None
    noise: float | None = None
    below: dict[str, Any] | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """As study.json has it."""
        return dataclasses.asdict(self) | {"notes": list(self.notes)}


@dataclasses.dataclass(frozen=True)
class Located:
    """What `locate` found: places on the grid of sizes; `place` is None where no size qualifies."""

    place: int | None
    low: int
    high: int
    target: float
    noise: float
    fit: np.ndarray
    none: float  # share of the replicates in which no size qualified


def minimal(
    members: Iterable[Member], limits: Limits = LIMITS, *, replicates: int = REPLICATES, seed: int = 0
) -> Minimal:
    """The minimal size of members of one family on one data set; the equal shapes are used, with five seeds or more.

    Raises:
        ValueError: several families or data sets.
        UserError: a point has fewer than two seeds.
    """
    return minimal_of(samples(members), limits, replicates=replicates, seed=seed)


def minimal_of(
    found: Sequence[Sample], limits: Limits = LIMITS, *, replicates: int = REPLICATES, seed: int = 0
) -> Minimal:
    """The same of samples."""
    if len({(sample.dataset, sample.family) for sample in found}) != 1:
        raise ValueError("a minimal size is that of one family on one data set")
    equal = [sample for sample in found if sample.equal]
    used = [sample for sample in equal if len(sample.seeds) >= LEAST_SEEDS]
    sizes = sorted({sample.num_params for sample in used})
    nothing = Minimal(
        family=found[0].family,
        dataset=found[0].dataset,
        num_params=None,
        interval=None,
        grid=sizes,
        tolerance=limits.tolerance,
        seeds=min((len(sample.seeds) for sample in used or found), default=0),
    )
    if len(sizes) < LEAST_SIZES:
        few = f"{len(sizes)} sizes of equal shape with at least {LEAST_SEEDS} seeds; at least {LEAST_SIZES} are needed"
        return dataclasses.replace(nothing, reason=few)
    means, sds, counts, best = _by_size(used, sizes)
    located = locate(means, sds, counts, limits, replicates=replicates, seed=seed)
    nothing = dataclasses.replace(nothing, target=located.target, noise=located.noise)
    chance = found[0].chance
    if located.target <= chance + limits.margin:
        return dataclasses.replace(
            nothing, reason=f"nothing learns: the largest sizes reach {located.target + limits.tolerance:.3f}"
        )
    if located.place is None:
        first = int(np.argmax(located.fit >= located.target))
        reason = (
            f"from {sizes[first]} parameters on the accuracy is reached, but the deviation over seeds is above "
            f"{limits.sigma:g} at every size (at least {sds[first:].min():.3f})"
        )
        return dataclasses.replace(nothing, reason=reason)
    place = located.place
    return dataclasses.replace(
        nothing,
        num_params=sizes[place],
        interval=[sizes[located.low], sizes[min(located.high, len(sizes) - 1)]],
        point=best[place].point,
        name=best[place].name,
        accuracy=float(means[place]),
        sigma=float(sds[place]),
        below=_below(place, sizes, sds, located, limits),
        notes=tuple(_notes(located, len(sizes))),
    )


def _by_size(used: Sequence[Sample], sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Sample]]:
    """Mean, deviation and number of seeds a size; of several points of one size the worst deviation counts."""
    means, sds, counts, best = [], [], [], []
    for size in sizes:
        here = [sample for sample in used if sample.num_params == size]
        means.append(np.concatenate([sample.accuracy for sample in here]).mean())
        sds.append(max(sample.sigma for sample in here))
        counts.append(sum(len(sample.seeds) for sample in here))
        best.append(max(here, key=lambda sample: sample.mean))
    return np.array(means), np.array(sds), np.array(counts), best


def _below(
    place: int, sizes: Sequence[int], sds: np.ndarray, located: Located, limits: Limits
) -> dict[str, Any] | None:
    if not place:
        return None
    fitted, sd = float(located.fit[place - 1]), float(sds[place - 1])
    why = []
    if fitted < located.target:
        why.append(f"fitted accuracy {fitted:.4f} is below {located.target:.4f}")
    if sd > limits.sigma:
        why.append(f"deviation over seeds {sd:.4f} is above {limits.sigma:g}")
    return {"num_params": sizes[place - 1], "accuracy": fitted, "sigma": sd, "why": "; ".join(why)}


def _notes(located: Located, n: int) -> Iterable[str]:
    if located.low == 0:
        yield "the interval begins at the smallest size of the grid: the minimal size may be smaller"
    if located.high >= n - _top(n):
        yield "the interval reaches the largest quarter of the grid: accuracy may rise beyond it"
    if located.high == n:
        yield f"in {100 * located.none:.0f} % of the replicates no size qualified"


def _top(n: int) -> int:
    return math.ceil(n / 4)


def locate(
    means: np.ndarray,
    sds: np.ndarray,
    counts: np.ndarray,
    limits: Limits = LIMITS,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Located:
    """The minimal place on a grid of ascending sizes, and its interval.

    Args:
        means, sds, counts: of the accuracy over seeds at each size, [n].
        limits: `tolerance` and `sigma` are used.
        replicates: of the bootstrap.
        seed: of the bootstrap: the same records give the same interval.
    """
    n = len(means)
    place = int(_first(means, sds, counts, limits))
    target = float(_target(means, counts, limits))
    fit = isotonic(means, counts)
    tame = sds <= WILD * limits.sigma
    pooled = math.sqrt(float(np.average(sds[tame] ** 2, weights=counts[tame] - 1))) if tame.any() else float(sds.max())
    noise = np.where(tame, pooled, sds)
    excess = _excess(means - fit, noise**2 / counts, tame & (fit >= target - NEAR * limits.tolerance))
    rng = np.random.default_rng(seed)
    drawn = fit + np.sqrt(noise**2 / counts + excess) * rng.standard_normal((replicates, n))
    deviations = noise * np.sqrt(rng.chisquare(counts - 1, (replicates, n)) / (counts - 1))
    places = np.sort(_first(drawn, deviations, counts, limits))
    tail = (1 - 0.95) / 2 * (replicates - 1)
    low, high = int(places[math.floor(tail)]), int(places[math.ceil(replicates - 1 - tail)])
    return Located(
        place=place if place < n else None,
        low=min(low, place, n - 1),
        high=max(high, place),
        target=target,
        noise=pooled,
        fit=fit,
        none=float((places == n).mean()),
    )


def _excess(residual: np.ndarray, expected: np.ndarray, where: np.ndarray) -> float:
    """Variance of the means about the fit beyond what seed noise explains."""
    return max(0.0, float((residual[where] ** 2 - expected[where]).mean())) if where.any() else 0.0


def _target(means: np.ndarray, counts: np.ndarray, limits: Limits) -> np.ndarray:
    top = _top(means.shape[-1])
    return (means[..., -top:] * counts[-top:]).sum(-1) / counts[-top:].sum() - limits.tolerance


def _first(means: np.ndarray, sds: np.ndarray, counts: np.ndarray, limits: Limits) -> np.ndarray:
    """The first place that qualifies, n if none does; over any leading axes."""
    n = means.shape[-1]
    sums = np.cumsum(counts * (means - _target(means, counts, limits)[..., None]), axis=-1)
    # the fit is below the level up to the smallest running sum; 0, the sum of none, is one of them
    smallest = np.where(sums.min(-1) < 0, np.argmin(sums, axis=-1) + 1, 0)
    good = (sds <= limits.sigma) & (np.arange(n) >= smallest[..., None])
    return np.where(good.any(-1), good.argmax(-1), n)


def isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The non-decreasing sequence nearest to the values in weighted squares (pool adjacent violators)."""
    blocks: list[list[float]] = []  # value, weight, length
    for value, weight in zip(values, weights, strict=True):
        blocks.append([float(value), float(weight), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            last, w, length = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + last * w) / (before[1] + w)
            before[1] += w
            before[2] += length
    return np.concatenate([np.full(int(length), value) for value, _, length in blocks])
