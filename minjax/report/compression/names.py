"""What curves, methods and schemes are called, and their order: the same in every picture and table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from minjax.report.compression.record import RE_ESTIMATED, TRAINED
from minjax.report.formats import percent, printable, shorten

METHODS = ("l1", "l1_structured", "global_l1", "random", "random_structured", "global_random")  # those drawn first
PAPER_METHODS = {"l1": "l1_unstructured", "l1_structured": "l1_structured", "global_l1": "global_unstructured"}
PAPER_LABELS = {"l1": "L1 unstructured", "l1_structured": "L1 structured", "global_l1": "global unstructured"}
FORMATS = ("float32", "float16", "bfloat16", "float8_e4m3", "float8_e5m2")
NORMS = {TRAINED: "batch norm as trained", RE_ESTIMATED: "batch norm re-estimated"}


def method_name(method: str | None, exclude: Sequence[str] = ()) -> str:
    """`l1_structured`, with what was spared of pruning: `l1_structured without stem/kernel`."""
    name = "not pruned" if method is None else printable(method)
    return name if not exclude else f"{name} without {shorten(printable(', '.join(exclude)), 40)}"


def scheme_name(scheme: str | None, activation_bits: int | None = None) -> str:
    """`symmetric_channel_minmax` -> 'symmetric, per channel, minmax'; a format keeps its name."""
    if scheme is None:
        name = "not quantized"
    elif scheme.startswith(("symmetric_", "asymmetric_")):
        name = printable(scheme).replace("_channel", ", per channel").replace("_tensor", ", per tensor")
        name = name.replace("_", ", ")
    else:
        name = printable(scheme)
    return name if activation_bits is None else f"{name}, activations {activation_bits} bits"


def norm_name(bn: str | None) -> str:
    """How the batch-norm statistics were come by, in words."""
    return NORMS.get(bn or TRAINED, printable(bn or ""))


def with_norm(name: str, bn: str, among: Iterable[str]) -> str:
    """`name` and the batch-norm statistics; as trained goes without saying where nothing else was measured.

    Not every network has batch norm, and the records do not say which have.
    """
    return name if {bn, *among} == {TRAINED} else f"{name}, {norm_name(bn)}"


def is_format(scheme: str | None) -> bool:
    """Whether a scheme is a number format, which has one width, and not a way of quantizing to any."""
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
    return scheme_name(scheme, activation_bits) if is_format(scheme) else _bits(bits, scheme, activation_bits)


def _bits(bits: int, scheme: str | None, activation_bits: int | None) -> str:
    plural = "bit" if bits == 1 else "bits"
    return f"{bits} {plural}" + ("" if scheme is None else f", {scheme_name(scheme, activation_bits)}")


def made_by(
    method: str | None,
    amount: float | None,
    exclude: Sequence[str],
    bits: int | None,
    scheme: str | None,
    activation_bits: int | None = None,
) -> str:
    """'l1 at 80 %; 4 bits, symmetric, per channel, minmax', or 'the dense network'."""
    words = []
    if method is not None and amount:
        words.append(pruned(method, amount, exclude))
    if bits is not None:
        words.append(quantized(bits, scheme, activation_bits))
    elif activation_bits is not None:
        words.append(f"activations {activation_bits} bits")
    return "; ".join(words) or "the dense network"


def ordered(keys: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Keys that begin with (method, exclude): the known methods first, a method whole before it spares anything."""
    found = list(keys)
    methods = list(dict.fromkeys([*METHODS, *(key[0] for key in found)]))
    return sorted(found, key=lambda key: (methods.index(key[0]), bool(key[1]), found.index(key)))
