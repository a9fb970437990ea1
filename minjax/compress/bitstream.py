"""Integers of any width and masks as bytes, and back.

A bit stream fills each byte from its lowest bit up: bit i of the stream is bit i % 8 of byte i // 8, so integers of 8,
16 and 32 bits are little-endian. The last byte is padded with zeros.
"""

from __future__ import annotations

import numpy as np

Bytes = bytes | memoryview

_AT_ONCE = 2**16  # bits of an index stream that are read together; a bit takes some 30 bytes while it is


def pack(values: np.ndarray, width: int) -> bytes:
    """Integers from 0 to 2^width-1 as a stream, each in `width` bits (0 to 32), lowest bit first.

    Raises:
        ValueError: an integer does not fit.
    """
    values = np.asarray(values).reshape(-1)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < 2**width:
        raise ValueError(f"integers {values.min()} to {values.max()} do not fit {width} bits")
    octets = values.astype("<u4").view(np.uint8).reshape(-1, 4)[:, : -(-width // 8)]
    bits = np.unpackbits(octets, axis=1, count=width, bitorder="little")
    return np.packbits(bits, bitorder="little").tobytes()


def unpack(data: Bytes, count: int, width: int, *, first: int = 0) -> np.ndarray:
    """`count` integers of `width` bits, as uint32 [count], from bit `first` of a stream on.

    Raises:
        ValueError: the data is too short.
    """
    bits = _bits(data, first, count * width).reshape(count, width)
    octets = np.zeros((count, 4), np.uint8)
    octets[:, : -(-width // 8)] = np.packbits(bits, axis=1, bitorder="little")
    return octets.view("<u4").reshape(-1).astype(np.uint32)


def pack_indices(marked: np.ndarray, low: int) -> bytes:
    """The indices at which a bool array is True, in Elias-Fano form: the low parts, then, in bytes of their own, the
    high parts.

    The i-th index (from 0) is split into its `low` low bits and a high part h; bit h + i of the second stream is 1,
    so the zeros before a one are the increase of the high part.
    """
    marked = np.asarray(marked, bool).reshape(-1)
    indices = np.flatnonzero(marked)
    if not indices.size:
        return b""
    unary = np.zeros(indices.size + (marked.size - 1 >> low), bool)
    unary[(indices >> low) + np.arange(indices.size)] = True
    return pack(indices & (1 << low) - 1, low) + np.packbits(unary, bitorder="little").tobytes()


def unpack_indices(data: Bytes, count: int, marked: int, low: int) -> np.ndarray:
    """The bool array [count] that is True at the `marked` indices which `pack_indices` wrote.

    Raises:
        ValueError: the data is too short, or holds another number of indices, or one that is not below `count` or not
            above the one before it.
    """
    mask = np.zeros(count, bool)
    if marked == 0:
        return mask
    data = memoryview(data)
    lows = -(-marked * low // 8)
    length = marked + (count - 1 >> low)
    read, last = 0, -1
    for first in range(0, length, _AT_ONCE):
        ones = first + np.flatnonzero(_bits(data[lows:], first, min(_AT_ONCE, length - first)))
        if read + ones.size > marked:
            raise ValueError(f"there are more indices than the {marked} there should be")
        if not ones.size:
            continue
        high = ones - np.arange(read, read + ones.size)
        indices = (high << low) | unpack(data[:lows], ones.size, low, first=read * low)
        if indices[0] <= last or (np.diff(indices) <= 0).any():
            raise ValueError("the indices should be in ascending order")
        last, read = int(indices[-1]), read + ones.size
        if last >= count:
            raise ValueError(f"the index {last} should be below {count}")
        mask[indices] = True
    if read != marked:
        raise ValueError(f"{read} indices where {marked} should be")
    return mask


def pack_mask(mask: np.ndarray, way: str, low: int = 0) -> bytes:
    """A bool array, True = kept, in one of the ways of `sizes.MASKS`.

    Args:
        mask: of any shape.
        way: "none", "bitmask", "kept" or "pruned".
        low: low bits of each index for the last two (`sizes.low_bits`).
    """
    mask = np.asarray(mask, bool).reshape(-1)
    if way == "none":
        return b""
    if way == "bitmask":
        return np.packbits(mask, bitorder="little").tobytes()
    return pack_indices(mask if way == "kept" else ~mask, low)


def unpack_mask(data: Bytes, count: int, kept: int, way: str, low: int = 0) -> np.ndarray:
    """The bool array [count] that `pack_mask` wrote; all True for "none".

    Raises:
        ValueError: the data does not mark `kept` of `count` weights.
    """
    if way == "none":
        return np.ones(count, bool)
    if way == "kept":
        return unpack_indices(data, count, kept, low)
    if way == "pruned":
        mask = unpack_indices(data, count, count - kept, low)
        return np.logical_not(mask, out=mask)
    mask = _bits(data, 0, count).view(bool)
    if np.count_nonzero(mask) != kept:
        raise ValueError(f"{np.count_nonzero(mask)} weights are kept where {kept} should be")
    return mask


def mask_length(count: int, kept: int, way: str, low: int = 0) -> int:
    """The number of bytes that `pack_mask` writes."""
    if way == "none":
        return 0
    if way == "bitmask":
        return -(-count // 8)
    marked = kept if way == "kept" else count - kept
    return -(-marked * low // 8) + (-(-(marked + (count - 1 >> low)) // 8) if marked else 0)


def _bits(data: Bytes, first: int, count: int) -> np.ndarray:
    """Bits `first` to `first + count` of a stream, as uint8 [count]."""
    if len(data) * 8 < first + count:
        raise ValueError(f"{len(data)} bytes where {-(-(first + count) // 8)} should be")
    octets = np.frombuffer(data, np.uint8)[first // 8 : -(-(first + count) // 8)]
    return np.unpackbits(octets, count=first % 8 + count, bitorder="little")[first % 8 :]
