"""Convolution of NHWC images with HWIO kernels whose gradients are fast on CPU even inside a loop.

`lax.conv_general_dilated` alone is not enough: XLA's CPU compiler converts convolutions to the layout of its fast
kernel only in the entry computation, never in the body of a `while` (jax-ml/jax#12868), and a training loop is such a
body. There the weight gradient that JAX derives is 10 to 25 times slower than necessary. Here both gradients are
written out: every convolution already has the fast layout, NHWC x HWIO -> NHWC, and the weight gradient is a matrix
product, which is faster still.

On a GPU or TPU the compiler chooses layouts itself, so there the gradients are JAX's own.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from minjax.errors import UserError
from minjax.models import grouped, patches

Padding = str | tuple[tuple[int, int], tuple[int, int]]
Pairs = tuple[tuple[int, int], tuple[int, int]]

LAYOUT = ("NHWC", "HWIO", "NHWC")
_FEW = 4  # channels of an image
_PATCHES_BYTES = 64 * 1024**2  # at most, of all patches of a batch
_CACHED_BYTES = 256 * 1024  # of images whose weight gradient is computed at once, on CPU


def conv2d(
    x: jax.Array, kernel: jax.Array, *, strides: tuple[int, int] = (1, 1), padding: Padding = "SAME"
) -> jax.Array:
    """Cross-correlate images with a kernel, as convolution layers do.

    Args:
      x: images [N, H, W, Cin].
      kernel: weights [kh, kw, Cin, Cout], of the same dtype as the images.
      strides: step along (rows, columns), in pixels.
      padding: "SAME" (the output is ceil(size / stride); an odd zero is added at the end, as in TensorFlow),
        "VALID" (none), or zeros before and after: ((top, bottom), (left, right)).

    Returns:
      [N, Ho, Wo, Cout] in the dtype of `x`.

    Raises:
      UserError: an unknown padding, or a kernel larger than the padded image.

    Differentiable once, in reverse mode only (no `jax.jvp`); works under `jit`, `vmap`, `lax.scan` and `lax.map`.
    """
    pairs = pad_pairs(x.shape[1:3], kernel.shape[:2], strides, padding)
    return _convolve(tuple(strides), pairs, x, kernel)


def pad_pairs(size: tuple[int, ...], window: tuple[int, ...], strides: tuple[int, ...], padding: Padding) -> Pairs:
    """The zeros to pad (before, after) along rows and columns."""
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise UserError(f"padding must be SAME, VALID or ((top, bottom), (left, right)), not {padding!r}")
        (top, bottom), (left, right) = lax.padtype_to_pads(size, window, strides, padding.upper())
    else:
        (top, bottom), (left, right) = padding
    if size[0] + top + bottom < window[0] or size[1] + left + right < window[1]:
        raise UserError(
            f"an image of {size[0]}x{size[1]} pixels is smaller than the {window[0]}x{window[1]} convolution kernel"
        )
    return (int(top), int(bottom)), (int(left), int(right))


def _plain(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT)


def _cpu(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolve images smaller than the kernel (the last stage of VGG is 2x2), and images of few channels, as a product
    with their patches (im2col).

    On CPU such images miss the fast kernel: 40 ms for 3x3, 128 channels, batch 128, which take 4 ms as a product.
    """
    small = x.shape[1] < kernel.shape[0] or x.shape[2] < kernel.shape[1]
    if not small and not _few_inputs(strides, x, kernel.shape):
        return _plain(strides, pads, x, kernel)
    under = lax.optimization_barrier(patches.patches(strides, patches.zero_pad(x, (0, *pads, 0)), kernel.shape))
    return under @ kernel.reshape(-1, kernel.shape[-1])


