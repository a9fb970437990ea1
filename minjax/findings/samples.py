"""The members of a study gathered by point: what every finding starts from. Numbers only, no model and no device.

A *member* is one network trained with one seed (a line of points.jsonl), a *point* what is the same but for the seed,
and a *sample* the point with the accuracies of all its seeds. A member that diverged did learn nothing: it counts as
ended at chance. One that failed (no memory, a lost machine) says nothing of the network: it is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from minjax.errors import UserError
from minjax.findings.phases import MARGIN, TOLERANCE

Member = Mapping[str, Any]
LEAST_SEEDS = 2  # a standard deviation needs them


@dataclasses.dataclass(frozen=True)
class Limits:
    """The tolerances of the definitions, all fractions of accuracy; each is a convention and not a measurement.

    Attributes:
        tolerance: eps_A, what counts as the same accuracy.
        sigma: eps_sigma, the standard deviation over seeds above which a point is unstable.
        gap: eps_gap, train less test accuracy above which a network may be called overfitting.
        margin: above chance that still counts as not having learned.
    """

    tolerance: float = TOLERANCE
    sigma: float = 0.02
    gap: float = 0.05
    margin: float = MARGIN


LIMITS = Limits()


@dataclasses.dataclass(frozen=True)
class Sample:
    """A point and its seeds, in the order of the seeds.

    Attributes:
        accuracy, train_accuracy: after the last epoch, one a seed, float64 [S].
        members: the records themselves, in the same order.
    """

    point: str
    name: str
    family: str
    dataset: str
    fields: Mapping[str, Any]
    labels: Mapping[str, Any]
    num_params: int
    chance: float
    seeds: tuple[int, ...]
    accuracy: np.ndarray
    train_accuracy: np.ndarray
    members: tuple[Member, ...]

    @property
    def mean(self) -> float:
        """A: mean test accuracy over the seeds."""
        return float(self.accuracy.mean())

    @property
    def sigma(self) -> float:
        """Standard deviation of the test accuracy over the seeds, with S - 1."""
        return float(self.accuracy.std(ddof=1))

    @property
    def gap(self) -> float:
        """Mean of train less test accuracy."""
        return float((self.train_accuracy - self.accuracy).mean())

    @property
    def depth(self) -> int | None:
        """The label `depth`, or the number of widths; None for a point that has neither."""
        if "depth" in self.labels:
            return int(self.labels["depth"])
        widths = self.fields.get("widths")
        return len(widths) if widths is not None else None

    @property
    def equal(self) -> bool:
        """Whether all layers are as wide."""
        return equal(self.fields, self.labels)


def equal(fields: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether all layers are as wide: by the widths where there are any, as one network may have two names."""
    widths = fields.get("widths")
    if widths is not None:
        return len(set(widths)) <= 1
    return labels.get("shape", "equal") == "equal"


def samples(members: Iterable[Member]) -> list[Sample]:
    """Gather members by point, smallest point first.

    A seed recorded twice counts once (a network listed under two names; the later line is taken). A point whose
    failed members leave it fewer than two seeds is left out.

    Raises:
        UserError: a point was given fewer than two seeds, or no member is left.
    """
    points: dict[str, dict[int, Member]] = {}
    for member in members:
        points.setdefault(member["point"], {})[member["seed"]] = member
    found = []
    for point, by_seed in points.items():
        if len(by_seed) < LEAST_SEEDS:
            raise UserError(
                f"point {point} ({next(iter(by_seed.values()))['name']}) has {len(by_seed)} seed; "
                f"a deviation over seeds needs at least {LEAST_SEEDS}"
            )
        sample = _sample(point, [by_seed[seed] for seed in sorted(by_seed) if by_seed[seed]["status"] != "failed"])
        if sample is not None:
            found.append(sample)
    if not found:
        raise UserError(f"no point of the study has {LEAST_SEEDS} members that did not fail")
    return sorted(found, key=lambda sample: (sample.num_params, sample.name, sample.point))


def _sample(point: str, members: Sequence[Member]) -> Sample | None:
    if len(members) < LEAST_SEEDS:
        return None
    first = members[0]
    return Sample(
        point=point,
        name=first["name"],
        family=first["family"],
        dataset=first["dataset"],
        fields=first["fields"],
        labels=first["labels"],
        num_params=int(first["num_params"]),
        chance=float(first["chance"]),
        seeds=tuple(int(member["seed"]) for member in members),
        accuracy=np.array([ended(member, "test_accuracy") for member in members]),
        train_accuracy=np.array([ended(member, "train_accuracy") for member in members]),
        members=tuple(members),
    )


def ended(member: Member, what: str) -> float:
    """An accuracy after the last epoch; that of guessing where the member diverged."""
    return float(member["chance"] if member["status"] == "diverged" else member["final"][what])


def groups(found: Iterable[Sample]) -> dict[tuple[str, str], list[Sample]]:
    """Samples by (data set, family), the order of the samples kept: findings over size never mix these."""
    by: dict[tuple[str, str], list[Sample]] = {}
    for sample in found:
        by.setdefault((sample.dataset, sample.family), []).append(sample)
    return dict(sorted(by.items()))
