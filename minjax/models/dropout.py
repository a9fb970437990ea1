"""Dropout whose mask for an image depends only on the key and the image's position in the global batch.

A batch split over eight devices therefore drops the same activations as on one device.
"""

from __future__ import annotations

import math
import zlib

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from minjax import noise


def keep_mask(key: jax.Array, positions: jax.Array, shape: tuple[int, ...], rate: float, site: str = "") -> jax.Array:
    """Which activations are kept: bool [B, *shape], each True with probability 1 - rate.

    Each image's key, folded with its position, is two words, into which the site's name is hashed; the bits of its
    activations are a hash of (words, index), which is random enough for dropout. All sites of a network share the fold,
    which the compiler then does once in a step: an accelerator would otherwise launch several kernels for each site.

    Args:
      key: a PRNG key.
      positions: int [B], each image's index in the global batch.
      shape: shape of one image's activations.
      rate: probability of dropping, in [0, 1).
      site: name of the layer; the masks of different sites are independent.
    """
    keys = jax.vmap(lambda position: jax.random.fold_in(key, position))(positions)
    words = noise.mixed(noise.key_words(keys), zlib.crc32(site.encode()))
    bits = noise.bits(words, lax.iota(jnp.uint32, math.prod(shape)))
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
        mask = keep_mask(self._key(), positions, x.shape[1:], self.rate, "/".join(self.path))
        return jnp.where(mask, x / (1.0 - self.rate), jnp.zeros((), x.dtype))

    def _key(self) -> jax.Array:
        """The key of the "dropout" stream itself; `make_rng` would fold this layer's path into it."""
        self.make_rng("dropout")  # fails with Flax's own message where there is no such stream
        assert self.scope is not None
        return self.scope.rngs["dropout"].rng
