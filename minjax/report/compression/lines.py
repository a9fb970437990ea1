"""Which points make a line, which phases are of it and what it is called; the same for pictures and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minjax.report.compression.names import method_name, pruned, scheme_name, with_norm
from minjax.report.compression.record import TRAINED, CompressionRecord, Point, grouped
from minjax.report.formats import finite, printable

RECIPE = ("method", "exclude", "scheme", "activation_bits", "bn")
SCHEME = ("scheme", "activation_bits", "method", "exclude", "amount")
SERIES = ("series", "method", "exclude", "bn")


def joined(points: Iterable[Point], *fields: str) -> dict[tuple[Any, ...], list[Point]]:
    """The points by these fields, where one that was not pruned, or not quantized, belongs to every line beside it.

    The column of nothing pruned and the row of nothing quantized name no method and no scheme; so may the network
    before the first round.
    """
    groups = grouped(points, *fields)

    def begins(part: tuple[Any, ...], whole: tuple[Any, ...]) -> bool:
        known = dict(zip(fields, part, strict=True))
        blank = {"method", "exclude"} if known.get("method") is None else set()
        blank |= {"scheme", "activation_bits"} if known.get("scheme") is None else set()
        return all(a == b or field in blank for field, a, b in zip(fields, part, whole, strict=True))

    parts = {key for key in groups if any(key != other and begins(key, other) for other in groups)}
    return {
        key: [point for other, group in groups.items() if other == key or begins(other, key) for point in group]
        for key in groups
        if key not in parts
    }


def pruned_points(record: CompressionRecord) -> list[Point]:
    """Those of the curve "pruning" that name a method; the dense network is drawn as a line of its own."""
    return [point for point in record.of("pruning") if point.method is not None and point.amount is not None]


def phase_is_of(phase: dict[str, Any], point: Point) -> bool:
    """Whether a phase of compression.json is of the line that this point is on."""
    return (
        phase.get("curve") == point.curve
        and phase.get("method") == point.method
        and tuple(phase.get("exclude") or ()) == point.exclude
        and (phase.get("bn") or TRAINED) == point.bn
        and (point.curve == "pruning" or phase.get("scheme") == point.scheme)
        and phase.get("activation_bits") == point.activation_bits
    )


def lost_planes(fall: dict[str, Any]) -> str:
    """How many inputs the first convolution loses, by `first_layer` of compression.json: '1 input plane'."""
    lost = fall.get("lost_inputs")
    number = len(lost) if isinstance(lost, list) else int(finite(lost) or 1)
    return f"{number} input plane{'' if number == 1 else 's'}"


def scheme_label(key: tuple[Any, ...]) -> str:
    """The name of a line of SCHEME; what was pruned before is said only where something was."""
    scheme, activation_bits, method, exclude, amount = key
    name = scheme_name(scheme, activation_bits)
    return name if method is None or not amount else f"{name}; {pruned(method, amount, exclude)}"


def aware_pairs(record: CompressionRecord) -> list[tuple[tuple[Any, ...], list[Point], list[Point]]]:
    """By scheme: its key, the points quantized in training, and those after it at the same bits, all else equal."""
    aware = [point for point in record.of("aware") if point.bits is not None]
    after = grouped(record.of("quantization"), *SCHEME, "bn")
    pairs = []
    for key, group in grouped(aware, *SCHEME, "bn").items():
        widths = {point.bits for point in group}
        pairs.append((key, group, [point for point in after.get(key, []) if point.bits in widths]))
    return pairs


def series_name(key: tuple[Any, ...], keys: list[tuple[Any, ...]]) -> str:
    """The name of a line of SERIES: of its method and batch norm only what tells it from the others."""
    series, method, exclude, bn = key
    name = printable(series or "rounds")
    if len({(other[1], other[2]) for other in keys}) > 1:
        name += f", {method_name(method, exclude)}"
    return with_norm(name, bn, {other[3] for other in keys})


def dense_bytes(record: CompressionRecord) -> int | None:
    """The theoretical size of the dense network."""
    return next((point.bytes_dense for point in record.points if point.bytes_dense), None)


def front_of(record: CompressionRecord) -> np.ndarray:
    """float [N, 2]: theoretical bytes and accuracy of the front, by size; what has no size or accuracy is left out."""
    pairs = [(finite(p.get("bytes_theoretical")), finite(p.get("accuracy"))) for p in record.listed("pareto")]
    return np.array(sorted((s, a) for s, a in pairs if s and a is not None), float).reshape(-1, 2)
