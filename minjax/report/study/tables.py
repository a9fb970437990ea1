"""Tables of a study: its claims, its networks, the members that did not complete, how they were trained, on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from minjax.findings.words import listed, plural, spread
from minjax.records.files import csv_text
from minjax.records.finding import Claim, Regime
from minjax.records.record import Interval
from minjax.records.study import Study
from minjax.report.formats import ABSENT, count, duration, percent, plain, printable, shorten
from minjax.report.page import Table, columns
from minjax.report.study.results import Network, plateau_end, study_name, summary

LOST = 100  # of the members that did not complete, this many are listed
MEMBER_STATUSES = ("completed", "diverged", "failed")
STATUSES = {
    "completed": "completed",
    "interrupted": "interrupted before all of its members were trained",
    "budget": "stopped at its time budget before all of its members were trained",
}
SPLITS = (("train", "training"), ("validation", "validation"), ("test", "test"))
VERDICTS = {"supported": "✓ supported", "contradicted": "✗ contradicted", "inconclusive": "? inconclusive"}
CSV_HEADER = (
    *("point", "name", "other_names", "dataset", "family", "depth", "shape", "num_params", "regime"),
    *("selection", "accuracy_mean", "accuracy_std", "train_accuracy_mean", "gap", "settled_epoch"),
    *("redundancy", "redundancy_low", "redundancy_high", "minimal_bits", "minimal_bits_low", "minimal_bits_high"),
    *("seeds", "completed", "diverged", "failed"),
)


def claims(found: Sequence[Claim]) -> Table:
    """Each claim with its verdict, the number that the verdict rests on, its interval and why."""
    rows = [
        (
            f"{claim.number} {claim.part}".strip(),
            claim.statement,
            VERDICTS[claim.verdict],
            claim.statistic.text,
            *value_and_interval(claim.statistic.value, claim.interval),
            claim.why,
        )
        for claim in sorted(found, key=lambda claim: claim.number)
    ]
    header = ("", "claim", "verdict", "what was measured", "value", "95 % interval", "why")
    return Table(header, rows, align="llllrrl")


def value_and_interval(value: float | None, interval: Interval | None) -> tuple[str, str]:
    """Sizes as whole numbers; shares, correlations and their differences with three digits."""
    whole = value is not None and value > 1 and all(number == round(number) for number in (value, *(interval or ())))
    show: Callable[[float], str] = count if whole else "{:.3f}".format
    return (
        ABSENT if value is None else show(value),
        ABSENT if interval is None else f"{show(interval[0])} to {show(interval[1])}",
    )


def networks_table(networks: Sequence[Network], *, several: bool) -> Table:
    """A row for each network; columns that would be empty are left out.

    Args:
        networks: smallest first.
        several: whether there are several families or data sets, so that each row must say its own.
    """
    found: list[tuple[str, str, list[str]]] = [
        ("network", "l", [_names(n) for n in networks]),
        ("family", "l", [f"{n.key[1]} on {n.key[0]}" if several else ABSENT for n in networks]),
        ("parameters", "r", [count(n.num_params) for n in networks]),
        ("regime", "l", [_regime(n.regime) if n.regime else ABSENT for n in networks]),
        (
            networks[0].measured,
            "r",
            [spread(n.regime.mean, n.regime.sigma) if n.regime else ABSENT for n in networks],
        ),
        ("training accuracy", "r", [percent(n.train_accuracy) for n in networks]),
        ("gap (points)", "r", [f"{100 * n.regime.gap:.1f}" if n.regime else ABSENT for n in networks]),
        ("settled (epoch)", "r", [f"{n.convergence.settled:.1f}" if n.convergence else ABSENT for n in networks]),
        ("redundancy", "r", [percent(n.redundancy.redundancy, 0) if n.redundancy else ABSENT for n in networks]),
        ("minimal bits", "r", [f"{n.minimal_bits.bits:.1f}" if n.minimal_bits else ABSENT for n in networks]),
        ("seeds", "r", [str(len(n.members)) for n in networks]),
        ("diverged", "r", [str(len(n.ended("diverged")) or ABSENT) for n in networks]),
        ("failed", "r", [str(len(n.ended("failed")) or ABSENT) for n in networks]),
    ]
    return columns(*found, optional=[name for name, _, _ in found[1:]])


def _regime(found: Regime) -> str:
    """'overfitting (gap)', '(loss)' or '(gap, loss)': by which of the two readings."""
    readings = [name for name, says in (("gap", found.by_gap), ("loss", found.by_loss)) if says]
    return found.regime + (f" ({', '.join(readings)})" if readings else "")


def _names(network: Network) -> str:
    others = network.names[1:]
    names = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return network.name + (f" (also {names})" if others else "")


def networks_csv(networks: Sequence[Network]) -> str:
    """The same as data, accuracies as fractions; empty where something was not measured."""
    rows: list[Iterable[Any]] = [CSV_HEADER]
    for network in networks:
        regime, convergence = network.regime, network.convergence
        row: list[Any] = [network.point, network.name, " ".join(network.names[1:]), *network.key]
        row += [_cell(network.depth), str(network.labels.get("shape") or ""), network.num_params]
        row += [regime.regime if regime else "", network.selection]
        row += [_cell(getattr(regime, name, None)) for name in ("mean", "sigma")]
        row += [_cell(network.train_accuracy), _cell(regime.gap if regime else None)]
        row.append(_cell(convergence.settled if convergence else None))
        for found in (network.redundancy, network.minimal_bits):
            ends = (found.interval if found else None) or (None, None)
            row += [_cell(plateau_end(found) if found else None), *map(_cell, ends)]
        row.append(" ".join(str(member.seed) for member in network.members))
        row += [len(network.ended(status)) for status in MEMBER_STATUSES]
        rows.append([printable(cell) if isinstance(cell, str) else cell for cell in row])
    return csv_text(rows)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def lost(networks: Sequence[Network]) -> Table:
    """The members that diverged or failed, and why."""
    rows = [
        (network.name, member.dataset, str(member.seed), member.status, shorten(plain(member.error), 200))
        for network in networks
        for member in network.members
        if member.status != "completed"
    ]
    return Table(("network", "data set", "seed", "status", "reason"), rows, align="llrll")


def training(study: Study, caption: str = "") -> Table:
    """The settings that were used, a column for each way in which points were trained."""
    ways = summary(study).training
    fields = dict.fromkeys(field for way in ways for field in way.settings)
    rows = [(field, *(plain(way.settings.get(field)) for way in ways)) for field in fields]
    header = ("setting", *(f"{', '.join(way.families)} ({plural(way.points, 'network')})" for way in ways))
    return Table(header, rows, caption=caption)


def conditions(studies: Sequence[Study]) -> Table:
    """On which data, on which machine and in how much time the members were trained, a column for each study."""
    rows = [(name, *(cell(study) for study in studies)) for name, cell in CONDITIONS]
    header = ("", *(study_name(study) if len(studies) > 1 else "" for study in studies))
    return Table(header, [row for row in rows if set(row[1:]) != {ABSENT}])


def _datasets(study: Study) -> str:
    return ", ".join(dict.fromkeys(member.dataset for member in study.members))


def _seeds(study: Study) -> str:
    return ", ".join(map(str, sorted({member.seed for member in study.members})))


def _images(study: Study) -> str:
    data = study.config.get("data") or {}
    sizes, shape = data.get("sizes") or {}, data.get("image_shape")
    known = [f"{count(sizes[part])} {name}" for part, name in SPLITS if part in sizes]
    return (listed(known) or ABSENT) + (f", {' x '.join(map(str, shape))}" if shape else "")


def _classes(study: Study) -> str:
    chances = {member.chance for member in study.members}
    return ", ".join(count(1 / chance) for chance in sorted(chances) if chance) or ABSENT


def _members(study: Study) -> str:
    counts = summary(study).members
    parts = [f"{count(getattr(counts, name))} {name}" for name in MEMBER_STATUSES if getattr(counts, name)]
    return f"{', '.join(parts) or ABSENT}, of {count(counts.planned)} planned"


def _compression(study: Study) -> str:
    kinds = {(member.curves.method, member.curves.scheme) for member in study.members if member.curves}
    return "; ".join(f"pruned by {method}, quantized by {scheme}" for method, scheme in sorted(kinds)) or ABSENT


CONDITIONS: tuple[tuple[str, Callable[[Study], str]], ...] = (
    ("directory", lambda study: str(study.path)),
    ("status", lambda study: STATUSES[summary(study).status]),
    ("data set", _datasets),
    ("images", _images),
    ("classes", _classes),
    ("seeds", _seeds),
    ("networks", lambda study: count(len({member.point for member in study.members}))),
    ("members", _members),
    ("compression", _compression),
    ("training time", lambda study: duration(summary(study).seconds.train)),
    ("time for curves", lambda study: duration(summary(study).seconds.curves)),
    ("compilation time", lambda study: duration(summary(study).seconds.compile)),
    ("total time", lambda study: duration(summary(study).seconds.total)),
    ("compilations", lambda study: count(summary(study).compilations)),
    ("device", lambda study: plain(summary(study).device)),
    ("git commit", lambda study: plain(summary(study).git_commit)),
)
