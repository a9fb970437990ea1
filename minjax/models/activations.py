"""The rectifier, with the gradient taken from its result."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def relu(x: jax.Array, stored: bool = True) -> jax.Array:
    """max(x, 0), any shape; the gradient at 0 is 0.

    As `jax.nn.relu`, but what is kept for the gradient is the result, positive where the input is, and not the input:
    the compiler can then fuse the rectifier into the convolution or the sum before it, whose own result nobody needs.

    Args:
      x: the input.
      stored: whether an accelerator stores the result. It does not pay where a pooling reads it next, and what comes
        before it is stored anyway.
    """
    del stored
    return _rectified(x)


def _forward(x: jax.Array, stored: bool) -> tuple[jax.Array, jax.Array]:
    y = jax.lax.platform_dependent(x, cpu=_rectified, default=_kept if stored else _rectified)
    return y, y


def _rectified(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 0)


def _kept(x: jax.Array) -> jax.Array:
    """The same where XLA does not see through it: it would compare the input instead, and keep that as well."""
    return jax.lax.optimization_barrier(jnp.maximum(x, 0))


def _backward(stored: bool, y: jax.Array, g: jax.Array) -> tuple[jax.Array]:
    del stored
    return (jnp.where(y > 0, g, jnp.zeros((), g.dtype)),)


relu.defvjp(_forward, _backward)
