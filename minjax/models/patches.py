"""Convolutions as matrix products: with the patches under their kernels (im2col), or of whole images that are tiny."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

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


def is_tiny(size: tuple[int, ...], results: Sequence[int], kernel_shape: tuple[int, ...]) -> bool:
    """Whether images are so small that a layer which connects all pixels has hardly more weights than the kernel.

    Of 2x2 pixels under a 3x3 kernel, as in VGG's last stage, each sees all four, through 16 of the 36 products that a
    convolution takes. For a GPU XLA turns such a convolution round, images as kernels, and transposes what goes in and
    out; for a TPU it does not, and the convolution is better.
    """
    smaller = size[0] < kernel_shape[0] or size[1] < kernel_shape[1]
    return smaller and math.prod(size) * math.prod(results) <= 2 * math.prod(kernel_shape[:2])


def all_pixels(strides: tuple[int, int], pads: Pairs, size: tuple[int, ...], kernel: jax.Array) -> jax.Array:
    """The matrix [Ho*Wo*Cout, H*W*Cin] of a convolution [kh,kw,Cin,Cout] of images of this size (H, W).

    Output pixel p sees input pixel q through the kernel's element q + (padding before) - stride * p; 0 beside it. The
    outputs come first, as in the vectors that hold kernels (`train.vectors`), so that nothing is transposed.
    """
    windows, results = kernel.shape[:2], counts(strides, pads, size, kernel.shape)
    axes = list(zip(windows, strides, pads, size, results, strict=True))
    beside = [(stride * (n - 1) - low, length - 1 + low - (window - 1)) for window, stride, (low, _), length, n in axes]
    wide = zero_pad(kernel.transpose(3, 0, 1, 2), (0, *beside, 0))
    rows, columns = ([stride * (n - 1 - p) for p in range(n)] for _, stride, _, _, n in axes)
    seen = [wide[:, i : i + size[0], j : j + size[1]] for i, j in itertools.product(rows, columns)]
    return jnp.stack(seen).reshape(len(seen) * kernel.shape[3], -1)


def counts(strides: tuple[int, int], pads: Pairs, size: tuple[int, ...], kernel_shape: tuple[int, ...]) -> list[int]:
    """Height and width of a convolution's result."""
    axes = zip(kernel_shape[:2], strides, pads, size, strict=True)
    return [(length + low + high - window) // stride + 1 for window, stride, (low, high), length in axes]


def tiny_convolution(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Images [N,H,W,in] and kernel [h,w,in,out] -> [N,H',W',out], as one product of whole images."""
    size = x.shape[1:3]
    product = x.reshape(x.shape[0], -1) @ all_pixels(strides, pads, size, kernel).T
    return product.reshape(x.shape[0], *counts(strides, pads, size, kernel.shape), -1)


def tiny_gradients(
    strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array, g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The gradients of the images and of the kernel from that of the result, [N,H',W',out]; products too.

    What the pixels add to an element of the kernel is summed in float32 at least.
    """
    images, results = (array.reshape(array.shape[0], -1) for array in (x, g))
    matrix = partial(all_pixels, strides, pads, x.shape[1:3])
    wide = jnp.promote_types(x.dtype, jnp.float32)
    of_matrix = lax.dot_general(results, images, (((0,), (0,)), ((), ())), preferred_element_type=wide)
    (of_kernel,) = jax.linear_transpose(matrix, jax.ShapeDtypeStruct(kernel.shape, wide))(of_matrix)
    return (results @ matrix(kernel)).reshape(x.shape), of_kernel.astype(kernel.dtype)
