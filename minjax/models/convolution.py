"""Convolution whose gradients are fast on CPU inside a loop as well: NHWC images, HWIO kernels.

Why not `lax.conv_general_dilated` alone: XLA's CPU compiler brings convolutions into the layout of its fast
kernel only in the entry computation, never in the body of a `while` (jax-ml/jax#12868), and a training loop is
such a body. There the weight gradient that JAX derives is 10 to 25 times slower than it need be. Here both
gradients are written out so that every convolution already has the fast layout, NHWC x HWIO -> NHWC.

On a GPU or TPU the compiler chooses layouts itself, so there the gradients are JAX's own.
"""

from __future__ import annotations

from functools import partial

import jax
from jax import lax

from minjax.errors import UserError

Padding = str | tuple[tuple[int, int], tuple[int, int]]
Pairs = tuple[tuple[int, int], tuple[int, int]]

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def conv2d(
    x: jax.Array, kernel: jax.Array, *, strides: tuple[int, int] = (1, 1), padding: Padding = "SAME"
) -> jax.Array:
    """Cross-correlate images with a kernel, as a neural network's convolution layer does.

    Args:
      x: images [N, H, W, Cin].
      kernel: weights [kh, kw, Cin, Cout], of the images' dtype.
      strides: steps (rows, columns) in pixels.
      padding: "SAME" (the output is ceil(size / stride); an odd zero goes to the high side, as in TensorFlow),
        "VALID" (none), or zeros before and after: ((top, bottom), (left, right)).

    Returns:
      [N, Ho, Wo, Cout] in the dtype of `x`.

    Raises:
      UserError: the padding has another name, or the kernel is larger than the padded image.

    Reverse-mode differentiable once, and usable under `jit`, `vmap`, `lax.scan` and `lax.map`; forward mode
    (`jax.jvp`) is not defined.
    """
    pairs = _pad_pairs(x.shape[1:3], kernel.shape[:2], strides, padding)
    return _convolve(tuple(strides), pairs, x, kernel)


def _pad_pairs(size: tuple[int, ...], window: tuple[int, ...], strides: tuple[int, ...], padding: Padding) -> Pairs:
    """The zeros (before, after) the rows and the columns."""
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise UserError(f"padding must be SAME, VALID or ((top, bottom), (left, right)), not {padding!r}")
        pairs = lax.padtype_to_pads(size, window, strides, padding.upper())
    else:
        pairs = padding
    (top, bottom), (left, right) = pairs
    if size[0] + top + bottom < window[0] or size[1] + left + right < window[1]:
        raise UserError(
            f"an image of {size[0]}x{size[1]} pixels is smaller than the {window[0]}x{window[1]} convolution kernel"
        )
    return (int(top), int(bottom)), (int(left), int(right))


def _plain(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=_LAYOUT)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _convolve(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return _plain(strides, pads, x, kernel)


def _forward(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array):
    return _plain(strides, pads, x, kernel), (x, kernel)


def _backward(strides: tuple[int, int], pads: Pairs, saved: tuple[jax.Array, jax.Array], g: jax.Array):
    # Chosen when the program is lowered, so it follows the device that the arrays are on, not the default one.
    x, kernel = saved
    return lax.platform_dependent(
        x, kernel, g, cpu=partial(_gradients_cpu, strides, pads), default=partial(_gradients_default, strides, pads)
    )


_convolve.defvjp(_forward, _backward)


def _gradients_default(strides, pads, x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jax.vjp(partial(_plain, strides, pads), x, kernel)[1](g)


def _gradients_cpu(strides, pads, x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    return input_gradient(strides, pads, x.shape, kernel, g), weight_gradient(strides, pads, x, kernel.shape, g)


def input_gradient(strides, pads: Pairs, x_shape: tuple[int, ...], kernel: jax.Array, g: jax.Array) -> jax.Array:
    """The gradient of the images [N, H, W, Cin]: the outputs' gradient, spread out by the stride, convolved with
    the kernel turned by 180 degrees and its channels exchanged."""
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    back = [
        (window - 1 - low, size + low - (out - 1) * stride - 1)
        for window, (low, _), size, out, stride in zip(
            kernel.shape[:2], pads, x_shape[1:3], g.shape[1:3], strides, strict=True
        )
    ]
    return lax.conv_general_dilated(g, turned, (1, 1), back, lhs_dilation=strides, dimension_numbers=_LAYOUT)


def weight_gradient(strides, pads: Pairs, x: jax.Array, kernel_shape: tuple[int, ...], g: jax.Array) -> jax.Array:
    """The gradient of the kernel [kh, kw, Cin, Cout]: the images convolved with the outputs' gradient, the batch
    taking the place of the channels and the input channels that of the batch."""
    across = [
        (low, window + (out - 1) * stride - size - low)
        for window, (low, _), size, out, stride in zip(
            kernel_shape[:2], pads, x.shape[1:3], g.shape[1:3], strides, strict=True
        )
    ]
    by_channel = x.transpose(3, 1, 2, 0)
    as_kernel = g.transpose(1, 2, 0, 3)
    out = lax.conv_general_dilated(
        by_channel, as_kernel, (1, 1), across, rhs_dilation=strides, dimension_numbers=_LAYOUT
    )
    return out.transpose(1, 2, 0, 3)
