"""What a page is made of: every network with what was found of it, gathered from one study or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from minjax.report.formats import finite, printable
from minjax.report.study.record import StudyRecord

REGIMES = ("unstable", "learning", "overfitting")
Key = tuple[str, str]  # data set, family: findings over size never mix these


@dataclass(frozen=True)
class Network:
    """A point of a study: one network, trained with several seeds.

    Attributes:
        names: all names that it goes by, the first first.
        members: a record a seed, by seed; those that diverged or failed are among them.
        found: what findings say of it, by the name of their list; of a point that they leave out, nothing.
    """

    point: str
    names: tuple[str, ...]
    family: str
    dataset: str
    labels: dict[str, Any]
    fields: dict[str, Any]
    num_params: int
    members: tuple[dict[str, Any], ...]
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The first of its names, fit to print."""
        return printable(self.names[0])

    @property
    def regime(self) -> str | None:
        """Its regime; None where too many of its members failed for one."""
        name = self.found.get("regimes", {}).get("regime")
        return name if name in REGIMES else None

    @property
    def depth(self) -> int | None:
        """The label `depth`, or the number of widths; None where it has neither."""
        depth, widths = finite(self.labels.get("depth")), self.fields.get("widths")
        if depth is not None:
            return int(depth)
        return len(widths) if isinstance(widths, list) else None

    @property
    def equal(self) -> bool:
        """Whether all layers are as wide, as far as its widths or labels say."""
        widths = self.fields.get("widths")
        if isinstance(widths, list):
            return len(set(map(str, widths))) <= 1
        return self.labels.get("shape", "equal") == "equal"

    @property
    def train(self) -> float | None:
        """Mean accuracy on the training split."""
        mean, gap = self.number("regimes", "mean"), self.number("regimes", "gap")
        return None if mean is None or gap is None else mean + gap

    def number(self, part: str, key: str) -> float | None:
        """A number that was found: ``number("regimes", "sigma")``."""
        return finite(self.found.get(part, {}).get(key))

    def interval(self, part: str) -> tuple[float, float] | None:
        """The interval of what was found."""
        return interval_of(self.found.get(part, {}).get("interval"))

    def ended(self, status: str) -> list[dict[str, Any]]:
        """The members with this status."""
        return [member for member in self.members if member["status"] == status]


@dataclass(frozen=True)
class Evidence:
    """Everything on a page.

    Attributes:
        studies: whose records they are.
        networks: smallest first.
        certificates: one for each family on each data set, in the order of `groups`.
        claims: with their answers.
        tolerance: of accuracy, what counts as the same; None where the findings do not say.
    """

    studies: tuple[StudyRecord, ...]
    networks: tuple[Network, ...]
    certificates: tuple[dict[str, Any], ...]
    claims: tuple[dict[str, Any], ...]
    tolerance: float | None = None

    def groups(self) -> dict[Key, list[Network]]:
        """The networks of each family on each data set."""
        by: dict[Key, list[Network]] = {}
        for network in self.networks:
            by.setdefault((network.dataset, network.family), []).append(network)
        return dict(sorted(by.items()))

    def certificate(self, key: Key) -> dict[str, Any]:
        """That of a group; empty where there is none."""
        return next((one for one in self.certificates if key_of(one) == key), {})


def gather(studies: Sequence[StudyRecord], findings: dict[str, Any]) -> Evidence:
    """Join the members of the studies with what was found of them together.

    Args:
        studies: read; of a point trained with one seed in two of them, the later counts, as in the findings.
        findings: over all their members; of a single study its study.json.
    """
    by_point: dict[str, dict[int, dict[str, Any]]] = {}
    for study in studies:
        for member in study.members:
            by_point.setdefault(member["point"], {})[member["seed"]] = member
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for part in ("regimes", "convergence", "redundancy", "minimal_bits"):
        for record in findings[part]:
            found.setdefault(str(record.get("point")), {})[part] = record
    networks = [_network(by_seed, found.get(point, {})) for point, by_seed in by_point.items()]
    networks.sort(key=lambda network: (network.num_params, network.name, network.point))
    return Evidence(
        studies=tuple(studies),
        networks=tuple(networks),
        certificates=tuple(_certificates(studies, findings, {network.point: network for network in networks})),
        claims=tuple(sorted(findings["claims"], key=lambda one: finite(one.get("number")) or 0)),
        tolerance=next((finite(minimal.get("tolerance")) for minimal in findings["minimals"]), None),
    )


def _network(by_seed: dict[int, dict[str, Any]], found: dict[str, dict[str, Any]]) -> Network:
    members = tuple(by_seed[seed] for seed in sorted(by_seed))
    first = members[0]
    names = dict.fromkeys(str(name) for member in members for name in (member["name"], *(member.get("names") or ())))
    return Network(
        point=first["point"],
        names=tuple(names),
        family=first["family"],
        dataset=first["dataset"],
        labels=first.get("labels") or {},
        fields=first.get("fields") or {},
        num_params=first["num_params"],
        members=members,
        found=found,
    )


def _certificates(
    studies: Sequence[StudyRecord], findings: dict[str, Any], networks: dict[str, Network]
) -> Iterable[dict[str, Any]]:
    """A study's own certificates; where several have a family on a data set, what was found of all together.

    What the findings do not hold (bytes) is then that of the study whose minimal network is the same.
    """
    own = [certificate for study in studies for certificate in (study.summary or {})["certificates"]]
    if len(studies) == 1:
        yield from sorted(own, key=key_of)
        return
    for minimal in sorted(findings["minimals"], key=key_of):
        alike = [one for one in own if key_of(one) == key_of(minimal)]
        same = next((one for one in alike if all(one.get(k) == minimal.get(k) for k in ("point", "interval"))), None)
        if len(alike) == 1 and same is not None:
            yield same
            continue
        network = networks.get(str(minimal.get("point")))
        measured = {} if network is None else network.found
        sized = [one for one in alike if network is not None and one.get("point") == network.point]
        yield minimal | {
            "redundancy": measured.get("redundancy", {}).get("redundancy"),
            "redundancy_interval": measured.get("redundancy", {}).get("interval"),
            "bits": measured.get("minimal_bits", {}).get("bits"),
            "bytes": sized[0].get("bytes") if sized else None,
        }


def key_of(record: dict[str, Any]) -> Key:
    """The data set and family that a record is of."""
    return str(record.get("dataset")), str(record.get("family"))


def interval_of(value: Any) -> tuple[float, float] | None:
    """Two finite numbers, or None."""
    ends = [finite(end) for end in value] if isinstance(value, (list, tuple)) and len(value) == 2 else [None]
    low, high = ends[0], ends[-1]
    return None if low is None or high is None else (low, high)
