"""Tables of a study: its claims, its points, the members that did not complete, and the conditions of it all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from minjax.report import tables
from minjax.report.formats import ABSENT, count, duration, finite, percent, plain, printable, shorten
from minjax.report.study.evidence import Evidence, Network, interval_of
from minjax.report.study.record import MEMBER_STATUSES, StudyRecord
from minjax.report.tables import Table

LOST = 100  # of the members that did not complete, so many are listed
VERDICTS = {"supported": "✓ supported", "contradicted": "✗ contradicted", "inconclusive": "? inconclusive"}
CSV_HEADER = (
    *("point", "name", "other_names", "dataset", "family", "depth", "shape", "num_params", "regime"),
    *("test_accuracy_mean", "test_accuracy_std", "train_accuracy_mean", "gap", "settled_epoch"),
    *("redundancy", "redundancy_low", "redundancy_high", "minimal_bits", "minimal_bits_low", "minimal_bits_high"),
    *("seeds", "completed", "diverged", "failed"),
)


def claims(evidence: Evidence) -> Table:
    """Each claim with its answer, the number that this rests on, its interval and why."""
    rows = []
    for claim in evidence.claims:
        statistic = claim.get("statistic") or {}
        value, interval = finite(statistic.get("value")), interval_of(claim.get("interval"))
        whole = value is not None and value > 1 and all(v == round(v) for v in (value, *(interval or ())))
        figure = count if whole else _figure
        ends = ABSENT if interval is None else f"{figure(interval[0])} to {figure(interval[1])}"
        verdict = str(claim.get("verdict"))
        rows.append(
            (
                plain(claim.get("number")),
                plain(claim.get("statement")),
                VERDICTS.get(verdict, printable(verdict)),
                plain(statistic.get("text")),
                ABSENT if value is None else figure(value),
                ends,
                plain(claim.get("why")),
            )
        )
    header = ("", "claim", "verdict", "what was measured", "value", "95 % interval", "why")
    return Table(header, rows, align="rlllrrl")


def _figure(value: float) -> str:
    """A number that is no size: a share, a correlation, a difference of either."""
    return f"{value:.3f}"


def points(evidence: Evidence, networks: Sequence[Network] | None = None) -> Table:
    """A row a network, smallest first; columns that would be empty are left out."""
    shown = evidence.networks if networks is None else networks
    several = len(evidence.groups()) > 1
    columns: list[tuple[str, str, Callable[[Network], str]]] = [
        ("network", "l", _names),
        ("of", "l", lambda n: printable(f"{n.family} on {n.dataset}") if several else ABSENT),
        ("parameters", "r", lambda n: count(n.num_params)),
        ("regime", "l", lambda n: n.regime or ABSENT),
        ("test accuracy", "r", lambda n: mean_sd(n.number("regimes", "mean"), n.number("regimes", "sigma"))),
        ("training accuracy", "r", lambda n: percent(n.train)),
        ("gap (points)", "r", lambda n: _points(n.number("regimes", "gap"))),
        ("settled (epoch)", "r", lambda n: _settled(n)),
        ("redundancy", "r", lambda n: percent(n.number("redundancy", "redundancy"), 0)),
        ("minimal bits", "r", lambda n: _bits(n.number("minimal_bits", "bits"))),
        ("seeds", "r", lambda n: str(len(n.members))),
        ("diverged", "r", lambda n: str(len(n.ended("diverged")) or ABSENT)),
        ("failed", "r", lambda n: str(len(n.ended("failed")) or ABSENT)),
    ]
    cells = [(name, align, [cell(network) for network in shown]) for name, align, cell in columns]
    kept = [column for column in cells if set(column[2]) != {ABSENT} or column[0] == "network"]
    return Table(
        [name for name, _, _ in kept],
        list(zip(*(values for _, _, values in kept), strict=True)),
        align="".join(align for _, align, _ in kept),
    )


def _names(network: Network) -> str:
    others = [printable(name) for name in network.names[1:]]
    listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return network.name + (f" (also {listed})" if others else "")


def mean_sd(mean: float | None, sd: float | None) -> str:
    """'93.10 ± 0.42 %'."""
    return percent(mean) if mean is None or sd is None else f"{100 * mean:.2f} ± {100 * sd:.2f} %"


def _points(fraction: float | None) -> str:
    return ABSENT if fraction is None else f"{100 * fraction:.1f}"


def _settled(network: Network) -> str:
    epoch = network.number("convergence", "settled")
    return ABSENT if epoch is None else f"{epoch:.1f}"


def _bits(bits: float | None) -> str:
    return ABSENT if bits is None else f"{bits:.1f}"


def points_csv(evidence: Evidence) -> str:
    """The same as data, accuracies as fractions; empty where something was not measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for network in evidence.networks:
        names = [printable(name) for name in network.names]
        row: list[Any] = [network.point, names[0], " ".join(names[1:]), network.dataset, network.family]
        row += [_cell(network.depth), plain(network.labels.get("shape") or ""), network.num_params]
        row.append(network.regime or "")
        row += [_cell(network.number("regimes", key)) for key in ("mean", "sigma")]
        row += [_cell(network.train), _cell(network.number("regimes", "gap"))]
        row.append(_cell(network.number("convergence", "settled")))
        for part, key in (("redundancy", "redundancy"), ("minimal_bits", "bits")):
            row += map(_cell, (network.number(part, key), *(network.interval(part) or (None, None))))
        row.append(" ".join(str(member["seed"]) for member in network.members))
        row += [len(network.ended(status)) for status in MEMBER_STATUSES]
        writer.writerow(row)
    return text.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def lost(evidence: Evidence) -> tuple[Table, int]:
    """The members that diverged or failed and why, at most `LOST` of them; and how many there are."""
    rows = [
        (
            network.name,
            printable(network.dataset),
            str(member["seed"]),
            member["status"],
            shorten(plain(member.get("error")), 200),
        )
        for network in evidence.networks
        for member in network.members
        if member["status"] != "completed"
    ]
    return Table(("network", "data set", "seed", "status", "reason"), rows[:LOST], align="llrll"), len(rows)


