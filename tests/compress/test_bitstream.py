"""Integers of every width and masks come back, and take the bytes that the formulas say."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.compress import bitstream, sizes

quick = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.mark.parametrize("width", range(1, 17))
@quick
@given(data=st.data())
def test_integers_of_every_width_come_back(width, data):
    values = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=40))
    packed = bitstream.pack(np.array(values, np.int64), width)
    assert len(packed) == -(-len(values) * width // 8)
    assert bitstream.unpack(packed, len(values), width).tolist() == values


@pytest.mark.parametrize("width", range(1, 17))
def test_the_ends_of_every_width(width):
    values = np.array([2**width - 1, 0, 2**width - 1])
    packed = bitstream.pack(values, width)
    assert int.from_bytes(packed, "little") == (2**width - 1) * (1 + 4**width)
    assert bitstream.unpack(packed, 3, width).tolist() == values.tolist()


def test_bits_fill_bytes_from_the_lowest():
    assert bitstream.pack(np.array([1, 2, 3]), 3) == bytes([0b11_010_001, 0b0])
    assert bitstream.pack(np.array([0x1234]), 16) == b"\x34\x12"
    assert bitstream.pack(np.array([], int), 5) == b""
    assert bitstream.pack(np.array([0, 0]), 0) == b""


@pytest.mark.parametrize("value", [-1, 8])
def test_an_integer_that_does_not_fit(value):
    with pytest.raises(ValueError, match="do not fit 3 bits"):
        bitstream.pack(np.array([0, value]), 3)


def low_bits(mask: np.ndarray, way: str) -> int:
    return sizes.low_bits(mask.size, int(mask.sum() if way == "kept" else (~mask).sum()))


@pytest.mark.parametrize("way", sizes.MASKS[1:])
@quick
@given(count=st.integers(0, 3000), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_masks_come_back_and_take_what_the_formula_says(way, count, share, seed):
    mask = np.random.default_rng(seed).permutation(count) < round(share * count)
    low = low_bits(mask, way)
    packed = bitstream.pack_mask(mask, way, low)
    assert len(packed) == sizes.mask_bytes(count, mask.sum())[sizes.MASKS.index(way)]
    assert len(packed) == bitstream.mask_length(count, int(mask.sum()), way, low)
    np.testing.assert_array_equal(bitstream.unpack_mask(packed, count, mask.sum(), way, low), mask)


@pytest.mark.parametrize("way", sizes.MASKS[1:])
@pytest.mark.parametrize("low", [0, 1, 3, 7])
@pytest.mark.parametrize("ones", [[], [0], [99], [0, 99], list(range(50)), list(range(100))])
def test_masks_with_all_at_one_place_and_any_number_of_low_bits(way, low, ones):
    mask = np.isin(np.arange(100), ones)
    packed = bitstream.pack_mask(mask, way, low)
    np.testing.assert_array_equal(bitstream.unpack_mask(packed, 100, mask.sum(), way, low), mask)


@pytest.mark.parametrize("at_once", [1, 7, 64])
def test_indices_that_are_read_in_parts(at_once, monkeypatch):
    monkeypatch.setattr(bitstream, "_AT_ONCE", at_once)
    for seed, low in enumerate((0, 1, 3, 5)):
        mask = np.random.default_rng(seed).random(500) < 0.2
        np.testing.assert_array_equal(
            bitstream.unpack_indices(bitstream.pack_indices(mask, low), 500, int(mask.sum()), low), mask
        )


def test_indices_take_the_memory_of_the_mask_and_little_more():
    mask = np.arange(2**22) % 8 == 3
    packed = bitstream.pack_indices(mask, 2)
    tracemalloc.start()
    try:
        bitstream.unpack_indices(packed, mask.size, 2**19, 2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < mask.size + 4 * 2**20


def test_indices_as_documented():
    """With four low bits 2 = 0 * 16 + 2 and 130 = 8 * 16 + 2; the ones are at 0 + 0 and 8 + 1."""
    mask = np.isin(np.arange(200), [2, 130])
    assert bitstream.pack_indices(mask, 4) == bytes([2 | 2 << 4]) + (1 << 0 | 1 << 9).to_bytes(2, "little")
    assert bitstream.pack_mask(mask[:8], "bitmask") == bytes([0b100])
    # Five indices below 32 with three low bits: 15 bits, and 5 ones and 3 zeros, not a bit more.
    mask = np.isin(np.arange(32), [0, 1, 2, 3, 31])
    assert bitstream.pack_indices(mask, sizes.low_bits(32, 5)).hex(" ") == "88 76 8f"
    assert sizes.index_bytes(32, 5) == 3


@pytest.mark.parametrize("way", sizes.MASKS[1:])
def test_a_mask_that_holds_another_number_is_noticed(way):
    mask = np.arange(300) % 3 == 0
    packed = bitstream.pack_mask(mask, way, 1)
    with pytest.raises(ValueError, match="should be"):
        bitstream.unpack_mask(packed, 300, 90, way, 1)
    with pytest.raises(ValueError, match="should be"):
        bitstream.unpack_mask(packed[:-2], 300, 100, way, 1)
