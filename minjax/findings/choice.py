"""Which compressed version of a network is recommended: the smallest file that keeps the accuracy asked for.

Candidates are *screened* on some images of the split that files are chosen on, and the most promising trained again. A
thousand images cannot tell 98 % from 97 %, and of many candidates the luckiest looks best; so the smallest candidates
that may keep the accuracy are *confirmed*, from the file read back, on all images of the split. A version keeps the
accuracy if it is above the floor by at least one standard error of what it loses against the dense network on the same
images (a margin as wide as in the rule of Breiman et al. 1984, section 3.4.3).

All of this is a function of measurements, so that an interrupted compression goes on as it would have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from minjax.findings.phases import MARGIN, pareto
from minjax.records.compression import TRAINED, Measurement, Version

RUNNERS = 4  # further candidates that are confirmed to find a runner-up
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Wanted:
    """The accuracy to keep.

    Attributes:
        target: an accuracy; None: within `tolerance` of the dense network's.
        tolerance: see `target`.
        chance: accuracy of guessing.
    """

    target: float | None
    tolerance: float
    chance: float

    def floor(self, dense: float) -> float:
        """The lowest accuracy that is enough, where the dense network has `dense`."""
        return dense - self.tolerance if self.target is None else self.target


def screened(measurements: Iterable[Measurement]) -> list[Measurement]:
    """The screened candidates without the dense network, each with the statistics of batch norm that suit it better.

    In an order that does not depend on when they were screened.
    """
    found: dict[tuple[object, ...], Measurement] = {}
    for m in measurements:
        if m.curve == "candidate" and (m.method is not None or m.bits is not None):
            other = found.get((recipe(m), m.retrained))
            if other is None or (m.score, m.batch_norm == TRAINED) > (other.score, other.batch_norm == TRAINED):
                found[recipe(m), m.retrained] = m
    return sorted(found.values(), key=lambda m: (m.method or "", m.amount or 0.0, m.bits or 0, m.retrained))


def dense_of(measurements: Iterable[Measurement], curve: str) -> Measurement | None:
    """The dense network as it was "candidate" or "confirmed"; None: not measured yet."""
    return next((m for m in measurements if m.curve == curve and m.method is None and m.bits is None), None)


def front(candidates: Sequence[Measurement]) -> list[Measurement]:
    """The candidates that no other beats in both bytes and accuracy, smallest first."""
    places = pareto([_bytes(m) for m in candidates], [m.score for m in candidates])
    return [candidates[place] for place in places]


def next_retraining(measurements: Sequence[Measurement], wanted: Wanted, count: int) -> Version | None:
    """The candidate to train again next; None: enough of them have been.

    By bisection over the front of the candidates that were not trained again, below the smallest that keeps the
    accuracy as it is: where a retrained one keeps it, a smaller one is next, otherwise a larger one.

    Args:
        measurements: with the screened candidates, retrained ones among them.
        wanted: the accuracy to keep.
        count: how many are trained again at most.
    """
    dense = dense_of(measurements, "candidate")
    assert dense is not None
    floor = wanted.floor(dense.score) - _ROUNDING
    candidates = screened(measurements)
    fresh = [m for m in candidates if not m.retrained and m.score > wanted.chance + MARGIN]
    known = {recipe(m): m for m in candidates if m.retrained}
    ladder = front(fresh)
    low, high = 0, next((i for i, m in enumerate(ladder) if m.score >= floor), len(ladder))
    for _ in range(count):
        if low >= high:
            return None
        middle = (low + high) // 2
        retrained = known.get(recipe(ladder[middle]))
        if retrained is None:
            return ladder[middle].version
        low, high = (low, middle) if retrained.score >= floor else (middle + 1, high)
    return None


def next_confirmed(measurements: Sequence[Measurement], wanted: Wanted) -> Version | None:
    """The candidate to confirm next; None: the choice is made.

    First those on the front that may keep the accuracy, smallest first, until one does; then the next larger ones, for
    a runner-up. Where none may, the most accurate candidates: two files are always confirmed.
    """
    dense = dense_of(measurements, "candidate")
    whole = dense_of(measurements, "confirmed")
    assert dense is not None
    assert whole is not None
    candidates = screened(measurements)
    if not candidates:
        return None
    done = {(recipe(m), m.retrained): m for m in measurements if m.curve == "confirmed"}
    floor = wanted.floor(dense.score)
    possible = [m for m in candidates if m.score >= floor - _allowance(m, whole) - _ROUNDING]
    best = max(candidates, key=lambda m: (m.score, -_bytes(m)))
    known = wanted.floor(whole.score)
    first, kept = front(possible) or [best], None
    for m in first:
        found = done.get((recipe(m), m.retrained))
        if found is None:
            return m.version
        if keeps(found, known):
            kept = m
            break
    rest = [m for m in possible if (_bytes(m) > _bytes(kept) if kept else m not in first)]
    missing = 1 if kept else 2
    for m in sorted((m for m in rest if m.score >= floor - _ROUNDING), key=_bytes)[:RUNNERS]:
        found = done.get((recipe(m), m.retrained))
        if found is None:
            return m.version
        missing -= keeps(found, known)
        if missing == 0:
            return None
    if len(done) > 2:  # the dense network and two files
        return None
    others = [m for m in candidates if (recipe(m), m.retrained) not in done]
    return max(others, key=lambda m: (m.score, -_bytes(m))).version if others else None


def standard_error(m: Measurement) -> float:
    """That of what a confirmed version loses against the dense network on the same images."""
    if m.error is not None:
        return m.error
    assert m.lost is not None
    assert m.gained is not None
    assert m.images is not None
    return math.sqrt(max(m.lost + m.gained - (m.lost - m.gained) ** 2 / m.images, 0.0)) / m.images


def keeps(m: Measurement, floor: float) -> bool:
    """Whether a confirmed version keeps the accuracy."""
    return m.score - standard_error(m) >= floor - _ROUNDING


def chosen(measurements: Sequence[Measurement], wanted: Wanted) -> tuple[Measurement | None, Measurement | None]:
    """The confirmed version that is recommended and the runner-up; either may be missing.

    The runner-up is the next smallest that keeps the accuracy; where there is no other, the one that loses least. Where
    none keeps it, none is recommended.
    """
    whole = dense_of(measurements, "confirmed")
    assert whole is not None
    floor = wanted.floor(whole.score)
    files = [m for m in measurements if m.curve == "confirmed" and m.bytes_file is not None]
    kept = sorted((m for m in files if keeps(m, floor)), key=lambda m: (m.bytes_file or 0, -m.score))
    recommended = kept[0] if kept else None
    others = [m for m in files if m is not recommended]
    least = max(others, key=lambda m: (m.score, -(m.bytes_file or 0)), default=None)
    return recommended, kept[1] if len(kept) > 1 else least


def recipe(m: Version) -> tuple[object, ...]:
    """How a version is pruned and quantized, whether or not it was trained again."""
    return (m.method, m.amount, m.exclude, m.bits, m.scheme)


def _bytes(m: Measurement) -> int:
    return m.bytes_theoretical or 0


def _allowance(m: Measurement, whole: Measurement) -> float:
    """How far the accuracy on the screened images may be below that on all of them: one standard error."""
    if m.images is None or whole.images is None or m.images >= whole.images:
        return 0.0
    if m.error is not None:
        return m.error
    return math.sqrt(max(m.accuracy * (1 - m.accuracy), 0.25 / m.images) / m.images)
