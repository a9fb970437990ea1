"""The most accurate network of a grid: how accurate it is, and whether the data tell it from the others.

A network chosen for its accuracy looks better on the seeds that chose it than it is, so the two that look best are to
have fresh seeds before the answer is stated; of these the better one over all seeds is the answer. It is *decided*
where every other network is significantly worse (the tests of `verdicts.py` with no tolerance).

What counts is the mean over seeds. A network whose seeds differ by more than sigma is not reliable, so it is no minimal
size; but one that is better in the mean is better. Only where a seed failed it is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from minjax.findings.candidates import Candidate, Grid, Measured
from minjax.findings.samples import LIMITS, Limits
from minjax.findings.sizes import Network, network_of
from minjax.findings.uncertainty import Row
from minjax.findings.verdicts import LEVEL, NEAR, REPLICATES, SHORT, Noise, Verdicts, estimated, judge, row_of

ANY = 1.0  # of deviation over seeds: none is too large


@dataclasses.dataclass(frozen=True)
class Best:
    """The most accurate network.

    Attributes:
        network: it; None where of every network a seed failed.
        interval: of its accuracy, over seeds and images; None likewise.
        runner_up: the best one of another architecture; None: there is none without a failed seed.
        rivals: how many other architectures may be as good, as far as the data tell.
        smallest_rival: the smallest of these; None: there is none smaller than the network itself.
        confidence: probability that the interval holds, and that every network not among the rivals is worse.
    """

    network: Network | None
    interval: tuple[float, float] | None
    runner_up: Network | None
    rivals: int
    smallest_rival: Network | None
    confidence: float = LEVEL

    @property
    def decided(self) -> bool:
        """Whether every other network is significantly worse."""
        return self.network is not None and not self.rivals


def most_accurate(grid: Grid, limits: Limits = LIMITS, *, replicates: int = REPLICATES) -> Best:
    """The most accurate network of which no seed failed.

    Args:
        grid: the candidates, all of which may be handed over.
        limits: `margin` is used.
        replicates: of the bootstrap.
    """
    verdicts = _judged(grid, limits, replicates)
    first = _first_two(grid, verdicts)
    if not first:
        return Best(None, None, None, 0, None)
    measured = verdicts.measured
    ranked = sorted(first, key=lambda place: -measured.mean[place])
    if any(not measured.num_fresh[place] for place in first):
        ranked = first  # only the seeds that chose them can be compared
    chosen, others = ranked[0], ranked[1:]
    own = grid.candidates[chosen].point
    rivals = [int(place) for place in np.flatnonzero(verdicts.verdict != SHORT) if grid.candidates[place].point != own]
    smaller = [place for place in rivals if measured.place[place] < measured.place[chosen]]
    return Best(
        network=_network(grid, verdicts, chosen),
        interval=_interval(grid, verdicts, chosen, limits),
        runner_up=_network(grid, verdicts, others[0]) if others else None,
        rivals=len({grid.candidates[place].point for place in rivals}),
        smallest_rival=_network(grid, verdicts, smaller[0]) if smaller else None,
    )


def _network(grid: Grid, verdicts: Verdicts, place: int) -> Network:
    """A candidate as it is stated; there is no level that its seeds have to reach."""
    return dataclasses.replace(network_of(grid, verdicts, place), reached=None)


def wanting(grid: Grid, limits: Limits = LIMITS) -> tuple[Candidate, ...]:
    """The networks that should get fresh seeds before the most accurate one is stated; none when it can be."""
    verdicts = _judged(grid, limits, 0)
    first = sorted(_first_two(grid, verdicts))
    return tuple(grid.candidates[place] for place in first if not verdicts.measured.num_fresh[place])


def _judged(grid: Grid, limits: Limits, replicates: int) -> Verdicts:
    """Each candidate against the best found, however much its seeds deviate."""
    free = dataclasses.replace(limits, tolerance=0.0, sigma=ANY)

    def noise(grid: Grid, measured: Measured, rows: Sequence[Row], _: Limits) -> Noise:
        return estimated(grid, measured, rows, limits)  # what is erratic says nothing of the others' noise

    return judge(grid, None, free, noise_of=noise, replicates=replicates)


def _first_two(grid: Grid, verdicts: Verdicts) -> list[int]:
    """The network that looked best on the seeds that chose it, and the best of another architecture; of those without
    a failed seed, the smaller where equal."""
    steady = np.flatnonzero(verdicts.steady)
    ranked = [int(place) for place in steady[np.argsort(-verdicts.measured.first[steady], kind="stable")]]
    others = [place for place in ranked if grid.candidates[place].point != grid.candidates[ranked[0]].point]
    return ranked[:1] + others[:1]


def _interval(grid: Grid, verdicts: Verdicts, chosen: int, limits: Limits) -> tuple[float, float]:
    """Of the accuracy as stated; the variances over seeds of networks about as good support that of this one."""
    measured = verdicts.measured
    only_fresh = bool(measured.num_fresh[chosen])
    near = np.flatnonzero(verdicts.steady & (measured.first >= measured.first[chosen] - NEAR))
    rows = [row_of(grid, measured, int(place)) for place in near]
    rows.append(row_of(grid, measured, chosen, only_fresh=only_fresh))
    noise = estimated(grid, measured, rows, limits)
    variance = noise.seed_variance[-1] / len(rows[-1].seeds) + noise.images[-1, -1]
    half = float(stdtrit(noise.freedom[-1], (1 + LEVEL) / 2) * np.sqrt(variance))
    mean = float(measured.stated[chosen])
    return max(0.0, mean - half), min(1.0, mean + half)
