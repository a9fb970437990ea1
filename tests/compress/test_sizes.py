"""Sizes from counts, against numbers worked out by hand and against what a file really takes."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax import models
from minjax.compress import sizes
from minjax.errors import UserError

quick = settings(max_examples=50, deadline=None, derandomize=True)
PARAMS = {
    "conv": {"kernel": np.ones((3, 3, 4, 8), np.float32), "bias": np.zeros(8, np.float32)},
    "head": {"kernel": np.ones((8, 10), np.float32), "bias": np.zeros(10, np.float32)},
}
STATE = {"norm": {"mean": np.zeros(8), "var": np.ones(8)}}
# In the order of the leaves: conv/bias 8, conv/kernel 288, head/bias 10, head/kernel 80; statistics 16.
REST = 4 * (8 + 10 + 80 + 16)


def of_kernel(kept: int = 288, bits: int | None = None, **scheme) -> int:
    """Bytes of the convolution's kernel when so many of its weights are left."""
    layout = sizes.layout(PARAMS, STATE)
    return int(layout.theoretical_bytes([8, kept, 10, 80], bits, **scheme)) - REST


def test_layout():
    layout = sizes.layout(PARAMS, STATE)
    assert layout.names == ("conv/bias", "conv/kernel", "head/bias", "head/kernel")
    assert layout.counts.tolist() == [8, 288, 10, 80]
    assert layout.quantized.tolist() == [False, True, False, False]
    assert layout.dense_bytes() == layout.theoretical_bytes() == 4 * 288 + REST


@pytest.mark.parametrize(
    ("bits", "scheme", "expected"),
    [
        (8, {}, 288 + 8 * 4),
        (3, {}, 108 + 8 * 4),
        (8, {"per_channel": False}, 288 + 4),
        (3, {"symmetric": False}, 108 + 8 * 4 + 3),
        (16, {"symmetric": False, "per_channel": False}, 576 + 4 + 2),
        (1, {}, 36 + 8 * 4),
        (1, {"symmetric": False}, 36 + 8 * 4),
        (32, {}, 4 * 288),
        (None, {"format": "float16"}, 2 * 288),
        (None, {"format": "bfloat16"}, 2 * 288),
        (None, {"format": "float8_e4m3"}, 288 + 8 * 4),
        (None, {"format": "float8_e5m2", "per_channel": False}, 288 + 4),
    ],
)
def test_quantized(bits, scheme, expected):
    assert of_kernel(288, bits, **scheme) == expected


@pytest.mark.parametrize(
    ("kept", "bits", "expected"),
    [
        (144, None, 4 * 144 + 36),  # a bit for each of 288
        (144, 8, 144 + 36 + 32),
        (287, 4, 144 + 32),  # one zero among the values: 143.5 and an index would be more
        (287, 8, 288 + 32),
        (280, 8, 280 + 5 + 2 + 32),  # eight indices of the pruned: 5 low bits each, 8 ones and 8 zeros
        (287, 1, 36 + 2 + 32),  # a pruned weight cannot be a value at one bit
        (10, 8, 10 + 5 + 4 + 32),  # ten indices: 4 low bits each, 10 ones and 17 zeros
        (0, 8, 32),
    ],
)
def test_pruned(kept, bits, expected):
    assert of_kernel(kept, bits) == expected


def test_one_call_for_a_whole_grid():
    layout = sizes.layout(PARAMS, STATE)
    kept = np.array([[8, n, 10, 80] for n in (288, 144, 10, 0)])
    bits = np.array([1, 4, 8, 32])
    grid = layout.theoretical_bytes(kept[:, None], bits)
    assert grid.shape == (4, 4)
    for i, row in enumerate(kept):
        for j, b in enumerate(bits):
            assert grid[i, j] == of_kernel(row[1], int(b)) + REST
            assert grid[i, j] == layout.theoretical_bytes(row, int(b))


def test_a_curve_of_a_large_network():
    shapes = models.parameter_shapes("resnet18", 10, (32, 32, 3))
    layout = sizes.layout(shapes["params"], shapes["batch_stats"])
    assert layout.dense_bytes() == 4 * (11_173_962 + 9_600)
    kept = np.linspace(layout.counts, 0, 21).astype(np.int64)
    grid = layout.theoretical_bytes(kept[:, None], np.arange(1, 17))
    assert grid.shape == (21, 16)
    assert (np.diff(grid[:, 7]) < 0).all()


@quick
@given(count=st.integers(1, 10**6), share=st.floats(0, 1), bits=st.integers(2, 32))
def test_no_way_takes_less_and_little_is_lost_to_the_entropy(count, share, bits):
    kept = round(share * count)
    ways = sizes.leaf_bytes_by_mask(count, kept, bits)
    assert sizes.leaf_bytes(count, kept, bits) == ways.min() <= -(-count * bits // 8)
    p = kept / count
    entropy = -count * sum(q * np.log2(q) for q in (p, 1 - p) if q) / 8
    mask = sizes.mask_bytes(count, kept)[1:].min()
    # The bound is of random masks; sections are whole bytes, and the unary stream has its last zeros.
    assert entropy * 0.999 - np.log2(count + 1) <= mask <= entropy * 1.3 + 5


@pytest.mark.parametrize("share", [0.3, 0.1, 0.03, 0.01, 0.001])
def test_indices_are_near_the_entropy(share):
    count = 10**6
    entropy = -count * (share * np.log2(share) + (1 - share) * np.log2(1 - share)) / 8
    assert entropy < sizes.mask_bytes(count, round(share * count)).astype(float)[1:].min() < 1.17 * entropy


def test_a_whole_leaf_pruned_or_empty():
    assert sizes.leaf_bytes(100, 0) == 0
    assert sizes.leaf_bytes(0, 0) == 0
    assert sizes.leaf_bytes([0, 100], [0, 100], [8, 1]).tolist() == [0, 13]


def test_mistakes():
    with pytest.raises(UserError, match="matches no parameter"):
        sizes.layout(PARAMS, include="*/kernal")
    with pytest.raises(UserError, match="unknown number format 'float7'"):
        sizes.layout(PARAMS).theoretical_bytes(format="float7")


@pytest.mark.parametrize(
    ("symbols", "bits"),
    [([], 0), ([3, 3, 3], 0), ([0, 1], 2), ([0, 1, 2, 3] * 5, 40), ([0, 0, 0, 1], 4 * 0.811278124459)],
)
def test_entropy(symbols, bits):
    assert sizes.entropy_bits(np.array(symbols, int)) == pytest.approx(bits)


def test_entropy_of_a_pruned_leaf_is_of_mask_and_values():
    rng = np.random.default_rng(0)
    values, mask = rng.choice([-1, 1], 4000), rng.random(4000) < 0.25
    both = sizes.entropy_bits(mask) + sizes.entropy_bits(values[mask])
    assert sizes.leaf_entropy_bits(values, mask, np.array(0)) == pytest.approx(both)
    # Where zero is a value anyway, the mask need not be told apart from it.
    values = rng.choice([-1, 0, 1], 4000)
    both = sizes.entropy_bits(mask) + sizes.entropy_bits(values[mask])
    assert sizes.leaf_entropy_bits(values, mask, np.array(0)) < both


def test_shapes_are_enough():
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), PARAMS)
    assert sizes.layout(shapes).dense_bytes() == sizes.layout(PARAMS).dense_bytes()
