"""Quantized activations: the inputs of every layer with a kernel, rounded within fixed ranges.

The ranges come from one pass of the dense network over training images. A layer counts if it owns a parameter called
`kernel`; its calls are intercepted, so models need no code for this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

Ranges = dict[str, tuple[jax.Array, jax.Array]]


def observe(apply: Callable[..., Any], variables: Any, images: jax.Array) -> Ranges:
    """The range of each layer's inputs over these images: layer -> (low, high), widened to include 0.

    Args:
        apply: `model.apply`.
        variables: the network's parameters and state.
        images: float [B, H, W, C], normalised.
    """
    seen: Ranges = {}

    def intercept(call: Callable[..., Any], args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        if _has_kernel(context):
            seen["/".join(context.module.path)] = (jnp.minimum(args[0].min(), 0), jnp.maximum(args[0].max(), 0))
        return call(*args, **kwargs)

    with nn.intercept_methods(intercept):
        apply(variables, images, train=False)
    return seen


def quantized(apply: Callable[..., Any], ranges: Ranges, bits: jax.Array) -> Callable[..., Any]:
    """`apply` with the inputs of its layers rounded to unsigned integers over their ranges.

    Args:
        apply: `model.apply`.
        ranges: from `observe`.
        bits: width of the integers, 1 to 16, may be traced; 0 leaves the inputs alone.
    """

    def intercept(call: Callable[..., Any], args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        if _has_kernel(context):
            x = args[0]
            args = (jnp.where(bits > 0, _round(x, *ranges["/".join(context.module.path)], bits), x), *args[1:])
        return call(*args, **kwargs)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with nn.intercept_methods(intercept):
            return apply(*args, **kwargs)

    return wrapped


def _round(x: jax.Array, low: jax.Array, high: jax.Array, bits: jax.Array) -> jax.Array:
    most = (jnp.left_shift(1, jnp.maximum(bits, 1)) - 1).astype(jnp.float32)
    scale = jnp.where(high > low, (high - low) / most, 1)
    zero = jnp.round(-low / scale)
    return ((jnp.clip(jnp.round(x / scale) + zero, 0, most) - zero) * scale).astype(x.dtype)


def _has_kernel(context: nn.module.InterceptorContext) -> bool:
    return context.method_name == "__call__" and context.module.has_variable("params", "kernel")
