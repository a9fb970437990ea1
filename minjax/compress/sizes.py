"""What a compressed network takes to store, from counts alone: bytes, and the entropy below which no code gets.

The formulas are those of the file that `packed.py` writes, section by section, so that a point on a curve and the
file of that point differ by the file's header only. A leaf is stored as the cheapest of

* all its weights, the pruned ones as zeros (not at one bit, which has no zero);
* the weights that are left, and a bit for every weight that says which they are;
* the weights that are left, and the indices of either those or the pruned ones, in Elias-Fano form (Elias 1974,
  Fano 1971): the low bits of each index as they are, the gaps between the high parts in unary. For a random mask
  that is within a few per cent of the entropy, and its size depends on the counts alone.

Everything here is NumPy on the host and takes arrays of counts, so that a curve of hundreds of points is one call.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minjax import tree
from minjax.compress import formats

FLOAT = 32  # bits of a number that is not quantized, and of a scale
MASKS = ("none", "bitmask", "kept", "pruned")  # the order of preference where sizes are equal
_LOW_BITS = np.arange(32)
_NEVER = np.iinfo(np.int64).max // 2


def index_bytes(count: ArrayLike, marked: ArrayLike) -> np.ndarray:
    """Bytes of `marked` indices below `count`, in Elias-Fano form."""
    return _index_bytes(count, marked).min(-1)


def low_bits(count: int, marked: int) -> int:
    """How many low bits of each index are stored as they are, for the fewest bytes (the fewest bits if several)."""
    return int(_index_bytes(count, marked).argmin(-1))


def _index_bytes(count: ArrayLike, marked: ArrayLike) -> np.ndarray:
    """[..., number of low bits]."""
    count, marked = (np.asarray(array, np.int64)[..., None] for array in (count, marked))
    unary = np.where(marked > 0, marked + (np.maximum(count, 1) - 1 >> _LOW_BITS), 0)
    return _bytes(marked * _LOW_BITS) + _bytes(unary)


def mask_bytes(count: ArrayLike, kept: ArrayLike) -> np.ndarray:
    """Bytes that say which `kept` of `count` weights are left, [..., 4] in the order of `MASKS`."""
    count, kept = np.broadcast_arrays(np.asarray(count, np.int64), np.asarray(kept, np.int64))
    return np.stack(
        [np.zeros_like(count), _bytes(count), index_bytes(count, kept), index_bytes(count, count - kept)], -1
    )


def leaf_bytes_by_mask(count: ArrayLike, kept: ArrayLike, bits: ArrayLike = FLOAT) -> np.ndarray:
    """Bytes of a leaf's mask and values in each of the four ways, [..., 4] in the order of `MASKS`.

    Args:
        count: weights, all of them.
        kept: those not pruned.
        bits: of a value; 32: not quantized.
    """
    count, kept, bits = np.broadcast_arrays(*(np.asarray(array, np.int64) for array in (count, kept, bits)))
    ways = mask_bytes(count, kept) + _bytes(kept * bits)[..., None]
    # One bit stands for -1 and 1, so a pruned weight cannot be a value.
    ways[..., 0] = np.where((bits > 1) | (kept == count), _bytes(count * bits), _NEVER)
    return ways


def leaf_bytes(
    count: ArrayLike, kept: ArrayLike, bits: ArrayLike = FLOAT, scales: ArrayLike = 0, zeros: ArrayLike = 0
) -> np.ndarray:
    """Bytes of a leaf: mask, values, float32 scales and zero points; arguments broadcast against one another.

    Args:
        count: weights, all of them.
        kept: those not pruned; they may be 0 (at few bits many are).
        bits: of a value; 32: not quantized.
        scales: how many.
        zeros: how many zero points, each of `bits` bits.
    """
    bits, scales, zeros = (np.asarray(array, np.int64) for array in (bits, scales, zeros))
    return leaf_bytes_by_mask(count, kept, bits).min(-1) + scales * (FLOAT // 8) + _bytes(zeros * bits)


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """What the size of a network depends on besides its zeros: built once, asked for every point.

    Attributes:
        names: of the leaves of the parameters, in the order of `jax.tree.leaves`; L of them.
        counts: [L] weights of each leaf.
        channels: [L] outputs of each leaf, its last axis.
        quantized: [L] bool, the leaves that are quantized when bits are given.
        state: numbers that are no parameters (batch-norm statistics), stored as float32.
    """

    names: tuple[str, ...]
    counts: np.ndarray
    channels: np.ndarray
    quantized: np.ndarray
    state: int = 0

    def dense_bytes(self) -> int:
        """Bytes of everything as float32."""
        return 4 * (int(self.counts.sum()) + self.state)

    def theoretical_bytes(
        self,
        kept: ArrayLike | None = None,
        bits: ArrayLike | None = None,
        *,
        symmetric: bool = True,
        per_channel: bool = True,
        format: str | None = None,
    ) -> np.ndarray:
        """Bytes of the network, pruned and quantized, for one point or for many.

        Args:
            kept: [..., L] weights not pruned of each leaf; None: all.
            bits: [...] of the quantized leaves' values, 32 for a point that is not quantized; None: none is.
            symmetric: no zero points.
            per_channel: scales (and zero points) for each output of a leaf instead of one.
            format: a floating-point format of `formats.FORMATS` instead of bits; float8 has scales as well.

        Returns:
            [...] int64.

        Raises:
            UserError: an unknown format.
        """
        if format is not None:
            bits = formats.bits(format)
        kept = self.counts if kept is None else np.asarray(kept, np.int64)
        asked = np.asarray(FLOAT if bits is None else bits, np.int64)[..., None]
        each = np.where(self.quantized, asked, FLOAT)
        ranges = np.where(self.quantized & (asked < FLOAT), self.channels if per_channel else 1, 0)
        scales = np.zeros_like(ranges) if format is not None and bits == 16 else ranges
        zeros = np.zeros_like(ranges) if symmetric or format is not None else ranges
        zeros = np.where(each == 1, 0, zeros)  # one bit has none
        return leaf_bytes(self.counts, kept, each, scales, zeros).sum(-1) + 4 * self.state


def layout(
    params: Any,
    model_state: Any = None,
    *,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] = (),
) -> Layout:
    """The layout of a network.

    Args:
        params: pytree of arrays, or anything with a shape.
        model_state: what is stored and is no parameter, such as batch-norm statistics.
        include: patterns of the leaves that are quantized when bits are given (see `tree.select`); None: the
            convolution kernels.
        exclude: patterns of leaves that are not.

    Raises:
        UserError: a pattern matches nothing.
    """
    shapes = {name: tuple(leaf.shape) for name, leaf in tree.leaves(params).items()}
    chosen = tree.leaves(tree.select(params, include, exclude))
    return Layout(
        names=tuple(shapes),
        counts=np.array([math.prod(shape) for shape in shapes.values()], np.int64),
        channels=np.array([shape[-1] if shape else 1 for shape in shapes.values()], np.int64),
        quantized=np.array([chosen[name] for name in shapes], bool),
        state=tree.count(model_state),
    )


def nonzero(params: Any) -> np.ndarray:
    """[L] how many numbers of each leaf are not zero, in the order of the leaves."""
    return np.array([np.count_nonzero(np.asarray(leaf)) for leaf in tree.leaves(params).values()], np.int64)


def entropy_bits(symbols: np.ndarray) -> float:
    """The least bits that a code with a length for each symbol takes for these (Shannon 1948): the entropy of their
    frequencies, order 0. The table of frequencies, which a decoder needs as well, is not counted."""
    _, counts = np.unique(symbols, return_counts=True)
    return float(counts.sum() * np.log2(max(counts.sum(), 1)) - (counts * np.log2(counts)).sum())


def leaf_entropy_bits(values: np.ndarray, mask: np.ndarray, zero: np.ndarray) -> float:
    """The entropy bound of a quantized leaf's integers, in bits: of mask and values, or of the values alone with
    pruned weights as zeros, whichever is less.

    Args:
        values: integers.
        mask: bool, of the same shape; True: kept.
        zero: the integer that stands for 0, broadcastable; at one bit 0 itself, a third symbol.
    """
    apart = entropy_bits(mask) + entropy_bits(values[mask])
    return min(apart, entropy_bits(np.where(mask, values, zero)))


def _bytes(bits: np.ndarray) -> np.ndarray:
    return -(-bits // 8)
