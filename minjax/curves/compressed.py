"""The weights of one compressed version: pruned, then quantized, with everything that varies traced.

Quantization treats all leaves as the rows of one matrix, so it is compiled once, not once for each leaf. A row is an
output channel, or a whole leaf; shorter rows are padded, and masks mark the padding as pruned.
"""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minjax import tree
from minjax.compress.formats import round_to_format
from minjax.compress.quantize import Scheme, dequantize, quantize_array

Leaves = dict[str, jax.Array]


def compress(
    params: Any,
    ranks: Leaves,
    counts: jax.Array,
    bits: jax.Array,
    scheme: jax.Array,
    schemes: tuple[Scheme | str, ...],
) -> Any:
    """Prune and then quantize; pruned weights stay zero and do not enter the ranges of the quantization.

    Args:
        params: the trained parameters.
        ranks: leaf name -> int32 of the leaf's shape; the L prunable leaves.
        counts: int32 [L], in the order of the sorted names: weights whose rank is below the count are pruned.
        bits: int32 [L], likewise; 0 leaves a leaf in float32.
        scheme: int32 scalar, an index into `schemes`.
        schemes: schemes and names of formats.
    """
    names = sorted(ranks)
    named = tree.leaves(params)
    masks = {name: ranks[name] >= counts[i] for i, name in enumerate(names)}
    pruned = {name: jnp.where(masks[name], named[name], 0) for name in names}

    def quantize_with(how: Scheme | str) -> Leaves:
        per_channel = how.per_channel if isinstance(how, Scheme) else True
        matrix = _Matrix({name: named[name].shape for name in names}, per_channel)
        widths = jnp.maximum(bits, 1)[matrix.leaf_of_row][:, None]
        x, kept = matrix.join(named), matrix.join(masks)
        if isinstance(how, Scheme):
            q = quantize_array(x, widths, symmetric=how.symmetric, channel_axis=0, clip=how.clip, where=kept)
            rounded = dequantize(q)
        else:
            rounded = round_to_format(jnp.where(kept, x, 0), how, 0)
        return matrix.split(jnp.where(kept, rounded, 0))

    def quantize() -> Leaves:
        rounded = lax.switch(scheme, [partial(quantize_with, how) for how in schemes])
        return {name: jnp.where(bits[i] > 0, rounded[name], pruned[name]) for i, name in enumerate(names)}

    used = lax.cond(jnp.any(bits > 0), quantize, lambda: pruned)
    return jax.tree_util.tree_map_with_path(lambda path, x: used.get(tree.path_name(path), x), params)


@dataclasses.dataclass(frozen=True)
class _Matrix:
    """How leaves are laid out as the rows of one matrix.

    Attributes:
        shapes: leaf name -> shape, in the order of the rows.
        per_channel: one row for each output channel (the last axis), or one for each leaf.
    """

    shapes: dict[str, tuple[int, ...]]
    per_channel: bool

    def rows(self, name: str) -> int:
        """How many rows a leaf takes."""
        return self.shapes[name][-1] if self.per_channel else 1

    @property
    def leaf_of_row(self) -> np.ndarray:
        """int [R]: the index of the leaf that each row belongs to."""
        return np.repeat(np.arange(len(self.shapes)), [self.rows(name) for name in self.shapes])

    @property
    def width(self) -> int:
        """The length of the longest row."""
        return max(math.prod(shape) // self.rows(name) for name, shape in self.shapes.items())

    def join(self, leaves: Leaves) -> jax.Array:
        """The matrix [R, width] of these leaves, padded with zeros (or False)."""
        parts = []
        for name in self.shapes:
            part = jnp.moveaxis(leaves[name], -1, 0).reshape(self.rows(name), -1)
            parts.append(jnp.pad(part, ((0, 0), (0, self.width - part.shape[1]))))
        return jnp.concatenate(parts)

    def split(self, matrix: jax.Array) -> Leaves:
        """The inverse of `join`."""
        leaves, first = {}, 0
        for name, shape in self.shapes.items():
            count = self.rows(name)
            part = matrix[first : first + count, : math.prod(shape) // count]
            leaves[name] = jnp.moveaxis(part.reshape(shape[-1], *shape[:-1]), 0, -1)
            first += count
        return leaves
