"""A reader of packed files written from docs/packed.md alone: bit by bit, and with nothing of minjax's."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib

import ml_dtypes
import numpy as np

TYPES = {"float32": "<f4", "float16": "<f2", "bfloat16": ml_dtypes.bfloat16, "int32": "<i4"}


def read_as_documented(content: bytes) -> tuple[dict[str, np.ndarray], object]:
    """The arrays by name, and `about`."""
    magic, version, header_bytes, size = struct.unpack_from("<8sIIQ", content)
    assert (magic, version, size) == (b"minjaxpk", 1, len(content))
    assert hashlib.sha256(content[:-32]).digest() == content[-32:]
    header = json.loads(zlib.decompress(content[24 : 24 + header_bytes]))
    payload = content[24 + header_bytes : -32]
    arrays, end = {}, 0
    for leaf in header["leaves"]:
        assert leaf["offset"] == end
        arrays[leaf["name"]], end = array(leaf, payload)
    assert end == len(payload)
    assert len(arrays) == len(header["leaves"])
    return arrays, header["about"]


def array(leaf: dict, payload: bytes) -> tuple[np.ndarray, int]:
    """One array, and where its bytes end."""
    position = leaf["offset"]

    def stream(count: int, width: int) -> list[int]:
        nonlocal position
        start, position = position, position + (count * width + 7) // 8
        assert position <= len(payload)
        bits = int.from_bytes(payload[start:position], "little")
        return [bits >> i * width & (1 << width) - 1 for i in range(count)]

    shape, bits, encoding = leaf["shape"], leaf.get("bits", 32), leaf.get("encoding", "raw")
    n, kind = math.prod(shape), np.dtype(TYPES[leaf.get("type", "float32")])
    kept, mask = leaf.get("kept"), leaf.get("mask", "none")
    kept = n if kept is None else kept
    indices: list[int] | range = range(n)
    if mask == "bitmask":
        indices = [i for i, bit in enumerate(stream(n, 1)) if bit]
    elif mask != "none":
        k, low = kept if mask == "kept" else n - kept, leaf.get("low", 0)
        lows = stream(k, low)
        ones = [p for p, bit in enumerate(stream(k + (n - 1 >> low), 1) if k else []) if bit]
        marked = [(p - i << low) | lows[i] for i, p in enumerate(ones)]
        assert marked == sorted({i for i in marked if i < n})
        indices = marked if mask == "kept" else sorted(set(range(n)) - set(marked))
    assert mask == "none" or len(indices) == kept
    codes = stream(len(indices), bits)
    weights = np.zeros(n, kind)
    if encoding == "raw":
        weights[list(indices)] = np.array(codes, f"<u{kind.itemsize}").view(kind)
        return weights.reshape(shape), position
    scales = np.array(stream(leaf["scales"], 32), "<u4").view("<f4")
    zeros = stream(len(scales), bits) if encoding == "asymmetric" else [2 ** (bits - 1) - 1] * len(scales)
    for i, u in zip(indices, codes, strict=True):
        integer = 2 * u - 1 if encoding == "binary" else u - zeros[i % len(scales)]
        weights[i] = (np.float32(integer) * scales[i % len(scales)]).astype(kind)
    return weights.reshape(shape), position
