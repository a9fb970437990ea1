"""Integers of any width and masks as bytes, and back.

A stream of bits fills bytes from their lowest bit up: bit i of the stream is bit i % 8 of byte i // 8 (so integers of
8, 16 and 32 bits are little-endian); the last byte is filled up with zeros.
"""

from __future__ import annotations

import numpy as np

Bytes = bytes | memoryview


def pack(values: np.ndarray, width: int) -> bytes:
    """Integers 0 .. 2^width-1, each in `width` bits (0 to 32), the lowest bit first.

    Raises:
        ValueError: an integer that does not fit.
    """
    values = np.asarray(values).reshape(-1)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < 2**width:
        raise ValueError(f"integers {values.min()} to {values.max()} do not fit {width} bits")
    octets = values.astype("<u4").view(np.uint8).reshape(-1, 4)[:, : -(-width // 8)]
    bits = np.unpackbits(octets, axis=1, count=width, bitorder="little")
    return np.packbits(bits, bitorder="little").tobytes()


def unpack(data: Bytes, count: int, width: int) -> np.ndarray:
    """The first `count` integers of `width` bits, as uint32 [count].

    Raises:
        ValueError: the data is shorter.
    """
    bits = _bits(data, count * width).reshape(count, width)
    octets = np.zeros((count, 4), np.uint8)
    octets[:, : -(-width // 8)] = np.packbits(bits, axis=1, bitorder="little")
    return octets.view("<u4").reshape(-1).astype(np.uint32)


def pack_indices(marked: np.ndarray, low: int) -> bytes:
    """Where a bool array is True, in Elias-Fano form: all low parts, then, in bytes of their own, the high parts.

    The i-th index (from 0) is split into its `low` low bits and a high part h; in the second stream bit h + i is 1,
    so that the zeros before a one are the step from the high part before.
    """
    marked = np.asarray(marked, bool).reshape(-1)
    indices = np.flatnonzero(marked)
    if not indices.size:
        return b""
    unary = np.zeros(indices.size + (marked.size - 1 >> low), bool)
    unary[(indices >> low) + np.arange(indices.size)] = True
    return pack(indices & (1 << low) - 1, low) + np.packbits(unary, bitorder="little").tobytes()


def unpack_indices(data: Bytes, count: int, marked: int, low: int) -> np.ndarray:
    """The bool array [count] that is True at the `marked` indices that `pack_indices` wrote.

    Raises:
        ValueError: the data holds another number of indices, or one beyond `count`.
    """
    mask = np.zeros(count, bool)
    if marked == 0:
        return mask
    lows = -(-marked * low // 8)
    unary = np.flatnonzero(_bits(data[lows:], marked + (count - 1 >> low)))
    if unary.size != marked:
        raise ValueError(f"{unary.size} indices where {marked} should be")
    indices = (unary - np.arange(marked) << low) | unpack(data[:lows], marked, low)
    if indices[-1] >= count:
        raise ValueError(f"the index {indices[-1]} should be below {count}")
    mask[indices] = True
    return mask


def pack_mask(mask: np.ndarray, way: str, low: int = 0) -> bytes:
    """A bool array, True = kept, in one of the ways of `sizes.MASKS`; `low`: of the indices, see `sizes.low_bits`."""
    mask = np.asarray(mask, bool).reshape(-1)
    if way == "none":
        return b""
    if way == "bitmask":
        return np.packbits(mask, bitorder="little").tobytes()
    return pack_indices(mask if way == "kept" else ~mask, low)


def unpack_mask(data: Bytes, count: int, kept: int, way: str, low: int = 0) -> np.ndarray:
    """The bool array [count] from what `pack_mask` wrote; all True for "none".

    Raises:
        ValueError: the data does not hold `kept` of `count`.
    """
    if way == "none":
        return np.ones(count, bool)
    if way == "kept":
        return unpack_indices(data, count, kept, low)
    if way == "pruned":
        return ~unpack_indices(data, count, count - kept, low)
    mask = _bits(data, count).astype(bool)
    if mask.sum() != kept:
        raise ValueError(f"{mask.sum()} weights are kept where {kept} should be")
    return mask


def mask_length(count: int, kept: int, way: str, low: int = 0) -> int:
    """How many bytes `pack_mask` writes."""
    if way == "none":
        return 0
    if way == "bitmask":
        return -(-count // 8)
    marked = kept if way == "kept" else count - kept
    return -(-marked * low // 8) + (-(-(marked + (count - 1 >> low)) // 8) if marked else 0)


def _bits(data: Bytes, count: int) -> np.ndarray:
    if len(data) * 8 < count:
        raise ValueError(f"{len(data)} bytes where {-(-count // 8)} should be")
    return np.unpackbits(np.frombuffer(data, np.uint8), count=count, bitorder="little")