def conditions(studies: Sequence[StudyRecord]) -> Table:
    """Under which conditions the members were trained, a column a study."""
    rows = [(name, *(cell(study) for study in studies)) for name, cell in CONDITIONS]
    header = ("", *(study.name if len(studies) > 1 else "" for study in studies))  # the directories tell them apart
    return Table(header, [row for row in rows if set(row[1:]) != {ABSENT}])


def _seeds(study: StudyRecord) -> str:
    return ", ".join(map(str, sorted({member["seed"] for member in study.members})))


def _optimizer(study: StudyRecord) -> str:
    fields = [(name, value) for name, value in tables.flat(study.config.get("optimizer") or {}) if name != "name"]
    chosen = [f"{name} {plain(value)}" for name, value in fields if not name.startswith("preset")]
    return ", ".join([study.optimizer, *chosen])


def _images(study: StudyRecord) -> str:
    sizes = _part(study.config, "data", "sizes") or {}
    known = [f"{count(finite(sizes.get(part)))} {name}" for part, name in (("train", "training"), ("test", "test"))]
    shape = _part(study.config, "data", "image_shape")
    text = " and ".join(known) if finite(sizes.get("train")) is not None else ABSENT
    return text + (f", {' x '.join(map(str, shape))}" if isinstance(shape, list) else "")


def _classes(study: StudyRecord) -> str:
    chances = {finite(member["chance"]) for member in study.members}
    return ", ".join(count(1 / chance) for chance in sorted(filter(None, chances))) or ABSENT


def _members(study: StudyRecord) -> str:
    numbers = (study.summary or {}).get("members") or {}
    parts = [f"{count(n)} {name}" for name in MEMBER_STATUSES if (n := finite(numbers.get(name)))]
    planned = finite(numbers.get("planned"))
    return (", ".join(parts) or ABSENT) + ("" if planned is None else f", of {count(planned)} planned")


def _compression(study: StudyRecord) -> str:
    measured = [member["curves"] for member in study.members if member.get("curves")]
    kinds = {(plain(curves.get("method")), plain(curves.get("scheme"))) for curves in measured}
    return "; ".join(f"pruned by {method}, quantized by {scheme}" for method, scheme in sorted(kinds)) or ABSENT


def _part(record: dict[str, Any], *keys: str) -> Any:
    value: Any = record
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


CONDITIONS: tuple[tuple[str, Callable[[StudyRecord], str]], ...] = (
    ("directory", lambda study: printable(str(study.path))),
    ("status", lambda study: study.status_text()),
    ("data set", lambda study: study.dataset),
    ("images", _images),
    ("classes", _classes),
    ("epochs", lambda study: count(finite(study.config.get("epochs")))),
    ("batch size", lambda study: count(finite(study.config.get("batch_size")))),
    ("optimizer", _optimizer),
    ("numbers", lambda study: plain(study.config.get("dtype"))),
    ("seeds", _seeds),
    ("networks", lambda study: count(len({member["point"] for member in study.members}))),
    ("members", _members),
    ("compression", _compression),
    ("time: training", lambda study: duration(study.number("seconds", "train"))),
    ("time: curves", lambda study: duration(study.number("seconds", "curves"))),
    ("time: compilation", lambda study: duration(study.number("seconds", "compile"))),
    ("time: all", lambda study: duration(study.number("seconds", "total"))),
    ("compilations", lambda study: count(study.number("compilations"))),
    ("device", lambda study: plain((study.summary or {}).get("device"))),
    ("git commit", lambda study: plain((study.summary or {}).get("git_commit"))),
)


def provenance(study: StudyRecord) -> Table:
    """Command, commit, device, versions; the seeds are among the conditions."""
    whole = tables.provenance(study)
    return replace(whole, rows=[row for row in whole.rows if row[0] != "seed"])
