"""Which measurements make one curve, which phases belong to it, and what it is called: in pictures and tables alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minjax.findings.phases import TOLERANCE
from minjax.findings.words import plural
from minjax.records.compression import (
    REESTIMATED,
    TRAINED,
    Compression,
    CompressionSummary,
    CurvePhases,
    FirstLayer,
    Measurement,
)
from minjax.report.formats import percent, printable, shorten

Key = tuple[Any, ...]
RECIPE = ("method", "exclude", "scheme", "activation_bits", "batch_norm")
SCHEME = ("scheme", "activation_bits", "method", "exclude", "amount")
SERIES = ("series", "method", "exclude", "batch_norm")

METHODS = ("l1", "l1_structured", "global_l1", "random", "random_structured", "global_random")  # those drawn first
FORMATS = ("float32", "float16", "bfloat16", "float8_e4m3", "float8_e5m2")
BATCH_NORM: dict[str, str] = {TRAINED: "batch norm as trained", REESTIMATED: "batch norm re-estimated"}


def result(compression: Compression) -> CompressionSummary:
    """The summary of a finished compression."""
    assert compression.summary is not None
    return compression.summary


def floor(compression: Compression) -> float:
    """The smallest accuracy that is still on the plateau."""
    return result(compression).dense.accuracy - TOLERANCE


def of(compression: Compression, curve: str) -> list[Measurement]:
    """The measurements of a kind of curve."""
    return [line for line in compression.measurements if line.curve == curve]


def pruned_lines(compression: Compression) -> list[Measurement]:
    """Those of the pruning curves that name a method; the dense network is drawn as a line of its own."""
    return [line for line in of(compression, "pruning") if line.method is not None and line.amount is not None]


def grouped(lines: Iterable[Measurement], *fields: str) -> dict[Key, list[Measurement]]:
    """The measurements by the values of these fields, in the order in which they first appear."""
    groups: dict[Key, list[Measurement]] = {}
    for line in lines:
        groups.setdefault(tuple(getattr(line, field) for field in fields), []).append(line)
    return groups


def joined(lines: Iterable[Measurement], *fields: str) -> dict[Key, list[Measurement]]:
    """The measurements by these fields, where an unpruned or unquantized network belongs to every curve beside it.

    The column where nothing is pruned and the row where nothing is quantized name no method and no scheme; nor need
    the network before the first round.
    """
    groups = grouped(lines, *fields)

    def begins(part: Key, whole: Key) -> bool:
        known = dict(zip(fields, part, strict=True))
        blank = {"method", "exclude"} if known.get("method") is None else set()
        blank |= {"scheme", "activation_bits"} if known.get("scheme") is None else set()
        return all(a == b or field in blank for field, a, b in zip(fields, part, whole, strict=True))

    parts = {key for key in groups if any(key != other and begins(key, other) for other in groups)}
    return {
        key: [line for other, group in groups.items() if other == key or begins(other, key) for line in group]
        for key in groups
        if key not in parts
    }


def statistics(lines: Iterable[Measurement]) -> list[str]:
    """The kinds of batch-norm statistics among the measurements, as trained first."""
    return sorted({line.batch_norm for line in lines}, key=lambda kind: (kind != TRAINED, kind))


def phases_of(compression: Compression, line: Measurement) -> list[CurvePhases]:
    """The phases of the curve that a measurement is on: one entry, or none."""

    def same(phases: CurvePhases) -> bool:
        names = ("curve", "method", "exclude", "batch_norm", "activation_bits")
        scheme = line.curve == "pruning" or phases.scheme == line.scheme
        return scheme and all(getattr(phases, name) == getattr(line, name) for name in names)

    return [phases for phases in result(compression).phases if same(phases)]


def values(lines: Iterable[Measurement], x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """float [N] each: two fields of the measurements that have both, sorted by the first."""
    known = sorted(pair for line in lines if None not in (pair := (getattr(line, x), getattr(line, y))))
    return np.array([first for first, _ in known], float), np.array([second for _, second in known], float)


def aware_pairs(compression: Compression) -> list[tuple[Key, list[Measurement], list[Measurement]]]:
    """For each scheme its key, the networks quantized in training, and those after it at the same bits, all else equal.

    The last part of the key is the kind of batch-norm statistics.
    """
    aware = [line for line in of(compression, "aware") if line.bits is not None]
    after = grouped(of(compression, "quantization"), *SCHEME, "batch_norm")
    pairs = []
    for key, group in grouped(aware, *SCHEME, "batch_norm").items():
        widths = {line.bits for line in group}
        pairs.append((key, group, [line for line in after.get(key, []) if line.bits in widths]))
    return pairs


def front_of(compression: Compression) -> np.ndarray:
    """float [N, 2]: theoretical bytes and accuracy of the Pareto front, by size."""
    pairs = [(line.bytes_theoretical, line.accuracy) for line in result(compression).pareto if line.bytes_theoretical]
    return np.array(sorted(pairs), float).reshape(-1, 2)


def dense_bytes(compression: Compression) -> int | None:
    """The theoretical size of the dense network."""
    return next((line.bytes_dense for line in compression.measurements if line.bytes_dense), None)


def method_name(method: str | None, exclude: Sequence[str] = ()) -> str:
    """`l1_structured`, with what pruning spared: `l1_structured except stem/kernel`."""
    name = "not pruned" if method is None else printable(method)
    return name if not exclude else f"{name} except {shorten(printable(', '.join(exclude)), 40)}"


def scheme_name(scheme: str | None, activation_bits: int | None = None) -> str:
    """`symmetric_channel_minmax` -> 'symmetric, per channel, minmax'; a format keeps its name."""
    if scheme is None:
        name = "not quantized"
    elif scheme.startswith(("symmetric_", "asymmetric_")):
        name = printable(scheme).replace("_channel", ", per channel").replace("_tensor", ", per tensor")
        name = name.replace("_", ", ")
    else:
        name = printable(scheme)
    return name if activation_bits is None else f"{name}, activations {plural(activation_bits, 'bit')}"


def scheme_label(key: Key) -> str:
    """The name of a curve of SCHEME; what was pruned before is named only where something was."""
    scheme, activation_bits, method, exclude, amount = key
    name = scheme_name(scheme, activation_bits)
    return name if method is None or not amount else f"{name}; {pruned(method, amount, exclude)}"


def series_name(key: Key, keys: Sequence[Key]) -> str:
    """The name of a curve of SERIES: method and batch norm are named only where they tell it from the others."""
    series, method, exclude, batch_norm = key
    name = printable(series or "rounds")
    if len({(other[1], other[2]) for other in keys}) > 1:
        name += f", {method_name(method, exclude)}"
    return with_statistics(name, batch_norm, {other[3] for other in keys})


def with_statistics(name: str, batch_norm: str, among: Iterable[str]) -> str:
    """`name` and the batch-norm statistics; "as trained" is left out where nothing else was measured.

    Not every network has batch norm, and the records do not say which have.
    """
    return name if {batch_norm, *among} == {TRAINED} else f"{name}, {BATCH_NORM[batch_norm]}"


def is_format(scheme: str | None) -> bool:
    """Whether a scheme is a number format, which has one width, and not a way to quantize to any."""
    return scheme is not None and (scheme in FORMATS or scheme.startswith(("float", "bfloat")))


def pruned(method: str | None, amount: float | None, exclude: Sequence[str] = ()) -> str:
    """'l1 at 80 %', or 'not pruned'."""
    if method is None or not amount:
        return "not pruned"
    digits = 0 if abs(100 * amount - round(100 * amount)) < 1e-6 else 1
    return f"{method_name(method, exclude)} at {percent(amount, digits)}"


def quantized(bits: int | None, scheme: str | None, activation_bits: int | None = None) -> str:
    """'4 bits, symmetric, per channel, minmax', the format's name, or 'not quantized'."""
    if bits is None:
        return "not quantized"
    if is_format(scheme):
        return scheme_name(scheme, activation_bits)
    return plural(bits, "bit") + ("" if scheme is None else f", {scheme_name(scheme, activation_bits)}")


