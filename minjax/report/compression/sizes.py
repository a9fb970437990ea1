"""Tables of sizes and speed: packed files, shrunk networks, the front, and a few compression ratios.

Every figure says whether it was measured or follows from a formula ("theoretical").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minjax.report.compression.lines import dense_bytes
from minjax.report.compression.names import made_by, pruned, quantized, with_norm
from minjax.report.compression.record import TRAINED, CompressionRecord, Point, norms
from minjax.report.formats import ABSENT, count, finite, percent, plain, printable
from minjax.report.tables import Table

RATIOS = (2, 4, 8, 16, 32)  # the operating points that the field agreed to report
ABOVE_CHANCE = 0.05  # a network nearer to chance has collapsed and is no choice


def packed(record: CompressionRecord) -> Table:
    """The files written: bytes on the disk beside those that formulas give."""
    rows = [
        (
            plain(entry.get("file")),
            pruned(entry.get("method"), finite(entry.get("amount"))),
            _quantized(entry),
            count(finite(entry.get("bytes_measured"))),
            count(finite(entry.get("bytes_theoretical"))),
            count(finite(entry.get("bytes_entropy"))),
            percent(finite(entry.get("share")), 1),
            _answer(entry.get("same_predictions")),
        )
        for entry in record.listed("packed")
    ]
    header = (
        *("file", "pruned", "quantized", "bytes (measured)", "bytes (theoretical)"),
        *("entropy bound, bytes (theoretical)", "share of the format unquantized (measured)"),
        "same predictions (measured)",
    )
    return Table(header, rows, align="lllrrrrl")


def shrink(record: CompressionRecord) -> Table:
    """Networks with their pruned channels cut out, before and after."""
    rows = []
    for entry in record.listed("shrink"):
        numbers = {key: finite(value) for key, value in entry.items()}
        rows.append(
            (
                pruned(entry.get("method"), numbers.get("amount")),
                *(count(numbers.get(f"params_{when}")) for when in ("before", "after")),
                *(count(numbers.get(f"multiply_adds_{when}")) for when in ("before", "after")),
                *(_milliseconds(numbers.get(f"latency_{when}_ms")) for when in ("before", "after")),
                count(numbers.get("batch")),
                _small(numbers.get("largest_difference")),
            )
        )
    header = (
        *("network", "parameters before", "after", "multiply-adds of an image before (theoretical)"),
        *("after (theoretical)", "ms a batch before (measured)", "after (measured)", "images a batch"),
        "largest difference of a logit (measured)",
    )
    return Table(header, rows, align="lrrrrrrrr")


def kept(record: CompressionRecord) -> list[str]:
    """What could not be cut out of each shrunk network and why; what is so for all of them once."""
    entries = [
        (pruned(entry.get("method"), finite(entry.get("amount"))), [plain(text) for text in entry.get("kept") or []])
        for entry in record.listed("shrink")
    ]
    different = dict.fromkeys(text for _, texts in entries for text in texts)
    always = [text for text in different if all(text in texts for _, texts in entries)]
    notes = [f"Stayed whole: {text}" for text in always]
    for name, texts in entries:
        notes += [f"Stayed whole in {name}: {text}" for text in texts if text not in always]
    return notes


def pareto(record: CompressionRecord) -> tuple[Table, int]:
    """The front by size, and how many of its networks are left out as collapsed."""
    chance, dense, whole = record.number("chance") or 0.0, record.dense or 0.0, dense_bytes(record)
    front = sorted(record.listed("pareto"), key=lambda entry: finite(entry.get("bytes_theoretical")) or 0.0)
    rows, found = [], norms(record.points)
    for entry in front:
        accuracy, size = finite(entry.get("accuracy")), finite(entry.get("bytes_theoretical"))
        if accuracy is None or accuracy <= chance + ABOVE_CHANCE:
            continue
        rows.append(
            (
                count(size),
                _times(whole, size),
                percent(accuracy),
                f"{100 * (accuracy - dense):+.2f}",
                front_recipe(entry, found),
            )
        )
    header = ("bytes (theoretical)", "times smaller (theoretical)", "test accuracy", "points from dense", "network")
    return Table(header, rows, align="rrrrl"), len(front) - len(rows)


def operating_points(record: CompressionRecord) -> Table:
    """The best network at 2, 4, 8, 16 and 32 times smaller, with its theoretical speed-up."""
    whole = dense_bytes(record)
    found: list[Point] = [
        point for point in record.points if point.bytes and point.accuracy is not None and point.curve != "sensitivity"
    ]
    rows = []
    for ratio in RATIOS if whole else ():
        small = [point for point in found if (point.bytes or 0) * ratio <= (whole or 0)]
        if small:
            best = max(small, key=lambda point: (point.accuracy, -(point.bytes or 0)))
            rows.append(
                (
                    f"{ratio}x",
                    percent(best.accuracy),
                    recipe(best, norms(record.points)),
                    count(best.bytes),
                    _times(whole, best.bytes),
                    _times(best.multiply_adds, best.multiply_adds_sparse),
                )
            )
    header = (
        *("at least", "test accuracy", "by", "bytes (theoretical)", "times smaller (theoretical)"),
        "fewer multiply-adds (theoretical)",
    )
    return Table(header, rows, align="rrlrrr")


def recipe(point: Point, found: Sequence[str]) -> str:
    """How a network came about, in words; `found` are the kinds of batch-norm statistics in the run."""
    words = [made_by(point.method, point.amount, point.exclude, point.bits, point.scheme, point.activation_bits)]
    if point.curve == "rounds":
        words.append(f"round {point.round} of {printable(point.series or 'rounds')}")
    if point.curve == "aware":
        words.append("quantized in training")
    return with_norm("; ".join(words), point.bn, found)


def front_recipe(entry: dict[str, Any], found: Sequence[str]) -> str:
    """The same of an entry of `pareto` in compression.json."""
    bits, amount = finite(entry.get("bits")), finite(entry.get("amount"))
    words = made_by(
        entry.get("method"),
        amount,
        entry.get("exclude") or (),
        None if bits is None else round(bits),
        entry.get("scheme"),
        entry.get("activation_bits"),
    )
    return with_norm(words, entry.get("bn") or TRAINED, found)


def _quantized(entry: dict[str, Any]) -> str:
    bits = finite(entry.get("bits"))
    return quantized(None if bits is None else round(bits), entry.get("scheme"), entry.get("activation_bits"))


def _times(whole: float | None, part: float | None) -> str:
    return f"{whole / part:.1f}x" if whole and part else ABSENT


def _milliseconds(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _small(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1e}" if value else "0"


def _answer(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return percent(finite(value))
