"""Depthwise convolution: each channel is filtered by a kernel of its own. Fast on CPU, inside a loop as well.

XLA's CPU compiler has no fast kernel for it: forward and gradients of 7x7 images of 16 channels, batch 128, 5x5, take
130 ms in a training loop. Written as a sum of shifted images, each times its weight, they take 1 to 3 ms; as an
ordinary convolution whose kernel is zero between channels, 3 ms, and more the more channels there are (measured on two
cores with AVX-512). Small images are faster still as products, one a channel, of all their pixels with a matrix that
holds the kernel: 0.5 instead of 0.9 ms here and a third of the time to compile, 0.07 instead of 0.56 ms with two
channels. On a GPU or TPU the convolution and its gradients are JAX's own.
"""

from __future__ import annotations

import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minjax.models.convolution import LAYOUT, Padding, Pairs, pad_pairs
from minjax.models.patches import zero_pad

Strides = tuple[int, int]
_MOST_PIXELS = 8  # of an image, for each of the kernel: see `_is_small`


def depthwise_conv2d(x: jax.Array, kernel: jax.Array, *, strides: Strides = (1, 1), padding: Padding = "SAME"):
    """Cross-correlate each channel of images with its own kernel.

    Args:
      x: images [N, H, W, C].
      kernel: weights [kh, kw, 1, C], of the images' dtype.
      strides: steps (rows, columns) in pixels.
      padding: as for `convolution.conv2d`.

    Returns:
      [N, Ho, Wo, C] in the dtype of `x`.

    Raises:
      UserError: as `convolution.conv2d`.

    Reverse-mode differentiable once, as `convolution.conv2d` is.
    """
    return _convolve(tuple(strides), pad_pairs(x.shape[1:3], kernel.shape[:2], strides, padding), x, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _convolve(strides: Strides, pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.platform_dependent(x, kernel, cpu=partial(_cpu, strides, pads), default=partial(_plain, strides, pads))


def _plain(strides: Strides, pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT, feature_group_count=x.shape[-1])


def _cpu(strides: Strides, pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    if _is_small(x, kernel):
        return _by_matrices(strides, pads, x, kernel)
    return _sum_of_shifts(strides, zero_pad(x, (0, *pads, 0)), kernel)


def _forward(strides: Strides, pads: Pairs, x: jax.Array, kernel: jax.Array):
    return _convolve(strides, pads, x, kernel), (x, kernel)


def _backward(strides: Strides, pads: Pairs, saved: tuple[jax.Array, jax.Array], g: jax.Array):
    x, kernel = saved
    return lax.platform_dependent(
        x, kernel, g, cpu=partial(_gradients_cpu, strides, pads), default=partial(_gradients_default, strides, pads)
    )


_convolve.defvjp(_forward, _backward)


def _gradients_default(strides, pads, x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jax.vjp(partial(_plain, strides, pads), x, kernel)[1](g)


def _gradients_cpu(strides, pads, x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The images' gradient is that of the outputs, spread out by the stride, under the kernel turned by 180 degrees;
    a weight's is the sum over all pixels of the image under it times the outputs' gradient, in float32 at least."""
    if _is_small(x, kernel):
        return jax.vjp(partial(_by_matrices, strides, pads), x, kernel)[1](g)
    # Behind barriers, or what computed the operands would be computed again for each of the kh * kw shifts.
    x, g = lax.optimization_barrier((zero_pad(x, (0, *pads, 0)), g))
    wide = jnp.promote_types(x.dtype, jnp.float32)
    products = [(under.astype(wide) * g).sum((0, 1, 2)) for under in _shifts(strides, x, kernel.shape, g.shape)]
    borders = [
        (window - 1 - low, size - low - high + low - (out - 1) * stride - 1, stride - 1)
        for window, (low, high), size, out, stride in zip(
            kernel.shape[:2], pads, x.shape[1:3], g.shape[1:3], strides, strict=True
        )
    ]
    spread = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *borders, (0, 0, 0)])
    turned = kernel[::-1, ::-1]
    dx = _sum_of_shifts((1, 1), lax.optimization_barrier(spread), turned)
    return dx, jnp.stack(products).reshape(kernel.shape).astype(kernel.dtype)


def _is_small(x: jax.Array, kernel: jax.Array) -> bool:
    """Whether products with matrices, which multiply by zeros too, are faster than sums of shifted images: up to 14x14
    pixels for 5x5 kernels and 8x8 for 3x3, whatever the stride."""
    return math.prod(x.shape[1:3]) <= _MOST_PIXELS * math.prod(kernel.shape[:2])


def _by_matrices(strides: Strides, pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution of images [N, H, W, C] with [kh, kw, 1, C], as a product [N, H * W] x [H * W, Ho * Wo] for each
    channel."""
    n, height, width, channels = x.shape
    rows, columns = (
        _places(window, size, stride, pad)
        for window, size, stride, pad in zip(kernel.shape[:2], (height, width), strides, pads, strict=True)
    )
    wide = jnp.promote_types(x.dtype, jnp.float32)
    by_row = jnp.einsum("ijc,ihp->jchp", kernel[:, :, 0], rows.astype(kernel.dtype))
    matrices = jnp.einsum("jchp,jwq->chwpq", by_row, columns.astype(kernel.dtype))
    matrices = matrices.reshape(channels, height * width, -1)
    pixels = lax.optimization_barrier(x.reshape(n, height * width, channels).transpose(2, 0, 1))
    y = lax.dot_general(pixels, matrices, (((2,), (1,)), ((0,), (0,))), preferred_element_type=wide)
    return y.transpose(1, 2, 0).reshape(n, rows.shape[-1], columns.shape[-1], channels).astype(x.dtype)


def _places(window: int, size: int, stride: int, pad: tuple[int, int]) -> np.ndarray:
    """[window, size, out] bool: where along an axis a place of the kernel meets a pixel for an output."""
    out = (size + sum(pad) - window) // stride + 1
    place, pixel, output = np.ogrid[:window, :size, :out]
    return pixel == output * stride + place - pad[0]


def _shifts(strides: Strides, x: jax.Array, window: tuple[int, ...], out: tuple[int, ...]) -> list[jax.Array]:
    """For each place of the kernel, row by row, the pixels of padded x [N, H, W, C] under it: [N, Ho, Wo, C]."""
    rows, columns = (stride * (size - 1) + 1 for stride, size in zip(strides, out[1:3], strict=True))
    places = itertools.product(range(window[0]), range(window[1]))
    return [x[:, i : i + rows : strides[0], j : j + columns : strides[1]] for i, j in places]


def _sum_of_shifts(strides: Strides, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution of padded images [N, H, W, C] with [kh, kw, 1, C], summed in float32 at least."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    size = [(n - w) // stride + 1 for n, w, stride in zip(x.shape[1:3], kernel.shape[:2], strides, strict=True)]
    out = (x.shape[0], *size, x.shape[-1])
    weights = kernel.reshape(-1, kernel.shape[-1]).astype(wide)
    shifts = _shifts(strides, x, kernel.shape, out)
    return sum((under * weights[i] for i, under in enumerate(shifts)), jnp.zeros(out, wide)).astype(x.dtype)
