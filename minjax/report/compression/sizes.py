"""Tables of sizes and speed: packed files, shrunk networks, the Pareto front, and a few compression ratios.

Every figure says whether it was measured or follows from arithmetic ("theoretical").
"""

from __future__ import annotations

from minjax.findings.phases import MARGIN
from minjax.findings.recommendation import accuracy
from minjax.records.compressed import ROUNDS, Latency
from minjax.records.compression import Compression
from minjax.report.compression.curves import dense_bytes, pruned, quantized, recipe, result, statistics
from minjax.report.formats import ABSENT, count, percent, plain
from minjax.report.page import Table, columns

RATIOS = (2, 4, 8, 16, 32)  # the operating points that the field agreed to report


def packed(compression: Compression) -> Table:
    """The files that were written: bytes on disk beside theoretical ones."""
    rows = [
        (
            entry.file,
            pruned(entry.method, entry.amount),
            quantized(entry.bits, entry.scheme),
            count(entry.bytes_measured),
            count(entry.bytes_theoretical),
            count(entry.bytes_entropy),
            percent(entry.share, 1),
            "yes" if entry.same_predictions else "no",
        )
        for entry in result(compression).packed
    ]
    header = (
        *("file", "pruned", "quantized", "bytes (measured)", "bytes (theoretical)"),
        *("entropy bound, bytes (theoretical)", "share of the unquantized file (measured)"),
        "same predictions (measured)",
    )
    return Table(header, rows, align="lllrrrrl")


def shrunk(compression: Compression) -> Table:
    """Networks whose pruned channels were removed, before and after."""
    found = result(compression).shrink
    before, after = "multiply-adds per image before (theoretical)", "multiply-adds after (theoretical)"
    return columns(
        ("network", "l", [pruned(entry.method, entry.amount) for entry in found]),
        ("run", "l", [plain(entry.path) for entry in found]),
        ("validation accuracy (95 %)", "r", [accuracy(e.validation) if e.validation else ABSENT for e in found]),
        ("test accuracy (95 %)", "r", [accuracy(entry.test) if entry.test else ABSENT for entry in found]),
        ("parameters before", "r", [count(entry.params_before) for entry in found]),
        ("parameters after", "r", [count(entry.params_after) for entry in found]),
        (before, "r", [count(entry.multiply_adds_before) for entry in found]),
        (after, "r", [count(entry.multiply_adds_after) for entry in found]),
        ("ms per batch before (measured)", "r", [_milliseconds(e.latency_before, e.latency_before_ms) for e in found]),
        ("ms per batch after (measured)", "r", [_milliseconds(e.latency_after, e.latency_after_ms) for e in found]),
        ("images per batch", "r", [count(entry.batch) for entry in found]),
        ("largest difference of a logit (measured)", "r", [_difference(entry.largest_difference) for entry in found]),
        optional=(
            *("run", "validation accuracy (95 %)", "test accuracy (95 %)"),
            *("ms per batch before (measured)", "ms per batch after (measured)", "images per batch"),
        ),
    )


def timed_on(compression: Compression) -> list[str]:
    """What the latencies are: a note, or none where nothing was timed."""
    if not any(entry.latency_before for entry in result(compression).shrink):
        return []
    return [f"Milliseconds: median and quartiles of {ROUNDS} rounds in turns, on {result(compression).device}."]


def _difference(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def kept(compression: Compression) -> list[str]:
    """What could not be removed from each shrunk network and why; what holds for all of them once."""
    entries = [(pruned(entry.method, entry.amount), entry.kept) for entry in result(compression).shrink]
    different = dict.fromkeys(text for _, texts in entries for text in texts)
    always = [text for text in different if all(text in texts for _, texts in entries)]
    notes = [f"Not removed: {text}" for text in always]
    for name, texts in entries:
        notes += [f"Not removed from {name}: {text}" for text in texts if text not in always]
    return notes


def front(compression: Compression) -> tuple[Table, int]:
    """The Pareto front by size, and how many of its networks are left out because they have collapsed."""
    summary, whole, found = result(compression), dense_bytes(compression), statistics(compression.measurements)
    lines = sorted(summary.pareto, key=lambda line: line.bytes_theoretical or 0)
    rows = [
        (
            count(line.bytes_theoretical),
            _times(whole, line.bytes_theoretical),
            percent(line.accuracy),
            f"{100 * (line.accuracy - summary.dense.accuracy):+.2f}",
            recipe(line, found),
        )
        for line in lines
        if line.accuracy > summary.chance + MARGIN
    ]
    header = ("bytes (theoretical)", "times smaller (theoretical)", "test accuracy", "points from dense", "network")
    return Table(header, rows, align="rrrrl", caption="The Pareto front"), len(lines) - len(rows)


def operating_points(compression: Compression) -> Table:
    """The best network at 2, 4, 8, 16 and 32 times smaller, with its theoretical speed-up."""
    whole, found = dense_bytes(compression), statistics(compression.measurements)
    known = [line for line in compression.measurements if line.bytes_theoretical and line.curve != "sensitivity"]
    rows = []
    for ratio in RATIOS if whole else ():
        small = [line for line in known if (line.bytes_theoretical or 0) * ratio <= (whole or 0)]
        if small:
            best = max(small, key=lambda line: (line.accuracy, -(line.bytes_theoretical or 0)))
            rows.append(
                (
                    f"{ratio}x",
                    percent(best.accuracy),
                    recipe(best, found),
                    count(best.bytes_theoretical),
                    _times(whole, best.bytes_theoretical),
                    _times(best.multiply_adds, best.multiply_adds_sparse),
                )
            )
    header = (
        *("at least", "test accuracy", "network", "bytes (theoretical)", "times smaller (theoretical)"),
        "times fewer multiply-adds (theoretical)",
    )
    return Table(header, rows, align="rrlrrr", caption="The best at each size")


def _times(whole: float | None, part: float | None) -> str:
    return f"{whole / part:.1f}x" if whole and part else ABSENT


def _milliseconds(found: Latency | None, median: float | None) -> str:
    """The median with the quartiles, or alone where minjax 0.1 recorded no more."""
    if found is None:
        return ABSENT if median is None else _short(median)
    low, high = found.quartiles_ms
    return f"{_short(found.median_ms)} ({_short(low)} to {_short(high)})"


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
