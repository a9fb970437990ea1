"""The minimal number of parameters: three named answers, each with the sizes that the data leave possible.

- *stable*: the first size at which seeds agree (deviation at most sigma), none failed, and chance is left behind;
- *near-best*: the first that comes within a tolerance of the best network found;
- *target*: the first that reaches an absolute accuracy.

A size is as good as the best of its candidates. It reaches a level when over its seeds, the fresh ones where there
are any, the mean is at least the level, the deviation over all its seeds is at most sigma, and no seed failed.
`verdicts.py` says how the interval comes about and what it assumes.

A study asks in rounds, because a network with fresh seeds may lose its place to the next:

    while wanted := wanting(grid, accuracy):
        grid = ...  # with fresh seeds for the candidates in `wanted`
    size = target(grid, accuracy)

How many fresh seeds is up to the study, and they pay: in `docs/selection.md`, 45 of them instead of 5 for these two or
three networks narrow the interval of the near-best size by a sixth to two thirds, and the accuracy stated of the
winner, too high by 0.1 to 0.7 points with 5, is right to 0.15 points.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from minjax.errors import UserError
from minjax.findings.candidates import Candidate, Grid
from minjax.findings.samples import LIMITS, Limits
from minjax.findings.stability import judge_stability
from minjax.findings.verdicts import (
    LEVEL,
    REPLICATES,
    ROUNDING,
    SHORT,
    WORDS,
    NoiseOf,
    Verdicts,
    enough_seeds,
    estimated,
    judge,
)

STABLE, NEAR_BEST, TARGET = "stable", "near_best", "target"


@dataclasses.dataclass(frozen=True)
class Network:
    """A candidate as an answer states it.

    Attributes:
        id: of the point.
        accuracy: mean over its fresh seeds, or over its first-stage seeds where it has no fresh ones.
        fresh: number of fresh seeds.
        first_accuracy: mean over the seeds that it was chosen by.
        deviation: over seeds, the images' part taken off.
        reached: seeds whose own accuracy is at least the level; of `seeds`. None where there is no level.
        failed: seeds that diverged or stayed near chance.
        verdict: falls short, undecided or reaches.
    """

    id: str
    point: str
    hyperparameters: str
    family: str
    num_params: int
    accuracy: float
    fresh: int
    first_accuracy: float
    deviation: float
    reached: int | None
    seeds: int
    failed: int
    verdict: str


@dataclasses.dataclass(frozen=True)
class Size:
    """One of the three answers.

    Attributes:
        name: stable, near_best or target.
        num_params: the minimal size; None: no size of the grid reaches the level.
        interval: the smallest and the largest size that the data leave possible; the second is None where a size
            beyond the grid is possible, the first too where no size of the grid is.
        possible: the sizes within the interval that are not excluded.
        level: accuracy to reach; for stable the accuracy that counts as having left chance behind. None where it is
            relative and no network is steady.
        winner: the network of the minimal size.
        below: the most accurate of the smaller networks.
        best: the best network found, steady or not where none is.
        fresh_wanted: networks that should get fresh seeds before the answer is stated, (point, hyperparameters).
        confidence: of each end of the interval.
        notes: what limits the statement.
    """

    name: str
    num_params: int | None
    interval: tuple[int | None, int | None]
    possible: tuple[int, ...]
    level: float | None
    winner: Network | None
    below: Network | None
    best: Network
    fresh_wanted: tuple[tuple[str, str], ...]
    grid: tuple[int, ...]
    confidence: float = LEVEL
    notes: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether the data single out one size, or exclude them all."""
        return self.interval[0] == self.interval[1]


def target(
    grid: Grid,
    accuracy: float,
    limits: Limits = LIMITS,
    *,
    confidence: float = LEVEL,
    noise_of: NoiseOf = estimated,
    replicates: int = REPLICATES,
) -> Size:
    """The smallest size that reaches an absolute accuracy.

    Raises:
        UserError: the accuracy is not above chance, or above 1.
    """
    if not grid.chance < accuracy <= 1:
        raise UserError(f"target accuracy is {accuracy:g}; it must be above chance, {grid.chance:.3g}, and at most 1")
    verdicts = judge(grid, accuracy, limits, confidence=confidence, noise_of=noise_of, replicates=replicates)
    return dataclasses.replace(_answer(TARGET, grid, verdicts), confidence=confidence)


def near_best(
    grid: Grid,
    limits: Limits = LIMITS,
    *,
    confidence: float = LEVEL,
    noise_of: NoiseOf = estimated,
    replicates: int = REPLICATES,
) -> Size:
    """The smallest size within `limits.tolerance` of the best network found."""
    verdicts = judge(grid, None, limits, confidence=confidence, noise_of=noise_of, replicates=replicates)
    return dataclasses.replace(_answer(NEAR_BEST, grid, verdicts), confidence=confidence)


def stable(grid: Grid, limits: Limits = LIMITS, *, noise_of: NoiseOf = estimated) -> Size:
    """The smallest size at which seeds agree, none failed, and chance is left behind."""
    return _answer(STABLE, grid, judge_stability(grid, limits, noise_of=noise_of))


