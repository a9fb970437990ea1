"""One array as bytes: mask, values, scales, zero points, one after the other. docs/packed.md has every byte."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from minjax.compress import bitstream, sizes
from minjax.compress.quantize import Quantized
from minjax.errors import UserError

TYPES = {name: np.dtype(getattr(jnp, name)).newbyteorder("<") for name in ("float32", "float16", "bfloat16", "int32")}


@dataclasses.dataclass(frozen=True)
class Entry:
    """How an array is stored; the file's header holds it as JSON, without what has its default.

    Attributes:
        name: the path of the leaf, the collection first: "params/conv/kernel".
        shape: of the array.
        offset: of its first byte in the payload.
        kept: weights not pruned; None: all.
        type: of the array, one of `TYPES`.
        encoding: "raw" (values as they are), "symmetric", "asymmetric" or "binary" (one bit).
        bits: of a stored value.
        scales: how many scales there are, and zero points where asymmetric: 1, or the last dimension.
        mask: how it is said which weights are kept, one of `sizes.MASKS`.
        low: the low bits of indices.
    """

    name: str
    shape: tuple[int, ...]
    offset: int = 0
    kept: int | None = None
    type: str = "float32"
    encoding: str = "raw"
    bits: int = 32
    scales: int = 0
    mask: str = "none"
    low: int = 0

    @property
    def count(self) -> int:
        """How many numbers the array has."""
        return math.prod(self.shape)

    def as_json(self) -> dict[str, Any]:
        """Without what has its default."""
        described = dataclasses.asdict(self) | {"shape": list(self.shape)}
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {key: value for key, value in described.items() if key == "offset" or value != defaults[key]}

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> Entry:
        """The entry that `as_json` described."""
        return cls(**described | {"shape": tuple(described["shape"])})


def plain(name: str, array: Any) -> Entry:
    """The entry of an array that is neither pruned nor quantized.

    Raises:
        UserError: its type is not one that a packed file holds.
    """
    if str(array.dtype) not in TYPES:
        raise UserError(f"{name} is {array.dtype}; a packed file holds {', '.join(TYPES)}")
    bits = TYPES[str(array.dtype)].itemsize * 8
    return Entry(name, tuple(array.shape), type=str(array.dtype), bits=bits)


def encode(entry: Entry, array: np.ndarray, mask: np.ndarray | None) -> tuple[Entry, bytes, float]:
    """An array that is not quantized, with what is pruned of it left out.

    Args:
        entry: its `plain` entry.
        array: of the entry's shape and type.
        mask: bool, True: kept; None: all is.

    Returns:
        The entry with its mask, the bytes, and the entropy bound in bits: of the mask, and the values at full size.
    """
    values = array.astype(TYPES[entry.type]).reshape(-1)
    kept = _kept(mask, values.size)
    entry = _with_mask(entry, kept)
    stored = np.where(kept, values, np.zeros((), values.dtype)) if entry.mask == "none" else values[kept]
    bound = min(values.size * entry.bits, sizes.entropy_bits(kept) + int(kept.sum()) * entry.bits)
    return entry, bitstream.pack_mask(kept, entry.mask, entry.low) + stored.tobytes(), bound


def encode_integers(
    entry: Entry, quantized: Quantized, bits: int, symmetric: bool, mask: np.ndarray | None
) -> tuple[Entry, bytes, float]:
    """A quantized array; arguments and result as for `encode`, with the entropy of the integers in the bound.

    Args:
        entry: the plain entry of the array before quantization.
        quantized: its integers, scales (1 or as many as the last dimension) and zero points.
        bits: 1 to 16.
        symmetric: whether the integers are.
        mask: bool, True: kept; None: all is.
    """
    encoding = "binary" if bits == 1 else "symmetric" if symmetric else "asymmetric"
    scale, zero = (np.asarray(array) for array in (quantized.scale, quantized.zero))
    values = np.asarray(quantized.values)
    zeros = np.broadcast_to(zero, values.shape).reshape(-1)
    values, kept = values.reshape(-1), _kept(mask, values.size)
    entry = dataclasses.replace(entry, encoding=encoding, bits=bits, scales=scale.size)
    entry = _with_mask(entry, kept)
    stored = np.where(kept, values, zeros) if entry.mask == "none" else values[kept]
    sections = [
        bitstream.pack_mask(kept, entry.mask, entry.low),
        bitstream.pack(_codes(stored, encoding, bits), bits),
        scale.astype("<f4").tobytes(),
        bitstream.pack(zero, bits) if encoding == "asymmetric" else b"",
    ]
    bound = sizes.leaf_entropy_bits(values, kept, zeros) + 8 * sum(map(len, sections[2:]))
    return entry, b"".join(sections), bound


def decode(entry: Entry, payload: memoryview) -> np.ndarray:
    """The array that an entry describes, from the payload of all arrays.

    Raises:
        ValueError: the payload is shorter, or holds another mask than the entry says.
    """
    kept = entry.count if entry.kept is None else entry.kept
    stored = entry.count if entry.mask == "none" else kept
    position = entry.offset

    def section(length: int) -> memoryview:
        nonlocal position
        position += length
        if position > len(payload):
            raise ValueError(f"{entry.name} ends beyond the file")
        return payload[position - length : position]

    mask_bytes = section(bitstream.mask_length(entry.count, kept, entry.mask, entry.low))
    mask = bitstream.unpack_mask(mask_bytes, entry.count, kept, entry.mask, entry.low)
    values = section(-(-stored * entry.bits // 8))
    if entry.encoding == "raw":
        array = np.zeros(entry.count, TYPES[entry.type])
        array[mask] = np.frombuffer(values, TYPES[entry.type])
        return array.astype(TYPES[entry.type].newbyteorder("=")).reshape(entry.shape)
    integers = np.zeros(entry.count, np.int32)
    integers[mask] = _integers(bitstream.unpack(values, stored, entry.bits), entry.encoding, entry.bits)
    scale = np.frombuffer(section(4 * entry.scales), "<f4").astype(np.float32)
    zero = np.zeros(1, np.int32)
    if entry.encoding == "asymmetric":
        zero = bitstream.unpack(section(-(-entry.scales * entry.bits // 8)), entry.scales, entry.bits).astype(np.int32)
    array = (integers.reshape(entry.shape or (1,)) - zero).astype(np.float32) * scale
    array = np.where(mask.reshape(array.shape), array, np.float32(0))
    return array.reshape(entry.shape).astype(TYPES[entry.type].newbyteorder("="))


def _kept(mask: np.ndarray | None, count: int) -> np.ndarray:
    return np.ones(count, bool) if mask is None else np.asarray(mask, bool).reshape(-1)


def _with_mask(entry: Entry, kept: np.ndarray) -> Entry:
    """The entry with the way of saying what is kept that takes the fewest bytes."""
    count = int(kept.sum())
    if count == kept.size:
        return entry
    way = sizes.MASKS[int(sizes.leaf_bytes_by_mask(kept.size, count, entry.bits).argmin())]
    marked = {"kept": count, "pruned": kept.size - count}.get(way, 0)
    low = sizes.low_bits(kept.size, marked) if marked else 0
    return dataclasses.replace(entry, kept=count, mask=way, low=low)


def _codes(integers: np.ndarray, encoding: str, bits: int) -> np.ndarray:
    """Integers as what is stored, 0 .. 2^bits-1."""
    if encoding == "binary":
        return (integers + 1) // 2
    return integers + 2 ** (bits - 1) - 1 if encoding == "symmetric" else integers


def _integers(codes: np.ndarray, encoding: str, bits: int) -> np.ndarray:
    """`_codes`, back."""
    codes = codes.astype(np.int32)
    if encoding == "binary":
        return codes * 2 - 1
    return codes - (2 ** (bits - 1) - 1) if encoding == "symmetric" else codes