def recipe(line: Measurement, found: Sequence[str]) -> str:
    """How a network was compressed: 'l1 at 80 %; 4 bits, symmetric, per channel, minmax', or 'the dense network'.

    Args:
        line: its measurement.
        found: kinds of batch-norm statistics in the whole compression.
    """
    words = []
    if line.method is not None and line.amount:
        words.append(pruned(line.method, line.amount, line.exclude))
    if line.bits is not None:
        words.append(quantized(line.bits, line.scheme, line.activation_bits))
    elif line.activation_bits is not None:
        words.append(f"activations {plural(line.activation_bits, 'bit')}")
    words = words or ["the dense network"]
    if line.curve == "rounds":
        words.append(f"round {line.round} of {printable(line.series or 'rounds')}")
    if line.curve == "aware":
        words.append("quantized in training")
    return with_statistics("; ".join(words), line.batch_norm, found)


def lost_planes(fall: FirstLayer) -> str:
    """How many inputs the first convolution loses: '1 input plane'."""
    return plural(fall.lost_inputs, "input plane")


def ordered(keys: Iterable[Key]) -> list[Key]:
    """Keys that begin with (method, exclude): the known methods first, each before it spares anything."""
    found = list(keys)
    methods = list(dict.fromkeys([*METHODS, *(key[0] for key in found)]))
    return sorted(found, key=lambda key: (methods.index(key[0]), bool(key[1]), found.index(key)))
