"""Tables of accuracies: by amount as in paper 1's Tables 6 and 7, by bits, by round, by leaf; and where curves turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minjax.records.compression import TRAINED, Compression, Measurement
from minjax.report import paper
from minjax.report.compression.curves import (
    RECIPE,
    SCHEME,
    SERIES,
    aware_pairs,
    floor,
    grouped,
    is_format,
    joined,
    method_name,
    of,
    ordered,
    pruned_lines,
    result,
    scheme_label,
    scheme_name,
    series_name,
    statistics,
    with_statistics,
)
from minjax.report.formats import ABSENT, decimal, percent
from minjax.report.page import Table

MOST_ROWS = 41  # amounts in a table; of more, those in steps of 5 % are shown
PAPER_NETWORK = "ResNet18, CIFAR-10"


def hundredths(fraction: float | None) -> str:
    """0.9172 -> '91.72', for tables whose caption says percent."""
    return ABSENT if fraction is None else f"{100 * fraction:.2f}"


def has_papers_method(compression: Compression) -> bool:
    """Whether the paper pruned a network of this name; the data are named beside its figures."""
    return result(compression).model.startswith("resnet18")


def pruning(compression: Compression) -> list[Table]:
    """Accuracy by amount, a column for each method, a table for each kind of batch-norm statistics.

    Where the network is a ResNet18, the paper's column stands beside each method that the paper used; in the table of
    batch norm as trained, as the paper left the statistics untouched.
    """
    lines = pruned_lines(compression)
    return [
        _by_amount(compression, [line for line in lines if line.batch_norm == kind], kind) for kind in statistics(lines)
    ]


def _by_amount(compression: Compression, lines: Sequence[Measurement], kind: str) -> Table:
    with_papers = kind == TRAINED and has_papers_method(compression)
    papers_amounts, papers = paper.pruning()
    ours = f" ({result(compression).model}, {result(compression).dataset})" if with_papers else ""
    curves, shown = grouped(lines, "method", "exclude"), set()
    columns: list[tuple[str, dict[float, float]]] = []
    for key in ordered(curves):
        accuracies = {round(line.amount, 6): line.accuracy for line in curves[key] if line.amount is not None}
        columns.append((method_name(*key) + ours, accuracies))
        method = key[0]
        if with_papers and method in paper.METHODS and method not in shown:
            shown.add(method)
            values = zip(papers_amounts, papers[paper.METHODS[method]], strict=True)
            columns.append(
                (
                    f"paper 1: {paper.METHOD_NAMES[method]} ({PAPER_NETWORK})",
                    {round(a, 6): value for a, value in values},
                )
            )
    amounts = _amounts([line.amount for line in lines if line.amount is not None])
    rows = [(f"{100 * a:.4g}", *(hundredths(column.get(a)) for _, column in columns)) for a in amounts]
    caption = with_statistics("Test accuracy (%) by amount pruned (%)", kind, statistics(compression.measurements))
    return Table(("amount", *(name for name, _ in columns)), rows, align="r" * (len(columns) + 1), caption=caption)


def _amounts(measured: Sequence[float]) -> list[float]:
    amounts = sorted({round(amount, 6) for amount in measured})
    steps = [amount for amount in amounts if abs(20 * amount - round(20 * amount)) < 1e-4]
    return steps if len(amounts) > MOST_ROWS and len(steps) > 1 else amounts


def quantization(compression: Compression) -> list[Table]:
    """Accuracy by bits, a column for each scheme, a table for each kind of batch-norm statistics; then the formats."""
    every, found = of(compression, "quantization"), statistics(compression.measurements)
    lines = [line for line in every if line.bits is not None]
    schemes = [line for line in lines if not is_format(line.scheme)]
    tables = []
    for kind in statistics(schemes):
        curves = grouped((line for line in schemes if line.batch_norm == kind), *SCHEME)
        bits = sorted({line.bits for group in curves.values() for line in group if line.bits}, reverse=True)
        columns = [{line.bits: line.accuracy for line in group} for group in curves.values()]
        rows = [(str(b), *(hundredths(column.get(b)) for column in columns)) for b in bits]
        whole = {line.activation_bits: line.accuracy for line in every if line.bits is None and line.batch_norm == kind}
        if whole:
            rows.insert(0, ("32, not quantized", *(hundredths(whole.get(key[1])) for key in curves)))
        header = ("bits", *map(scheme_label, curves))
        caption = with_statistics("Test accuracy (%) by bits per weight", kind, found)
        tables.append(Table(header, rows, align="r" * len(header), caption=caption))
    formats = [line for line in lines if is_format(line.scheme)]
    return [*tables, _formats(formats, found)] if formats else tables


def _formats(lines: Sequence[Measurement], found: Sequence[str]) -> Table:
    rows = [
        (
            with_statistics(scheme_label(tuple(getattr(line, field) for field in SCHEME)), line.batch_norm, found),
            str(line.bits),
            percent(line.accuracy),
            decimal(line.loss),
        )
        for line in lines
    ]
    return Table(("format", "bits", "test accuracy", "test loss"), rows, align="lrrr", caption="Number formats")


def phases(compression: Compression) -> Table:
    """Where each curve leaves the plateau, bends most, and collapses; amounts in percent, or bits."""
    rows, found = [], statistics(compression.measurements)
    for entry in result(compression).phases:
        if entry.curve == "quantization":
            name, show = scheme_name(entry.scheme, entry.activation_bits), _bits
        else:
            name, show = method_name(entry.method, entry.exclude), _amount
        turns = [show(value) for value in (entry.plateau_end, entry.knee, entry.collapse_start)]
        rows.append((entry.curve, with_statistics(name, entry.batch_norm, found), *turns))
    header = ("curve", "method or scheme", "plateau ends", "knee", "collapse begins")
    return Table(header, rows, align="llrrr")


def _amount(value: float | None) -> str:
    return "not reached" if value is None else f"{100 * value:.4g} %"


def _bits(value: float | None) -> str:
    return "not reached" if value is None else f"{value:g} bit{'' if value == 1 else 's'}"


def rounds(compression: Compression) -> Table:
    """Accuracy and sparsity after each round, a row for each round, a column for each series."""
    lines = [line for line in of(compression, "rounds") if line.round is not None]
    groups = joined(lines, *SERIES)
    rows = []
    for number in sorted({line.round for line in lines if line.round is not None}):
        cells = []
        for group in groups.values():
            at = next((line for line in group if line.round == number), None)
            cells.append(ABSENT if at is None else f"{hundredths(at.accuracy)} at {hundredths(at.sparsity)}")
        rows.append((str(number), *cells))
    header = ("round", *(series_name(key, list(groups)) for key in groups))
    return Table(header, rows, align="r" * len(header))


def aware(compression: Compression) -> Table:
    """Quantized in training beside quantized after it at the same bits, and the difference in points."""
    pairs = aware_pairs(compression)
    found = [key[-1] for key, _, _ in pairs]
    rows = []
    for key, group, baseline in pairs:
        after = {line.bits: line.accuracy for line in baseline}
        name = with_statistics(scheme_label(key[:-1]), key[-1], found)
        for line in sorted(group, key=lambda line: -(line.bits or 0)):
            beside = after.get(line.bits)
            gain = ABSENT if beside is None else f"{100 * (line.accuracy - beside):+.2f}"
            rows.append((name, str(line.bits), percent(beside), percent(line.accuracy), gain))
    header = ("scheme", "bits", "after training", "in training", "gain (points)")
    return Table(header, rows, align="lrrrr")


def sensitivity(compression: Compression, most: int = 30) -> Table:
    """What each leaf alone can lose on the plateau of the dense network; the most sensitive first, at most `most`."""
    lines, least = of(compression, "sensitivity"), floor(compression)
    header, columns = ["leaf"], []
    for (method, exclude, scheme, activation_bits, kind), group in grouped(lines, *RECIPE).items():
        by_bits = any(line.bits is not None for line in group)
        name = f"fewest bits, {scheme_name(scheme, activation_bits)}" if by_bits else method_name(method, exclude)
        header.append(with_statistics(name if by_bits else f"largest amount, {name}", kind, statistics(lines)))
        columns.append({leaf: _bears(alone, least) for (leaf,), alone in grouped(group, "layer").items()})
    leaves = [leaf for (leaf,) in grouped(lines, "layer") if leaf is not None]
    leaves.sort(key=lambda leaf: [column.get(leaf, (0.0, ""))[0] for column in columns])
    rows = [(leaf, *(column.get(leaf, (0.0, ABSENT))[1] for column in columns)) for leaf in leaves[:most]]
    return Table(header, rows, align="l" + "r" * len(columns))


def _bears(lines: Sequence[Measurement], least: float) -> tuple[float, str]:
    """How far a leaf goes before it first leaves the plateau: a number that grows with it, and as text."""
    borne: Any = None
    by_bits = any(line.bits is not None for line in lines)
    for line in sorted(lines, key=lambda line: -(line.bits or 0) if by_bits else line.amount or 0.0):
        if line.accuracy < least:
            break
        borne = line.bits if by_bits else line.amount
    if borne is None:
        return (-1e9, "more than measured") if by_bits else (-1.0, "less than measured")
    return (-float(borne), str(borne)) if by_bits else (float(borne), f"{100 * borne:.4g} %")
