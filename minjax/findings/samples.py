"""The members of a study gathered by point, which every finding starts from, and the tolerances of all findings.

A *member* is one network trained with one seed, a *point* what is the same but for the seed, and a *sample* a point
with the accuracies of all its seeds. A member that diverged learned nothing: it counts as having ended at chance. One
that failed (no memory, a lost machine) says nothing about the network: it is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from minjax.errors import UserError
from minjax.findings.phases import MARGIN, TOLERANCE
from minjax.records.answer import Selection
from minjax.records.study import MemberRecord

LEAST_SEEDS = 2  # for a standard deviation
WIDTHS = ("width", "channels", "dim")  # the labels that say how wide a network is


@dataclasses.dataclass(frozen=True)
class Limits:
    """The tolerances of the definitions; each is a convention and not a measurement.

    Attributes:
        tolerance: eps_A, the difference up to which two accuracies count as the same.
        sigma: eps_sigma, the standard deviation over seeds above which a point is unstable.
        relative_gap: training less validation accuracy above which a network may be called overfitting, as a share of
            the validation error.
        loss_rise: rise of the validation loss above its lowest value from which it is called so, as a share of that.
        margin: how far above chance still counts as having learned nothing.
    """

    tolerance: float = TOLERANCE
    sigma: float = 0.02
    relative_gap: float = 0.5
    loss_rise: float = 0.1
    margin: float = MARGIN


LIMITS = Limits()


@dataclasses.dataclass(frozen=True)
class Aim:
    """What a study is to find.

    Attributes:
        target_accuracy: that the smallest network has to reach; None: that of the best network found, less the
            tolerance.
        metric: what accuracy is, one of `candidates.METRICS`.
        goal: "smallest", or "most_accurate" among the networks of the grid, which are within the study's limits.
    """

    target_accuracy: float | None = None
    metric: str = "accuracy"
    goal: Literal["smallest", "most_accurate"] = "smallest"


AIM = Aim()


@dataclasses.dataclass(frozen=True)
class Sample:
    """A point with its members, in the order of their seeds.

    Attributes:
        point: the point's id.
        accuracy, train_accuracy: after the last epoch, one for each seed, float64 [S]; the first on the images that
            networks are chosen by.
        selection: which images those are: validation images, or in older records the test split.
        members: the records, in the same order.
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
    selection: Selection
    members: tuple[MemberRecord, ...]

    @property
    def mean(self) -> float:
        """A: the mean accuracy over the seeds."""
        return float(self.accuracy.mean())

    @property
    def sigma(self) -> float:
        """The standard deviation of the accuracy over the seeds, with S - 1."""
        return float(self.accuracy.std(ddof=1))

    @property
    def first_seeds(self) -> int:
        """How many of its seeds are of the first stage, and not fresh."""
        return sum(not member.fresh for member in self.members)

    @property
    def share_correct(self) -> float:
        """The mean share of images classified correctly, which training accuracy is compared with: A, or what A would
        be if all images counted alike."""
        return float(np.mean([final_accuracy(member, "share_correct") for member in self.members]))

    @property
    def gap(self) -> float:
        """The mean of training accuracy less the same share of the images that networks are chosen by."""
        return float(self.train_accuracy.mean()) - self.share_correct

    @property
    def relative_gap(self) -> float:
        """The gap as a share of the error; 0 without an error."""
        error = 1 - self.share_correct
        return self.gap / error if error > 0 else 0.0

    @property
    def depth(self) -> int | None:
        """How many layers it has; None for a point that does not say."""
        return depth(self.fields, self.labels)

    @property
    def equal(self) -> bool:
        """Whether all its layers have the same width."""
        return equal(self.fields, self.labels)

    @property
    def width(self) -> int | None:
        """Units, channels or dimensions of its widest layer; None for a point that does not say."""
        found = [self.labels[name] for name in WIDTHS if name in self.labels]
        return int(found[0]) if found else None


def depth(fields: Mapping[str, Any], labels: Mapping[str, Any]) -> int | None:
    """The label `depth`, or the number of widths; None for a point that has neither."""
    if "depth" in labels:
        return int(labels["depth"])
    widths = fields.get("widths")
    return len(widths) if widths is not None else None


def equal(fields: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether all layers have the same width: by the widths where there are any, as one network may have two names."""
    widths = fields.get("widths")
    if widths is not None:
        return len(set(widths)) <= 1
    return labels.get("shape", "equal") == "equal"


def repeated(members: Iterable[MemberRecord]) -> list[MemberRecord]:
    """The members of those points that have the seeds that a sample needs; a study may end with one seed of a point."""
    listed = list(members)
    seeds: dict[str, set[int]] = {}
    for member in listed:
        seeds.setdefault(member.point, set()).add(member.seed)
    return [member for member in listed if len(seeds[member.point]) >= LEAST_SEEDS]


def samples(members: Iterable[MemberRecord]) -> list[Sample]:
    """Gather members by point, smallest point first.

    A seed recorded twice counts once, by its later record (two studies may share a network). A point that has
    fewer than two seeds without its failed members is left out.

    Raises:
        UserError: a point was given fewer than two seeds, or no member is left.
    """
    points: dict[str, dict[int, MemberRecord]] = {}
    for member in members:
        points.setdefault(member.point, {})[member.seed] = member
    found = []
    for point, by_seed in points.items():
        if len(by_seed) < LEAST_SEEDS:
            name = next(iter(by_seed.values())).name
            raise UserError(
                f"point {point} ({name}) has {len(by_seed)} seed; a standard deviation over seeds needs at least "
                f"{LEAST_SEEDS}"
            )
        usable = [by_seed[seed] for seed in sorted(by_seed) if by_seed[seed].status != "failed"]
        if len(usable) >= LEAST_SEEDS:
            found.append(_sample(usable))
    if not found:
        raise UserError(f"no point of the study has {LEAST_SEEDS} members that did not fail")
    return sorted(found, key=lambda sample: (sample.num_params, sample.name, sample.point))


def _sample(members: Sequence[MemberRecord]) -> Sample:
    first = members[0]
    return Sample(
        point=first.point,
        name=first.name,
        family=first.family,
        dataset=first.dataset,
        fields=first.fields,
        labels=first.labels,
        num_params=first.num_params,
        chance=first.chance,
        seeds=tuple(member.seed for member in members),
        accuracy=np.array([final_accuracy(member) for member in members]),
        train_accuracy=np.array([final_accuracy(member, "train_accuracy") for member in members]),
        selection=first.selection,
        members=tuple(members),
    )


def final_accuracy(
    member: MemberRecord, which: Literal["accuracy", "share_correct", "train_accuracy"] = "accuracy"
) -> float:
    """An accuracy after the last epoch; that of guessing for a member that diverged."""
    return member.chance if member.final is None else getattr(member.final, which)


def groups(found: Iterable[Sample]) -> dict[tuple[str, str], list[Sample]]:
    """Samples by (data set, family), each in the order given: findings over size never mix these."""
    by: dict[tuple[str, str], list[Sample]] = {}
    for sample in found:
        by.setdefault((sample.dataset, sample.family), []).append(sample)
    return dict(sorted(by.items()))
