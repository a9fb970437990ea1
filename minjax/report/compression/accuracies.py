"""Tables of accuracies: by amount as in paper 1's Tables 6 and 7, by bits, by round, by leaf; and where curves turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minjax.report import paper
from minjax.report.compression.lines import (
    RECIPE,
    SCHEME,
    SERIES,
    aware_pairs,
    joined,
    pruned_points,
    scheme_label,
    series_name,
)
from minjax.report.compression.names import (
    PAPER_LABELS,
    PAPER_METHODS,
    is_format,
    method_name,
    ordered,
    scheme_name,
    with_norm,
)
from minjax.report.compression.record import TRAINED, CompressionRecord, Point, grouped, norms
from minjax.report.formats import ABSENT, decimal, finite, percent, printable
from minjax.report.tables import Table

MOST_ROWS = 41  # amounts in a table; of more, those in steps of 5 % are shown
PAPER_NETWORK = "ResNet18, CIFAR-10"
Captioned = tuple[str, Table]


def hundredths(fraction: float | None) -> str:
    """0.9172 -> '91.72', for tables whose caption says percent."""
    return ABSENT if fraction is None else f"{100 * fraction:.2f}"


def has_papers_method(record: CompressionRecord) -> bool:
    """Whether the paper pruned a network of this name; on which data is said beside its figures."""
    return record.model.startswith("resnet18")


def pruning(record: CompressionRecord) -> list[Captioned]:
    """Accuracy by amount, a column a method, a table a kind of batch-norm statistics.

    Beside a method that the paper used stands the paper's column where the network is a ResNet18; in the table of
    batch norm as trained, as the paper left the statistics untouched.
    """
    points = pruned_points(record)
    return [
        (
            with_norm("Test accuracy (%) by amount pruned (%)", bn, norms(record.points)),
            _by_amount(record, [point for point in points if point.bn == bn], bn == TRAINED),
        )
        for bn in norms(points)
    ]


def _by_amount(record: CompressionRecord, points: Sequence[Point], with_papers: bool) -> Table:
    amounts = _amounts([point.amount for point in points if point.amount is not None])
    with_papers = with_papers and has_papers_method(record)
    papers_amounts, papers = paper.pruning()
    ours = f" ({record.model}, {record.dataset})" if with_papers else ""
    lines, shown = grouped(points, "method", "exclude"), set()
    columns: list[tuple[str, dict[float, float | None]]] = []
    for key in ordered(lines):
        accuracies = {round(p.amount, 6): p.accuracy for p in lines[key] if p.amount is not None}
        columns.append((method_name(*key) + ours, accuracies))
        method = key[0]
        if with_papers and method in PAPER_METHODS and method not in shown:
            shown.add(method)
            values = zip(papers_amounts, papers[PAPER_METHODS[method]], strict=True)
            columns.append(
                (f"paper: {PAPER_LABELS[method]} ({PAPER_NETWORK})", {round(a, 6): value for a, value in values})
            )
    rows = [(f"{100 * a:.4g}", *(hundredths(column.get(round(a, 6))) for _, column in columns)) for a in amounts]
    return Table(("amount", *(name for name, _ in columns)), rows, align="r" * (len(columns) + 1))


def _amounts(measured: Sequence[float]) -> list[float]:
    amounts = sorted({round(amount, 6) for amount in measured})
    steps = [amount for amount in amounts if abs(20 * amount - round(20 * amount)) < 1e-4]
    return steps if len(amounts) > MOST_ROWS and len(steps) > 1 else amounts


def quantization(record: CompressionRecord) -> list[Captioned]:
    """Accuracy by bits, a column a scheme, a table a kind of batch-norm statistics; then the number formats."""
    points = [point for point in record.of("quantization") if point.bits is not None]
    schemes = [point for point in points if not is_format(point.scheme)]
    tables = []
    for bn in norms(schemes):
        lines = grouped((point for point in schemes if point.bn == bn), *SCHEME)
        bits = sorted({point.bits for group in lines.values() for point in group if point.bits}, reverse=True)
        columns = [{point.bits: point.accuracy for point in group} for group in lines.values()]
        rows = [(str(b), *(hundredths(column.get(b)) for column in columns)) for b in bits]
        whole = {point.activation_bits: point.accuracy for point in record.of("quantization", bits=None, bn=bn)}
        if whole:
            rows.insert(0, ("32, not quantized", *(hundredths(whole.get(key[1])) for key in lines)))
        header = ("bits", *map(scheme_label, lines))
        caption = with_norm("Test accuracy (%) by bits of a weight", bn, norms(record.points))
        tables.append((caption, Table(header, rows, align="r" * len(header))))
    formats = [point for point in points if is_format(point.scheme)]
    if formats:
        tables.append(("Number formats", _formats(formats, norms(record.points))))
    return tables


def _formats(points: Sequence[Point], found: Sequence[str]) -> Table:
    rows = [
        (
            with_norm(scheme_label(tuple(getattr(point, field) for field in SCHEME)), point.bn, found),
            str(point.bits),
            percent(point.accuracy),
            decimal(point.loss),
        )
        for point in points
    ]
    return Table(("format", "bits", "test accuracy", "test loss"), rows, align="lrrr")


def phases(record: CompressionRecord) -> Table:
    """Where each curve leaves the plateau, turns, and collapses; amounts in percent, or bits."""
    rows, found = [], norms(record.points)
    for phase in record.listed("phases"):
        if phase.get("curve") == "quantization":
            name, show = scheme_name(phase.get("scheme"), phase.get("activation_bits")), _bits
        else:
            name, show = method_name(phase.get("method"), phase.get("exclude") or ()), _amount
        turns = [show(finite(phase.get(key))) for key in ("plateau_end", "knee", "collapse_start")]
        end, redundancy = finite(phase.get("plateau_end")), finite(phase.get("redundancy"))
        if redundancy is not None and redundancy != end:
            turns[0] += f" (redundancy {percent(redundancy, 1)})"
        name = with_norm(name, phase.get("bn") or TRAINED, found)
        rows.append((printable(str(phase.get("curve"))), name, *turns))
    return Table(("curve", "of", "plateau ends (redundancy)", "knee", "collapse begins"), rows, align="llrrr")


def _amount(value: float | None) -> str:
    return "not reached" if value is None else f"{100 * value:.4g} %"


def _bits(value: float | None) -> str:
    return "not reached" if value is None else f"{value:g} bit{'' if value == 1 else 's'}"


def rounds(record: CompressionRecord) -> Table:
    """Accuracy after each round, a row a round, a column a series, with the sparsity reached."""
    points = [point for point in record.of("rounds") if point.round is not None]
    groups = joined(points, *SERIES)
    numbers = sorted({point.round for point in points if point.round is not None})
    rows = []
    for number in numbers:
        cells = []
        for group in groups.values():
            at = next((point for point in group if point.round == number), None)
            cells.append(ABSENT if at is None else f"{hundredths(at.accuracy)} at {hundredths(at.sparsity)}")
        rows.append((str(number), *cells))
    header = ("round", *(series_name(key, list(groups)) for key in groups))
    return Table(header, rows, align="r" * len(header))


def aware(record: CompressionRecord) -> Table:
    """Quantized in training beside quantized after it at the same bits, and the difference in points."""
    pairs = aware_pairs(record)
    found = [key[-1] for key, _, _ in pairs]
    rows = []
    for key, group, baseline in pairs:
        after = {point.bits: point.accuracy for point in baseline}
        for point in sorted(group, key=lambda p: -(p.bits or 0)):
            beside = after.get(point.bits)
            gain = ABSENT
            if beside is not None and point.accuracy is not None:
                gain = f"{100 * (point.accuracy - beside):+.2f}"
            name = with_norm(scheme_label(key[:-1]), key[-1], found)
            rows.append((name, str(point.bits), percent(beside), percent(point.accuracy), gain))
    header = ("scheme", "bits", "after training", "in training", "gain (points)")
    return Table(header, rows, align="lrrrr")


def sensitivity(record: CompressionRecord, most: int = 30) -> Table:
    """What each leaf alone bears within one point of the dense network; the most sensitive first, at most `most`."""
    points, floor = record.of("sensitivity"), record.floor or 0.0
    recipes = grouped(points, *RECIPE)
    header, columns = ["leaf"], []
    for (method, exclude, scheme, activation_bits, bn), group in recipes.items():
        by_bits = any(point.bits is not None for point in group)
        name = f"fewest bits, {scheme_name(scheme, activation_bits)}" if by_bits else method_name(method, exclude)
        header.append(with_norm(name if by_bits else f"largest amount, {name}", bn, norms(points)))
        columns.append({leaf: _bears(alone, floor) for (leaf,), alone in grouped(group, "layer").items()})
    leaves = [leaf for (leaf,) in grouped(points, "layer") if leaf is not None]
    leaves.sort(key=lambda leaf: [column.get(leaf, (0.0, ""))[0] for column in columns])
    rows = [(printable(leaf), *(column.get(leaf, (0.0, ABSENT))[1] for column in columns)) for leaf in leaves[:most]]
    return Table(header, rows, align="l" + "r" * len(columns))


def _bears(points: Sequence[Point], floor: float) -> tuple[float, str]:
    """How far a leaf goes before it first leaves the plateau: a number that grows with it, and as text."""
    borne: Any = None
    by_bits = any(point.bits is not None for point in points)
    for point in sorted(points, key=lambda p: -(p.bits or 0) if by_bits else p.amount or 0.0):
        if (point.accuracy or 0.0) < floor:
            break
        borne = point.bits if by_bits else point.amount
    if borne is None:
        return (-1e9 if by_bits else -1.0), f"not {'the most' if by_bits else 'the least'} measured"
    return (-float(borne), str(borne)) if by_bits else (float(borne), f"{100 * borne:.4g} %")
