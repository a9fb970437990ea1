"""Dropout whose mask for an image depends only on the key and the image's position in the global batch.

A batch split over eight devices therefore drops the same activations as on one device.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from minjax import noise


def keep_mask(key: jax.Array, positions: jax.Array, shape: tuple[int, ...], rate: float) -> jax.Array:
    """Which activations are kept: bool [B, *shape], each True with probability 1 - rate.

    Each image's key, folded with its position, is two words; the bits of its activations are a hash of (words, index),
    which is random enough for dropout.

    Args:
      key: a PRNG key.
      positions: int [B], each image's index in the global batch.
      shape: shape of one image's activations.
      rate: probability of dropping, in [0, 1).
    """
    keys = jax.vmap(lambda position: jax.random.fold_in(key, position))(positions)
    bits = noise.bits(noise.key_words(keys), lax.iota(jnp.uint32, math.prod(shape)))
    return (bits >= jnp.uint32(round(rate * 2**32))).reshape(positions.shape[0], *shape)


class Dropout(nn.Module):
    """In training, zero each activation with probability `rate` and scale the others by 1 / (1 - rate).

    Takes its key from the "dropout" stream. The first axis of the input is the batch.

    Attributes:
      rate: dropout rate in [0, 1); at 0 no key is needed.
      axis_name: under pmap, the axis over which the batch is split.
    """

    rate: float
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, ...] -> [B, ...]."""
        if not train or self.rate == 0.0:
            return x
        positions = jnp.arange(x.shape[0])
        if self.axis_name is not None and not self.is_initializing():
            positions = positions + lax.axis_index(self.axis_name) * x.shape[0]
        mask = keep_mask(self.make_rng("dropout"), positions, x.shape[1:], self.rate)
        return jnp.where(mask, x / (1.0 - self.rate), jnp.zeros((), x.dtype))
