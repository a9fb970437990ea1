"""Convolutions as matrix products with the patches under their kernels (im2col)."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
from jax import lax

Pairs = tuple[tuple[int, int], tuple[int, int]]


def patches(strides: tuple[int, int], x: jax.Array, kernel_shape: tuple[int, ...]) -> jax.Array:
    """The patches under the kernel of padded x [N, H, W, Cin]: [N, Ho, Wo, kh * kw * Cin]."""
    height, width = kernel_shape[:2]
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    shifts = itertools.product(range(height), range(width))
    pixels = [x[:, i : i + rows : strides[0], j : j + columns : strides[1]] for i, j in shifts]
    return jnp.concatenate(pixels, axis=-1)


def zero_pad(x: jax.Array, pads: tuple) -> jax.Array:
    """Zero padding (before, after) for each axis; negative numbers crop."""
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0) if pad == 0 else (*pad, 0) for pad in pads])


def convolution(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Images [N,H,W,in] and kernel [h,w,in,out] -> [N,H',W',out]; with `vmap`, a batched matrix product."""
    return patches(strides, zero_pad(x, (0, *pads, 0)), kernel.shape) @ kernel.reshape(-1, kernel.shape[-1])


def gradients(
    strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array, g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The gradients of the images and of the kernel from that of the result, [N,H',W',out]; products too."""
    return jax.vjp(lambda *args: convolution(strides, pads, *args), x, kernel)[1](g)