def wanting(
    grid: Grid, accuracy: float | None, limits: Limits = LIMITS, *, noise_of: NoiseOf = estimated
) -> tuple[Candidate, ...]:
    """The networks that should get fresh seeds before an answer is stated; none when the answer can stand.

    Args:
        grid: the candidates.
        accuracy: the target; None: near-best.
        limits: of the definitions.
        noise_of: how noise is known.

    Returns:
        The network of the minimal size and the most accurate smaller one; near-best: the best found too. With their
        fresh seeds another network may be that of the minimal size, so ask again.
    """
    verdicts = judge(grid, accuracy, limits, noise_of=noise_of, replicates=0)
    return _wanting(grid, verdicts)


def _wanting(grid: Grid, verdicts: Verdicts) -> tuple[Candidate, ...]:
    measured = verdicts.measured
    winner, below = _chosen(grid, verdicts)
    if winner is None:
        return ()
    stated = {one for one in (winner, below, verdicts.best) if one is not None}
    return tuple(grid.candidates[one] for one in sorted(stated) if not measured.num_fresh[one])


def _chosen(grid: Grid, verdicts: Verdicts) -> tuple[int | None, int | None]:
    """The network of the minimal size, and the most accurate of the smaller ones that have seeds enough, if any has.

    Of many that were tried with two seeds and left, one always looks good.
    """
    measured = verdicts.measured
    meets = np.flatnonzero(verdicts.meets)
    if len(meets):
        place = int(measured.place[meets[0]])
        here = meets[measured.place[meets] == place]
        winner = int(here[measured.first[here].argmax()])
    else:
        winner, place = None, int(measured.place[-1]) + 1
    smaller = np.flatnonzero(measured.place < place)
    tried = smaller[enough_seeds(grid, measured)[smaller]]
    smaller = tried if len(tried) else smaller
    return winner, int(smaller[measured.mean[smaller].argmax()]) if len(smaller) else None


def _answer(name: str, grid: Grid, verdicts: Verdicts) -> Size:
    measured = verdicts.measured
    sizes = grid.sizes
    winner, below = _chosen(grid, verdicts)
    place = None if winner is None else int(measured.place[winner])
    low, high = interval(verdicts, place, len(sizes))
    allowed = {int(measured.place[one]) for one in np.flatnonzero(verdicts.verdict != SHORT)} | {place}
    possible = [at for at in range(low, min(high, len(sizes) - 1) + 1) if at in allowed]
    best = verdicts.best
    if best is None:
        among = verdicts.steady if verdicts.steady.any() else np.ones(len(measured.first), bool)
        best = int(np.flatnonzero(among)[measured.first[among].argmax()])
    wanted = _wanting(grid, verdicts)
    return Size(
        name=name,
        num_params=None if place is None else int(sizes[place]),
        interval=(
            int(sizes[low]) if low < len(sizes) else None,
            int(sizes[high]) if high < len(sizes) else None,
        ),
        possible=tuple(int(sizes[at]) for at in possible),
        level=None if np.isnan(verdicts.level) else verdicts.level,
        winner=None if winner is None else network_of(grid, verdicts, winner),
        below=None if below is None else network_of(grid, verdicts, below),
        best=network_of(grid, verdicts, best),
        fresh_wanted=tuple((one.point, one.hyperparameters) for one in wanted),
        grid=tuple(int(size) for size in sizes),
        notes=tuple(_notes(grid, name, low, high, len(sizes))),
    )


def interval(verdicts: Verdicts, place: int | None, count: int) -> tuple[int, int]:
    """The first size not excluded and the first that is enough for sure, as places; `count` is beyond the grid."""
    measured = verdicts.measured
    possible = measured.place[verdicts.verdict != SHORT]
    low = int(possible.min()) if len(possible) else count
    found = count if place is None else place
    return min(low, found), max(verdicts.enough, found)


def network_of(grid: Grid, verdicts: Verdicts, place: int) -> Network:
    """A candidate as an answer states it."""
    measured = verdicts.measured
    one: Candidate = grid.candidates[place]
    return Network(
        id=one.id,
        point=one.point,
        hyperparameters=one.hyperparameters,
        family=one.family,
        num_params=one.num_params,
        accuracy=float(measured.stated[place]),
        fresh=int(measured.num_fresh[place]),
        first_accuracy=float(measured.first[place]),
        deviation=float(verdicts.deviation[place]),
        reached=None if np.isnan(verdicts.level) else int((grid.scores(one) >= verdicts.level - ROUNDING).sum()),
        seeds=len(one.seeds),
        failed=int(measured.failed[place]),
        verdict=WORDS[verdicts.verdict[place]],
    )


def _notes(grid: Grid, name: str, low: int, high: int, count: int) -> Iterable[str]:
    if low == 0:
        yield "the interval begins at the smallest size of the grid: a smaller network may do as well"
    if high == count:
        yield "the interval has no upper end: the data do not show for sure that any network of the grid is enough"
    if high == count - 1 and name == NEAR_BEST:
        yield "the interval ends at the largest size of the grid: a larger network may be better still"
    if not grid.recorded:
        yield "which images each network classifies correctly is not at hand: how alike their mistakes are is assumed"
