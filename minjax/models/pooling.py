"""Max pooling with a cheap gradient on CPU.

XLA's own gradient of a window maximum (select-and-scatter) is slow on CPU. Windows that do not overlap can do without
it: the image is split into four sub-grids, and the gradient is an elementwise expression.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from minjax.errors import UserError


@jax.custom_vjp
def max_pool2x2(x: jax.Array) -> jax.Array:
    """The maximum of each 2x2 window: [N, H, W, C] -> [N, H // 2, W // 2, C].

    As in PyTorch, an odd last row or column is dropped, and the first of equal values in a window, in reading order,
    gets the whole gradient. Differentiable in reverse mode only.

    Raises:
      UserError: the image is less than 2 pixels high or wide.
    """
    if x.shape[1] < 2 or x.shape[2] < 2:
        raise UserError(f"an image of {x.shape[1]}x{x.shape[2]} pixels is too small for 2x2 pooling")
    return _windows(x).max(axis=(2, 4))


def _windows(x: jax.Array) -> jax.Array:
    """[N, H, W, C] -> [N, H // 2, 2, W // 2, 2, C]."""
    n, height, width, channels = x.shape
    rows, columns = height // 2, width // 2
    return x[:, : 2 * rows, : 2 * columns].reshape(n, rows, 2, columns, 2, channels)


def _forward(x: jax.Array):
    y = max_pool2x2(x)
    return y, (x, y)


def _backward(saved: tuple[jax.Array, jax.Array], g: jax.Array):
    x, y = saved
    is_max = _windows(x) == y[:, :, None, :, None, :]
    # Keep the first maximum in a window: the left one in a row, the upper one of two rows.
    right_counts = ~is_max[:, :, :, :, :1]
    first_in_row = jnp.concatenate([is_max[:, :, :, :, :1], is_max[:, :, :, :, 1:] & right_counts], axis=4)
    upper_has_none = ~is_max[:, :, :1].any(axis=4, keepdims=True)
    first = jnp.concatenate([first_in_row[:, :, :1], first_in_row[:, :, 1:] & upper_has_none], axis=2)
    dx = jnp.where(first, g[:, :, None, :, None, :], jnp.zeros((), g.dtype))
    n, height, width, channels = x.shape
    dx = dx.reshape(n, height // 2 * 2, width // 2 * 2, channels)
    return (jnp.pad(dx, ((0, 0), (0, height % 2), (0, width % 2), (0, 0))),)


max_pool2x2.defvjp(_forward, _backward)
