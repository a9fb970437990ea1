"""The header of a packed file: what each array is, and where its bytes are. docs/packed.md describes every key.

A header may come from anyone, with a checksum that is right. So it is decompressed to a bounded size, decoded into
typed fields with ranges, and checked as a whole before any array is allocated.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import jax.numpy as jnp
import msgspec
import numpy as np
from msgspec import Meta

from minjax.compress import bitstream
from minjax.errors import UserError
from minjax.records.record import Record

TYPES = {name: np.dtype(getattr(jnp, name)).newbyteorder("<") for name in ("float32", "float16", "bfloat16", "int32")}
MOST_BYTES = 2**20  # of the header, as JSON and compressed
MOST_PARTS = 32  # of a name
ELEMENTS_PER_BYTE = 8  # of the payload; only masks that leave very little go beyond it
SPARSE_ELEMENTS = 2**24  # what a payload of any size may stand for: 64 MiB of float32

_LARGEST = 2**48
Size = Annotated[int, Meta(ge=0, le=_LARGEST)]


class Entry(Record, frozen=True, kw_only=True):
    """How one array is stored.

    Attributes:
        name: the path of the leaf, starting with its collection: "params/conv/kernel".
        shape: shape of the array.
        offset: its first byte in the payload.
        kept: number of weights that are not pruned; None: all.
        type: data type of the array, one of `TYPES`.
        encoding: "raw" (values as they are), "symmetric", "asymmetric" or "binary" (one bit).
        bits: per stored value.
        scales: number of scales, and of zero points if asymmetric: 1, or the last dimension.
        mask: how the kept weights are marked, one of `sizes.MASKS`.
        low: low bits of each index, if the mask is a list of indices.
    """

    name: str
    shape: Annotated[tuple[Size, ...], Meta(max_length=32)]
    offset: Size
    kept: Size | None = None
    type: Literal["float32", "float16", "bfloat16", "int32"] = "float32"
    encoding: Literal["raw", "symmetric", "asymmetric", "binary"] = "raw"
    bits: Annotated[int, Meta(ge=1, le=32)] = 32
    scales: Annotated[int, Meta(ge=0, le=2**20)] = 0
    mask: Literal["none", "bitmask", "kept", "pruned"] = "none"
    low: Annotated[int, Meta(ge=0, le=31)] = 0

    @property
    def count(self) -> int:
        """The number of weights, pruned ones included."""
        return math.prod(self.shape)

    @property
    def count_kept(self) -> int:
        """The number of weights that are not pruned."""
        return self.count if self.kept is None else self.kept

    @property
    def lengths(self) -> tuple[int, int, int, int]:
        """Bytes of the mask, the values, the scales and the zero points."""
        stored = self.count if self.mask == "none" else self.count_kept
        mask = bitstream.mask_length(self.count, self.count_kept, self.mask, self.low)
        zeros = self.scales * self.bits if self.encoding == "asymmetric" else 0
        return mask, -(-stored * self.bits // 8), 4 * self.scales, -(-zeros // 8)

    def as_json(self) -> dict[str, Any]:
        """The fields that are not at their defaults."""
        defaults = {field.name: field.default for field in msgspec.structs.fields(self)}
        return {key: value for key, value in msgspec.structs.asdict(self).items() if value != defaults[key]}


class Header(Record, frozen=True, kw_only=True):
    """The whole header: any JSON value that describes the network, and an entry for each array."""

    about: Any
    leaves: list[Entry]


def encode(about: Any, entries: list[Entry]) -> bytes:
    """The header as compressed JSON.

    Raises:
        UserError: it is longer than a reader accepts.
        ValueError: `about` is not JSON, which has no NaN, or is nested too deeply.
    """
    described = {"about": about, "leaves": [entry.as_json() for entry in entries]}
    try:
        text = json.dumps(described, separators=(",", ":"), allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError("about is nested too deeply") from error
    compressed = zlib.compress(text, 9)
    if max(len(text), len(compressed)) > MOST_BYTES:
        raise UserError(
            f"the header of this packed file would be {len(text):,} bytes long; it may have at most {MOST_BYTES:,}: "
            "shorten what it says about the network"
        )
    return compressed


def decode(compressed: bytes) -> Header:
    """The header from compressed JSON, each field within its range; `check` sees whether it makes sense.

    Raises:
        ValueError: it is not a header, or is longer than `MOST_BYTES`.
    """
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(compressed, MOST_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"it is not compressed by zlib ({error})") from error
    if len(text) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    if not inflater.eof or inflater.unused_data:
        raise ValueError("its compressed bytes are not as many as the file says")
    try:
        found = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return msgspec.convert(found, Header)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("an object has a key twice")
    return keys


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def check(entries: list[Entry], payload_bytes: int, max_elements: int | None) -> None:
    """Check that the arrays are possible, have one place each in the tree and in the payload, and leave no byte unused.

    Args:
        entries: the entries of the header.
        payload_bytes: length of the payload.
        max_elements: weights that all arrays together may have even if the payload is short; None: any number.

    Raises:
        ValueError: saying what is wrong.
    """
    elements = sum(entry.count for entry in entries)
    if max_elements is not None and elements > max(max_elements, ELEMENTS_PER_BYTE * payload_bytes):
        raise ValueError(
            f"it announces {_number(elements)} weights in {payload_bytes:,} bytes; so few bytes may hold at most "
            f"{max(max_elements, ELEMENTS_PER_BYTE * payload_bytes):,} (max_elements)"
        )
    nest((entry.name, entry) for entry in entries)
    end = 0
    for entry in entries:
        problem = _problem(entry)
        if problem:
            raise ValueError(f"{shown(entry.name)} {problem}")
        if entry.offset != end:
            raise ValueError(f"{shown(entry.name)} begins at byte {entry.offset:,} of the payload, not at {end:,}")
        end += sum(entry.lengths)
    if end != payload_bytes:
        raise ValueError(f"its arrays take {_number(end)} bytes, and the payload has {payload_bytes:,}")


def _problem(entry: Entry) -> str:
    """What one entry contradicts itself in; empty: nothing."""
    raw, outputs = entry.encoding == "raw", entry.shape[-1] if entry.shape else 1
    size = 8 * TYPES[entry.type].itemsize
    if math.prod(max(size, 1) for size in entry.shape) > _LARGEST:
        return "has a shape that no array can have"
    widths = {"raw": (size, size), "binary": (1, 1)}.get(entry.encoding, (2, 16))
    if not widths[0] <= entry.bits <= widths[1]:
        return f"is {entry.encoding} {entry.type} of {entry.bits} bits; it must have {widths[0]} to {widths[1]}"
    if not raw and entry.type == "int32":
        return f"is {entry.encoding} int32; only floating-point arrays are quantized"
    if entry.scales not in ((0,) if raw else (1, outputs)):
        return f"is {entry.encoding} with {entry.scales} scales; it must have {0 if raw else f'1 or {outputs}'}"
    if entry.count_kept > entry.count:
        return f"keeps {_number(entry.count_kept)} of {_number(entry.count)} weights"
    if entry.encoding == "binary" and entry.mask == "none" and entry.count_kept < entry.count:
        return "is binary and pruned and has no mask"
    if entry.low and entry.mask not in ("kept", "pruned"):
        return f"has {entry.low} low bits of indices, and its mask is {entry.mask}"
    if entry.lengths[0] > -(-entry.count // 8):
        return f"has a mask of {_number(entry.lengths[0])} bytes, longer than a bit for each weight"
    return ""


def nest(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Nested dictionaries from leaves named by their paths.

    Raises:
        ValueError: a name that is there twice, or begins with another one's whole path, or has too many parts.
    """
    nested: dict[str, Any] = {}
    for name, leaf in named:
        *parts, last = name.split("/", MOST_PARTS - 1)
        if "/" in last:
            raise ValueError(f"{shown(name)} has more than {MOST_PARTS} parts")
        inner: Any = nested
        for part in parts:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{shown(name)} is inside another array")
        if last in inner:
            raise ValueError(f"{shown(name)} is there twice, or is an array and a collection of arrays")
        inner[last] = leaf
    return nested


def shown(name: str) -> str:
    """A name for an error message: on one line, and cut if it is long."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def _number(value: int) -> str:
    """An integer for an error message, however large."""
    return f"{value:,}" if value < 10**18 else "more than 10^18"
