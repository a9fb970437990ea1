"""The winner of a study, and the other networks that are tested with it: chosen from validation accuracies alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from minjax.findings.intervals import student_mean
from minjax.findings.samples import final_accuracy
from minjax.records.answer import Answers
from minjax.records.study import MemberRecord
from minjax.records.winner import Finish, OverSeeds

Networks = Mapping[str, Sequence[MemberRecord]]  # point -> the members that speak for it


def networks(members: Iterable[MemberRecord]) -> dict[str, list[MemberRecord]]:
    """The members by point, those that failed left out; of a point with fresh seeds these alone, because it was chosen
    by the others.
    """
    found: dict[str, list[MemberRecord]] = {}
    for member in sorted(members, key=lambda one: (one.num_params, one.name, one.point, one.seed)):
        if member.status != "failed":
            found.setdefault(member.point, []).append(member)
    return {point: [one for one in own if one.fresh] or own for point, own in found.items()}


def most_accurate(networks: Networks) -> str:
    """The point with the highest mean accuracy; of equals the smallest."""
    return max(networks, key=lambda point: (accuracy(networks[point]), -networks[point][0].num_params))


def accuracy(members: Sequence[MemberRecord]) -> float:
    """The mean over members, one that diverged counting as guessing."""
    return float(np.mean([final_accuracy(member) for member in members]))


def over_seeds(members: Sequence[MemberRecord]) -> OverSeeds:
    """The mean over the members that speak for a network."""
    values = np.array([final_accuracy(member) for member in members])
    interval = None
    if len(values) > 1:
        estimate = student_mean(values)
        interval = max(0.0, estimate.low), min(1.0, estimate.high)
    return OverSeeds(accuracy=float(values.mean()), interval=interval, seeds=len(values), fresh=members[0].fresh)


def best_member(members: Sequence[MemberRecord]) -> MemberRecord | None:
    """The member that stands for a network: the most accurate; of equals the one with the lowest loss. None where none
    completed.
    """
    completed = [member for member in members if member.final is not None]
    return max(completed, default=None, key=lambda member: (final_accuracy(member), -_loss(member), -member.seed))


def finalists(
    found: Answers, networks: Networks, sizes: Mapping[str, int], limit: int, seeds: int
) -> dict[Finish, str]:
    """The points that are tested, by what they are tested as; one point may be several of them.

    Args:
        found: the answers, which name the winner, the most accurate smaller network, and the best found.
        networks: all of the study.
        sizes: point -> bytes of its packed file.
        limit: bytes of the compressed winner.
        seeds: that a network must have to be compared by its mean.
    """
    usable = {point: own for point, own in networks.items() if best_member(own) is not None}
    whole = {point: own for point, own in usable.items() if len(own) >= seeds}
    below, best = found.minimal.below, found.minimal.best
    groups: dict[Finish, list[str]] = {
        "winner": [found.chosen.point],
        "same_size": [point for point in whole if sizes[point] <= limit],
        "linear": [point for point, own in whole.items() if is_linear(own[0])],
        "smaller": [] if below is None else [below.point],
        "best": [best.point],
    }
    known = {role: {point: usable[point] for point in own if point in usable} for role, own in groups.items()}
    return {role: most_accurate(own) for role, own in known.items() if own}


def is_linear(member: MemberRecord) -> bool:
    """Whether it is of the linear classifier: a fully connected network without a hidden layer."""
    return member.fields.get("widths") == []


def _loss(member: MemberRecord) -> float:
    loss = None if member.final is None else member.final.validation_loss
    return float("inf") if loss is None else loss
