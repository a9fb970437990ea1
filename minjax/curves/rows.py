"""All leaves of a network as the rows of one array, so that what is done to each is compiled once.

A row is an output channel, or a whole leaf; short ones are padded, and a mask says with what.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

Leaves = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Rows:
    """The layout of leaves in rows.

    Attributes:
        shapes: leaf -> its shape, in the order of the rows.
        per_channel: a row for each output channel (the last axis), or one for each leaf.
    """

    shapes: dict[str, tuple[int, ...]]
    per_channel: bool

    def count(self, name: str) -> int:
        """Rows of a leaf."""
        return self.shapes[name][-1] if self.per_channel else 1

    @property
    def leaf_of_row(self) -> np.ndarray:
        """int [R]: the place of each row's leaf."""
        return np.repeat(np.arange(len(self.shapes)), [self.count(name) for name in self.shapes])

    @property
    def width(self) -> int:
        """Of the longest row."""
        return max(math.prod(shape) // self.count(name) for name, shape in self.shapes.items())

    def join(self, leaves: Leaves) -> jax.Array:
        """[R, width]; padded with zeros (False)."""
        parts = []
        for name in self.shapes:
            rows = jnp.moveaxis(leaves[name], -1, 0).reshape(self.count(name), -1)
            parts.append(jnp.pad(rows, ((0, 0), (0, self.width - rows.shape[1]))))
        return jnp.concatenate(parts)

    def split(self, rows: jax.Array) -> Leaves:
        """The leaves again, without the padding."""
        leaves, first = {}, 0
        for name, shape in self.shapes.items():
            count = self.count(name)
            part = rows[first : first + count, : math.prod(shape) // count]
            leaves[name] = jnp.moveaxis(part.reshape(shape[-1], *shape[:-1]), 0, -1)
            first += count
        return leaves