def _few_inputs(strides: tuple[int, int], x: jax.Array, kernel_shape: tuple[int, ...]) -> bool:
    """Whether the convolution is a network's first, as fast as a product with its patches, which fit into memory.

    On CPU 28x28x1 to 8 channels, batch 128, takes 0.9 instead of 1.8 ms with its weight gradient for 5x5 with a stride
    of 2, and 1.7 instead of 4.7 ms for 3x3; 32x32x3 to 64 channels, 3x3, takes 17 instead of 45 ms.
    """
    if kernel_shape[2] > _FEW or not isinstance(x.shape[0], int):  # an exported program takes any batch
        return False
    outputs = x.shape[0] * math.prod(-(-size // stride) for size, stride in zip(x.shape[1:3], strides, strict=True))
    return outputs * math.prod(kernel_shape[:3]) * x.dtype.itemsize <= _PATCHES_BYTES


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _convolve(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    # Chosen when the program is lowered, for the device that the arrays are on rather than the default one.
    return lax.platform_dependent(
        x, kernel, cpu=partial(_cpu, strides, pads), default=partial(grouped.convolution, strides, pads)
    )


def _forward(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array):
    return _convolve(strides, pads, x, kernel), (x, kernel)


def _backward(strides: tuple[int, int], pads: Pairs, saved: tuple[jax.Array, jax.Array], g: jax.Array):
    x, kernel = saved
    return lax.platform_dependent(
        x, kernel, g, cpu=partial(_gradients_cpu, strides, pads), default=partial(grouped.gradients, strides, pads)
    )


_convolve.defvjp(_forward, _backward)


def _gradients_cpu(strides, pads, x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    return input_gradient(strides, pads, x.shape, kernel, g), weight_gradient(strides, pads, x, kernel.shape, g)


def input_gradient(strides, pads: Pairs, x_shape: tuple[int, ...], kernel: jax.Array, g: jax.Array) -> jax.Array:
    """The gradient of the images [N, H, W, Cin].

    It is the outputs' gradient, spread out by the stride, convolved with the kernel rotated by 180 degrees and its
    input and output channels swapped.
    """
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    rows, columns = (
        (window - 1 - low, size + low - (out - 1) * stride - 1)
        for window, (low, _), size, out, stride in zip(
            kernel.shape[:2], pads, x_shape[1:3], g.shape[1:3], strides, strict=True
        )
    )
    if tuple(strides) == (1, 1):
        return _cpu((1, 1), (rows, columns), g, turned)
    return lax.conv_general_dilated(g, turned, (1, 1), (rows, columns), lhs_dilation=strides, dimension_numbers=LAYOUT)


def weight_gradient(strides, pads: Pairs, x: jax.Array, kernel_shape: tuple[int, ...], g: jax.Array) -> jax.Array:
    """The gradient of the kernel [kh, kw, Cin, Cout], as matrix products over all pixels of a few images at a time.

    As a convolution, with batch and channels swapped, it takes about twice as long on CPU, mostly for transposing. The
    sum over the images is in float32 whatever their dtype.
    """
    # Keep XLA from fusing the copies below with what computed `x` and `g`, which it would then recompute element by
    # element. Both are in memory anyway, as operands of the other two convolutions.
    x, g = lax.optimization_barrier((x, g))
    wide = jnp.promote_types(x.dtype, jnp.float32)
    few_inputs = _few_inputs(strides, x, kernel_shape)

    def gradient(x: jax.Array, g: jax.Array) -> jax.Array:
        x = patches.zero_pad(x, (0, *pads, 0))
        if few_inputs:
            return _sum_over_pixels(patches.patches(strides, x, kernel_shape), g).reshape(kernel_shape)
        if strides == (1, 1):
            return _weights_by_shifts(x, kernel_shape, g)
        return _weights_by_rows(strides, x, kernel_shape, g)

    count = x.shape[0] if few_inputs else _images_at_once(x)
    if count == x.shape[0]:
        return gradient(x, g).astype(x.dtype)

    def add(i: jax.Array, total: jax.Array) -> jax.Array:
        few = (lax.dynamic_slice_in_dim(array, i * count, count) for array in (x, g))
        return total + gradient(*few)

    return lax.fori_loop(0, x.shape[0] // count, add, jnp.zeros(kernel_shape, wide)).astype(x.dtype)


def _images_at_once(x: jax.Array) -> int:
    """How many images' copies fit the cache of a core: a divisor of the batch, or the whole batch if none fits.

    As a whole, a batch of 128 images of 32x32 pixels and 16 channels goes through memory three times, and the gradient
    takes twice as long.
    """
    batch, fitting = x.shape[0], _CACHED_BYTES // (math.prod(x.shape[1:]) * x.dtype.itemsize)
    divisors = [d for d in range(max(1, fitting // 2), fitting + 1) if batch % d == 0]
    return divisors[-1] if divisors and fitting < batch else batch


def _weights_by_shifts(x: jax.Array, kernel_shape: tuple[int, ...], g: jax.Array) -> jax.Array:
    """The gradient for stride 1, from padded x [N, H, W, Cin] and g [N, Ho, Wo, Cout]: one product [kw*Cout, kh*Cin].

    Element (i, j) of the kernel sees x shifted by i rows and j columns or, equivalently, x shifted by i rows and g
    shifted back by j columns. So kh + kw shifted copies are enough, where patches of x (im2col) would need kh * kw.
    """
    height, width, cin, cout = kernel_shape
    g = patches.zero_pad(g, (0, 0, (width - 1, width - 1), 0))
    rows, columns = g.shape[1], x.shape[2]
    by_column = jnp.concatenate([g[:, :, j : j + columns] for j in reversed(range(width))], axis=-1)
    by_row = jnp.concatenate([x[:, i : i + rows] for i in range(height)], axis=-1)
    product = _sum_over_pixels(by_column, by_row)
    return product.reshape(width, cout, height, cin).transpose(2, 0, 3, 1)


def _weights_by_rows(strides, x: jax.Array, kernel_shape: tuple[int, ...], g: jax.Array) -> jax.Array:
    """The gradient for any stride, from padded x [N, H, W, Cin] and g [N, Ho, Wo, Cout].

    For each row of the kernel it is a product of the kw pixels under that row, side by side, with g.
    """
    height, width, cin, cout = kernel_shape
    rows, columns = (stride * (out - 1) + 1 for stride, out in zip(strides, g.shape[1:3], strict=True))
    products = []
    for i in range(height):
        under = [x[:, i : i + rows : strides[0], j : j + columns : strides[1]] for j in range(width)]
        products.append(_sum_over_pixels(jnp.concatenate(under, axis=-1), g))
    return jnp.stack(products).reshape(height, width, cin, cout)


def _sum_over_pixels(a: jax.Array, b: jax.Array) -> jax.Array:
    """Product over all pixels: [N, H, W, A] and [N, H, W, B] -> [A, B], in float32 at least."""
    wide = jnp.promote_types(a.dtype, jnp.float32)
    a, b = lax.optimization_barrier((a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])))
    return lax.dot_general(a, b, (((0,), (0,)), ((), ())), preferred_element_type=wide)
