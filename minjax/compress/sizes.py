"""The storage that a compressed network takes, from counts alone: bytes, and the entropy that no code can beat.

The formulas are those of the file that `packed.py` writes, section by section, so that the size of a version on a curve
and that of its file differ only by the file's header. A leaf is stored as the cheapest of

* all its weights, with zeros for the pruned ones (not at one bit, which has no zero);
* the weights that are left, and one bit per weight to mark them;
* the weights that are left, and the indices of either these or the pruned ones, in Elias-Fano form (Elias 1974, Fano
  1971): the low bits of each index unchanged, the gaps between the high parts in unary. For a random mask this is
  within a few per cent of the entropy, and its size depends on the counts alone.

Everything here is NumPy on the host and takes arrays of counts, so that a curve of hundreds of versions is one call.
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

FLOAT = 32  # bits per number that is not quantized, and per scale
MASKS = ("none", "bitmask", "kept", "pruned")  # in order of preference if sizes are equal
_LOW_BITS = np.arange(32)
_NEVER = np.iinfo(np.int64).max // 2


def index_bytes(count: ArrayLike, marked: ArrayLike) -> np.ndarray:
    """Bytes for `marked` indices below `count` in Elias-Fano form."""
    return _index_bytes(count, marked).min(-1)


def low_bits(count: int, marked: int) -> int:
    """How many low bits of each index to store unchanged for the fewest bytes; on a tie, the fewest bits."""
    return int(_index_bytes(count, marked).argmin(-1))


def _index_bytes(count: ArrayLike, marked: ArrayLike) -> np.ndarray:
    """[..., number of low bits]."""
    count, marked = (np.asarray(array, np.int64)[..., None] for array in (count, marked))
    unary = np.where(marked > 0, marked + (np.maximum(count, 1) - 1 >> _LOW_BITS), 0)
    return _bytes(marked * _LOW_BITS) + _bytes(unary)


def mask_bytes(count: ArrayLike, kept: ArrayLike) -> np.ndarray:
    """Bytes for the mask of `kept` out of `count` weights, [..., 4] in the order of `MASKS`."""
    count, kept = np.broadcast_arrays(np.asarray(count, np.int64), np.asarray(kept, np.int64))
    return np.stack(
        [np.zeros_like(count), _bytes(count), index_bytes(count, kept), index_bytes(count, count - kept)], -1
    )


def leaf_bytes_by_mask(count: ArrayLike, kept: ArrayLike, bits: ArrayLike = FLOAT) -> np.ndarray:
    """Bytes for a leaf's mask and values in each of the four forms, [..., 4] in the order of `MASKS`.

    Args:
        count: how many weights there are.
        kept: how many are not pruned.
        bits: bits per value; 32: not quantized.
    """
    count, kept, bits = np.broadcast_arrays(*(np.asarray(array, np.int64) for array in (count, kept, bits)))
    ways = mask_bytes(count, kept) + _bytes(kept * bits)[..., None]
    # One bit represents -1 or 1, so a pruned weight cannot be stored as a value.
    ways[..., 0] = np.where((bits > 1) | (kept == count), _bytes(count * bits), _NEVER)
    return ways


def leaf_bytes(
    count: ArrayLike, kept: ArrayLike, bits: ArrayLike = FLOAT, scales: ArrayLike = 0, zeros: ArrayLike = 0
) -> np.ndarray:
    """Bytes for a leaf: mask, values, float32 scales and zero points. Arguments are broadcast.

    Args:
        count: how many weights there are.
        kept: how many are not pruned; they may round to 0 (at few bits many do).
        bits: bits per value; 32: not quantized.
        scales: how many scales there are.
        zeros: how many zero points there are, each of `bits` bits.
    """
    bits, scales, zeros = (np.asarray(array, np.int64) for array in (bits, scales, zeros))
    return leaf_bytes_by_mask(count, kept, bits).min(-1) + scales * (FLOAT // 8) + _bytes(zeros * bits)


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """What the size of a network depends on besides its zeros; built once, then used for every version.

    Attributes:
        names: names of the L leaves of the parameters, in the order of `jax.tree.leaves`.
        counts: [L], weights in each leaf.
        channels: [L], outputs of each leaf (its last axis).
        quantized: bool [L], the leaves that are quantized when bits are given.
        state: how many numbers are not parameters (batch-norm statistics); they are stored as float32.
    """

    names: tuple[str, ...]
    counts: np.ndarray
    channels: np.ndarray
    quantized: np.ndarray
    state: int = 0

    def dense_bytes(self) -> int:
        """Bytes for everything as float32."""
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
        """Bytes for the pruned and quantized network, for one version or for many.

        Args:
            kept: [..., L], how many weights of each leaf are not pruned; None: all.
            bits: [...], bits per value in quantized leaves, 32 for versions that are not quantized; None: none are.
            symmetric: whether there are no zero points.
            per_channel: whether each output of a leaf has its own scale (and zero point).
            format: a floating-point format in `formats.FORMATS`, instead of bits; float8 has scales too.

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
        model_state: what is stored besides parameters, such as batch-norm statistics.
        include: patterns of the leaves that are quantized when bits are given (see `tree.select`); None: the
            convolution kernels.
        exclude: patterns of leaves that are not quantized.

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


def entropy_bits(symbols: np.ndarray) -> float:
    """The fewest bits that a code with a length per symbol needs for these: their order-0 entropy (Shannon 1948).

    The table of frequencies, which a decoder needs too, is not counted.
    """
    _, counts = np.unique(symbols, return_counts=True)
    total = int(counts.sum())
    return float(total * np.log2(max(total, 1)) - (counts * np.log2(counts)).sum())


def leaf_entropy_bits(values: np.ndarray, mask: np.ndarray, zero: np.ndarray) -> float:
    """The entropy bound of a quantized leaf's integers, in bits.

    It is that of mask and values, or of the values alone with zeros for pruned weights, whichever is less.

    Args:
        values: integers.
        mask: bool, of the same shape; True: kept.
        zero: the integer that represents 0, broadcastable; at one bit 0 itself, as a third symbol.
    """
    apart = entropy_bits(mask) + entropy_bits(values[mask])
    return min(apart, entropy_bits(np.where(mask, values, zero)))


def _bytes(bits: np.ndarray) -> np.ndarray:
    return -(-bits // 8)
