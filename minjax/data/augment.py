"""Augmentation and normalisation of images, on the device inside the training step."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

KINDS = ("none", "crop", "flip", "crop_flip")


def preprocess(images: jax.Array, *, mean: Sequence[float], std: Sequence[float], dtype: DTypeLike) -> jax.Array:
    """Scale pixels to [0, 1], subtract each channel's mean and divide by its deviation.

    Args:
        images: uint8 [B, H, W, C].
        mean: C numbers, for pixels in [0, 1].
        std: C nonzero numbers, likewise.
        dtype: type of the result; the arithmetic is in float32 at least.

    Returns:
        `dtype` [B, H, W, C].
    """
    wide = jnp.promote_types(jnp.float32, dtype)
    scale = 1 / (255 * jnp.asarray(std, wide))
    shift = jnp.asarray(mean, wide) / jnp.asarray(std, wide)
    return (images.astype(wide) * scale - shift).astype(dtype)


def augment(key: jax.Array, positions: jax.Array, images: jax.Array, *, kind: str, crop_padding: int) -> jax.Array:
    """Shift and mirror each image at random, like torchvision's RandomCrop(padding) and RandomHorizontalFlip.

    A crop pads the image with `crop_padding` rows and columns of zeros (black, before normalisation) on each side and
    cuts a window of the image's own size from it; all (2 * crop_padding + 1)**2 windows are equally likely. A flip
    swaps left and right with probability 1/2. What happens to an image depends only on `key` and its entry in
    `positions`, so a batch spread over several devices is augmented as on a single one.

    Args:
        key: this step's key, the same on every device.
        positions: int [B], the index of each image in the global batch.
        images: uint8 [B, H, W, C].
        kind: "none", "crop", "flip" or "crop_flip".
        crop_padding: pixels to pad on each side, at least 0; used by the kinds that crop.

    Returns:
        uint8 [B, H, W, C].
    """
    if kind not in KINDS:
        raise ValueError(f"augment must be one of {KINDS}, not {kind!r}")
    if kind == "none":
        return images
    offsets, flips = draws(key, positions, crop_padding)
    if "crop" in kind and crop_padding > 0:
        images = crop(images, offsets, crop_padding)
    if "flip" in kind:
        images = jnp.where(flips[:, None, None, None], images[:, :, ::-1], images)
    return images


def draws(key: jax.Array, positions: jax.Array, crop_padding: int) -> tuple[jax.Array, jax.Array]:
    """The random numbers of `augment`: offsets int32 [B, 2] in 0 .. 2 * crop_padding, flips bool [B]."""

    # Three words of one draw instead of randint and bernoulli, each of which would be another hash to compile. The
    # remainder favours some offsets by less than 2**-28. The type is explicit because the default follows
    # jax_enable_x64.
    def draw(position: jax.Array) -> jax.Array:
        return jax.random.bits(jax.random.fold_in(key, position), (3,), jnp.uint32)

    words = jax.vmap(draw)(positions)
    offsets = words[:, :2] % jnp.uint32(2 * crop_padding + 1)
    return offsets.astype(jnp.int32), words[:, 2] >= jnp.uint32(2**31)


def crop(images: jax.Array, offsets: jax.Array, crop_padding: int) -> jax.Array:
    """Cut the window that starts at `offsets` (int32 [B, 2], row and column) from each zero-padded image."""
    padded = jnp.pad(images, ((0, 0), (crop_padding, crop_padding), (crop_padding, crop_padding), (0, 0)))

    def window(image: jax.Array, offset: jax.Array) -> jax.Array:
        start = (offset[0], offset[1], jnp.zeros_like(offset[0]))  # one type, under jax_enable_x64 too
        return jax.lax.dynamic_slice(image, start, images.shape[1:])

    return jax.vmap(window)(padded, offsets)
