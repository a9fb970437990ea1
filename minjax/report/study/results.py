"""What a page is made of: every network with what was found about it, from one study or several."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Literal

from minjax.errors import UserError
from minjax.findings import samples
from minjax.findings.answers import Asked
from minjax.findings.samples import LIMITS, Limits
from minjax.records.answer import Answer, Selection
from minjax.records.finding import Certificate, Convergence, Findings, MinimalBits, Redundancy, Regime
from minjax.records.study import MemberRecord, Study, StudySummary, selection
from minjax.report.formats import printable

Key = tuple[str, str]  # data set, family: findings over size never mix these
Kind = Literal["pruning", "quantization"]
KINDS: tuple[Kind, ...] = ("pruning", "quantization")


@dataclass(frozen=True)
class Network:
    """A point of a study: one network, trained with several seeds.

    Attributes:
        members: one for each seed, by seed; those that diverged or failed are among them.
        names: all names that it goes by.
        regime, convergence, redundancy, minimal_bits: what was found about it; None: nothing.
    """

    members: tuple[MemberRecord, ...]
    names: tuple[str, ...]
    regime: Regime | None = None
    convergence: Convergence | None = None
    redundancy: Redundancy | None = None
    minimal_bits: MinimalBits | None = None

    @property
    def point(self) -> str:
        """The id of the point."""
        return self.members[0].point

    @property
    def name(self) -> str:
        """The first of its names, fit to print."""
        return printable(self.names[0])

    @property
    def key(self) -> Key:
        """Its data set and its family."""
        return self.members[0].dataset, self.members[0].family

    @property
    def num_params(self) -> int:
        """Trainable parameters."""
        return self.members[0].num_params

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return self.members[0].chance

    @property
    def labels(self) -> dict[str, Any]:
        """Where it stands on the axes of the grid."""
        return self.members[0].labels

    @property
    def selection(self) -> Selection:
        """The images that its accuracy was measured on: those that networks are chosen by."""
        return selection(self.members)

    @property
    def measured(self) -> str:
        """What its accuracy is: 'validation accuracy', or 'validation balanced accuracy'."""
        balanced = any(member.final and member.final.balanced_accuracy is not None for member in self.members)
        return f"{self.selection} {'balanced ' * balanced}accuracy"

    @property
    def depth(self) -> int | None:
        """How many layers it has; None for a network that does not say."""
        return samples.depth(self.members[0].fields, self.labels)

    @property
    def equal(self) -> bool:
        """Whether all its layers have the same width."""
        return samples.equal(self.members[0].fields, self.labels)

    @property
    def train_accuracy(self) -> float | None:
        """Mean accuracy on the training split; None without a regime."""
        if self.regime is None:
            return None
        return mean(samples.final_accuracy(one, "train_accuracy") for one in self.members if one.status != "failed")

    def resilience(self, kind: Kind) -> Redundancy | MinimalBits | None:
        """How far it can be pruned or quantized; None: not measured."""
        return self.redundancy if kind == "pruning" else self.minimal_bits

    def ended(self, status: str) -> list[MemberRecord]:
        """The members with this status."""
        return [member for member in self.members if member.status == status]


def plateau_end(found: Redundancy | MinimalBits) -> float:
    """The largest sparsity, or the fewest bits, on the plateau."""
    return found.redundancy if isinstance(found, Redundancy) else found.bits


@dataclass(frozen=True)
class Results:
    """Everything on a page.

    Attributes:
        studies: whose records they are; all of them are finished.
        networks: smallest first.
        findings: over all members together.
        limits: the tolerances of the findings.
    """

    studies: tuple[Study, ...]
    networks: tuple[Network, ...]
    findings: Findings
    limits: Limits

    @property
    def selection(self) -> Selection:
        """The images that networks were chosen by: those of all accuracies on the page but the training accuracies."""
        return selection([member for study in self.studies for member in study.members])

    def groups(self) -> dict[Key, list[Network]]:
        """The networks of each family on each data set."""
        by: dict[Key, list[Network]] = {}
        for network in self.networks:
            by.setdefault(network.key, []).append(network)
        return dict(sorted(by.items()))

    @property
    def certificates(self) -> list[Certificate]:
        """One for each family on each data set, in the order of `groups`."""
        return sorted(self.findings.certificates, key=lambda one: (one.dataset, one.family))

    def minimal(self, key: Key) -> Answer | None:
        """The minimal size of a group; None where its networks say nothing."""
        own = (one.minimal for one in self.findings.certificates if (one.dataset, one.family) == key)
        return next(own, None)


def gather(studies: Sequence[Study], findings: Findings) -> Results:
    """Join the members of finished studies with what was found about them together.

    Args:
        studies: of a point trained with one seed in two of them, the later counts, as in the findings.
        findings: over all their members; for a single study those of its study.json.
    """
    by_point: dict[str, dict[int, MemberRecord]] = {}
    for member in (member for study in studies for member in study.members):
        by_point.setdefault(member.point, {})[member.seed] = member
    regimes = {one.point: one for one in findings.regimes}
    convergence = {one.point: one for one in findings.convergence}
    redundancy = {one.point: one for one in findings.redundancy}
    minimal_bits = {one.point: one for one in findings.minimal_bits}
    networks = []
    for point, by_seed in by_point.items():
        members = tuple(by_seed[seed] for seed in sorted(by_seed))
        networks.append(
            Network(
                members=members,
                names=tuple(dict.fromkeys(name for member in members for name in (member.name, *member.names))),
                regime=regimes.get(point),
                convergence=convergence.get(point),
                redundancy=redundancy.get(point),
                minimal_bits=minimal_bits.get(point),
            )
        )
    networks.sort(key=lambda network: (network.num_params, network.name, network.point))
    return Results(tuple(studies), tuple(networks), findings, common_limits(studies))


def common_limits(studies: Iterable[Study]) -> Limits:
    """The tolerances that the studies were made with: one set, as findings over all of them have only one.

    Raises:
        UserError: two studies have different ones.
    """
    found = [(study.path, _limits(study)) for study in studies]
    first, limits = found[0]
    for path, others in found:
        if others != limits:
            pairs = {name: (value, getattr(others, name)) for name, value in vars(limits).items()}
            said = [f"study.{name} {one:g} and {other:g}" for name, (one, other) in pairs.items() if one != other]
            raise UserError(f"{first} and {path} have different tolerances ({', '.join(said)}): report on each alone")
    return limits


def questions(studies: Iterable[Study]) -> dict[str, Asked]:
    """Data set -> what its studies ask; findings over all of them have one question.

    Of points that two of them share, those that fewer seeds are enough for count in both.

    Raises:
        UserError: two studies of a data set have different targets or metrics.
    """
    by_dataset: dict[str, tuple[Path, Asked]] = {}
    for study in studies:
        asked = Asked.of(study.config)
        for dataset in {member.dataset for member in study.members}:
            path, first = by_dataset.setdefault(dataset, (study.path, asked))
            if first.aim != asked.aim:
                raise UserError(
                    f"{path} and {study.path} ask for different accuracies on {dataset}, {_wanted(first)} and "
                    f"{_wanted(asked)}: report on each alone"
                )
            by_dataset[dataset] = path, dataclasses.replace(first, seeds=min(first.seeds, asked.seeds))
    return {dataset: asked for dataset, (_, asked) in by_dataset.items()}


def _wanted(asked: Asked) -> str:
    target = asked.aim.target_accuracy
    level = "that of the best found" if target is None else f"{100 * target:g} %"
    return f"{level} ({asked.aim.metric.replace('_', ' ')}, {asked.aim.goal.replace('_', ' ')})"


def _limits(study: Study) -> Limits:
    section = study.config.get("study", {})
    names = [field.name for field in dataclasses.fields(Limits)]
    return dataclasses.replace(LIMITS, **{name: section[name] for name in names if section.get(name) is not None})


def summary(study: Study) -> StudySummary:
    """The summary of a finished study."""
    assert study.summary is not None
    return study.summary


def study_name(study: Study) -> str:
    """The study's name, or its directory's."""
    return printable(summary(study).name or str(study.config.get("name") or study.path.resolve().name))
