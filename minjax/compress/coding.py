"""One array as bytes, and back: mask, values, scales, zero points, in this order. docs/packed.md has every byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from minjax.compress import bitstream, sizes
from minjax.compress.header import TYPES, Entry, shown
from minjax.compress.quantize import Quantized
from minjax.errors import UserError

_AT_ONCE = 2**16  # weights that are decoded together; each takes some 60 bytes while it is


def plain(name: str, array: Any) -> Entry:
    """The entry of an array that is neither pruned nor quantized, at the start of the payload.

    Raises:
        UserError: a packed file cannot hold its data type.
    """
    kind: Any = str(array.dtype)
    if kind not in TYPES:
        raise UserError(f"{name} is {kind}; a packed file holds {', '.join(TYPES)}")
    return Entry(name=name, shape=tuple(array.shape), offset=0, type=kind, bits=8 * TYPES[kind].itemsize)


def quantized(entry: Entry, bits: int, symmetric: bool, scales: int) -> Entry:
    """The entry of an array once it is quantized, from its `plain` one; nothing of it is pruned."""
    encoding: Any = "binary" if bits == 1 else "symmetric" if symmetric else "asymmetric"
    return msgspec.structs.replace(entry, encoding=encoding, bits=bits, scales=scales)


def encode(entry: Entry, array: np.ndarray, mask: np.ndarray | None) -> tuple[Entry, bytes, float]:
    """Encode an array that is not quantized; pruned weights are left out.

    Args:
        entry: the array's `plain` entry.
        array: the weights.
        mask: bool, True = kept; None: nothing is pruned.

    Returns:
        The entry with its mask, the bytes, and the entropy bound in bits: the mask's, plus the values at full size.
    """
    values = array.astype(TYPES[entry.type]).reshape(-1)
    kept = _kept(mask, values.size)
    entry = _with_mask(entry, kept)
    stored = np.where(kept, values, np.zeros((), values.dtype)) if entry.mask == "none" else values[kept]
    bound = min(values.size * entry.bits, sizes.entropy_bits(kept) + int(kept.sum()) * entry.bits)
    return entry, bitstream.pack_mask(kept, entry.mask, entry.low) + stored.tobytes(), bound


def encode_integers(
    entry: Entry, integers: Quantized, bits: int, symmetric: bool, mask: np.ndarray | None
) -> tuple[Entry, bytes, float]:
    """Encode a quantized array; the result is as for `encode`, with the entropy of the integers in the bound.

    Args:
        entry: the `plain` entry of the array before quantization.
        integers: with their scales (1, or one for each index of the last dimension) and zero points.
        bits: per integer, 1 to 16.
        symmetric: whether the integers are on both sides of 0.
        mask: bool, True = kept; None: nothing is pruned.

    Raises:
        UserError: a weight so large that the quantized one is not finite.
    """
    scale, zero = (np.asarray(array) for array in (integers.scale, integers.zero))
    values = np.asarray(integers.values)
    kept = _kept(mask, values.size)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = ((values - zero).astype(np.float32) * scale).astype(TYPES[entry.type]).reshape(-1)
    if not (np.isfinite(scale).all() and np.isfinite(weights[kept]).all()):
        raise UserError(f"{entry.name} has a weight so large that its {bits}-bit value is not finite in {entry.type}")
    zeros = np.broadcast_to(zero, values.shape).reshape(-1)
    values = values.reshape(-1)
    entry = _with_mask(quantized(entry, bits, symmetric, scale.size), kept)
    stored = np.where(kept, values, zeros) if entry.mask == "none" else values[kept]
    sections = [
        bitstream.pack_mask(kept, entry.mask, entry.low),
        bitstream.pack(_codes(stored, entry.encoding, bits), bits),
        scale.astype("<f4").tobytes(),
        bitstream.pack(zero, bits) if entry.encoding == "asymmetric" else b"",
    ]
    bound = sizes.leaf_entropy_bits(values, kept, zeros) + 8 * sum(map(len, sections[2:]))
    return entry, b"".join(sections), bound


def decode(entry: Entry, read: Callable[[int, int], bytes]) -> np.ndarray:
    """Decode an array.

    The memory that this takes is the array's, a byte for each weight, the scales and zero points, and a few MiB.

    Args:
        entry: one that `header.check` has passed.
        read: `read(first, length)` returns `length` bytes of the payload.

    Raises:
        ValueError: the bytes contradict the entry, or a quantized weight or a scale is not a finite number.
    """
    mask_bytes, value_bytes, scale_bytes, zero_bytes = entry.lengths
    values_at = entry.offset + mask_bytes
    mask_data = read(entry.offset, mask_bytes)
    mask = bitstream.unpack_mask(mask_data, entry.count, entry.count_kept, entry.mask, entry.low)
    scale = np.frombuffer(read(values_at + value_bytes, scale_bytes), "<f4").astype(np.float32)
    zero = np.zeros(entry.scales, np.int32)
    if entry.encoding == "asymmetric":
        data = read(values_at + value_bytes + scale_bytes, zero_bytes)
        zero = bitstream.unpack(data, entry.scales, entry.bits).astype(np.int32)
    if not (np.isfinite(scale) & (scale >= 0)).all():
        raise ValueError(f"{shown(entry.name)} has a scale that is negative, infinite or NaN")
    weights = np.zeros(entry.count, TYPES[entry.type].newbyteorder("="))
    stored = nonzero = 0
    for first in range(0, entry.count, _AT_ONCE):
        kept = mask[first : first + _AT_ONCE]
        number = int(np.count_nonzero(kept))
        bit = stored * entry.bits
        data = read(values_at + bit // 8, -(-(bit % 8 + number * entry.bits) // 8))
        part = weights[first : first + _AT_ONCE]
        if entry.encoding == "raw":
            part[kept] = np.frombuffer(data, TYPES[entry.type])
        else:
            codes = bitstream.unpack(data, number, entry.bits, first=bit % 8)
            part[kept] = _weights(entry, codes, np.flatnonzero(kept) + first, scale, zero)
        stored += number
        nonzero += int(np.count_nonzero(part))
    if nonzero > entry.count_kept:
        raise ValueError(f"{shown(entry.name)} keeps {entry.count_kept:,} weights, and {nonzero:,} are not 0")
    return weights.reshape(entry.shape)


def _weights(entry: Entry, codes: np.ndarray, indices: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """What stored integers [N] at these indices [N] of the array stand for."""
    if entry.encoding == "symmetric" and codes.size and codes.max() > 2**entry.bits - 2:
        raise ValueError(f"{shown(entry.name)} has an integer that no weight stands for")
    channel = indices % entry.scales
    integers = _integers(codes, entry.encoding, entry.bits) - zero[channel]
    with np.errstate(over="ignore", invalid="ignore"):
        weights = (integers.astype(np.float32) * scale[channel]).astype(TYPES[entry.type])
    if not np.isfinite(weights).all():
        raise ValueError(f"{shown(entry.name)} has a quantized weight that is not finite")
    return weights


def _kept(mask: np.ndarray | None, count: int) -> np.ndarray:
    return np.ones(count, bool) if mask is None else np.asarray(mask, bool).reshape(-1)


def _with_mask(entry: Entry, kept: np.ndarray) -> Entry:
    """The entry with the mask that takes the fewest bytes."""
    count = int(kept.sum())
    if count == kept.size:
        return entry
    way = sizes.MASKS[int(sizes.leaf_bytes_by_mask(kept.size, count, entry.bits).argmin())]
    marked = {"kept": count, "pruned": kept.size - count}.get(way, 0)
    low = sizes.low_bits(kept.size, marked) if marked else 0
    return msgspec.structs.replace(entry, kept=count, mask=way, low=low)


def _codes(integers: np.ndarray, encoding: str, bits: int) -> np.ndarray:
    """The stored form of integers, 0 .. 2^bits-1."""
    if encoding == "binary":
        return (integers + 1) // 2
    return integers + 2 ** (bits - 1) - 1 if encoding == "symmetric" else integers


def _integers(codes: np.ndarray, encoding: str, bits: int) -> np.ndarray:
    """The integers from their stored form."""
    codes = codes.astype(np.int32)
    if encoding == "binary":
        return codes * 2 - 1
    return codes - (2 ** (bits - 1) - 1) if encoding == "symmetric" else codes
