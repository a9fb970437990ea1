"""Uniform quantization of weights to integers and back ("fake quantization"); bit widths may be traced.

There is one function to calibrate, one to quantize and one to dequantize (as in google/qwix). Symmetric: integers
-(2^(b-1)-1) .. 2^(b-1)-1 (narrow range, no zero point). Asymmetric: 0 .. 2^b-1 and an integer zero point, so that zero
is representable; the range includes 0. At one bit, values are the sign times the mean of |x| (XNOR-Net, Rastegari et
al. 2016).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from minjax import tree
from minjax.compress import ranges
from minjax.errors import UserError, unknown

BITS = range(1, 17)


@dataclasses.dataclass(frozen=True)
class Scheme:
    """How a kernel is mapped to integers.

    Attributes:
        symmetric: whether integers lie on both sides of 0, or start at 0 and have a zero point.
        per_channel: whether each output channel (the last axis) has its own scale, or the whole array one.
        clip: how the range is chosen: "minmax" (up to the largest weight), "percentile" (the 99.9th of |x|) or "mse"
            (the range with the least squared error).
    """

    symmetric: bool = True
    per_channel: bool = True
    clip: str = "minmax"

    def __post_init__(self):
        if self.clip not in ranges.CLIPS:
            raise unknown("clipping", self.clip, ranges.CLIPS)

    def __str__(self) -> str:
        sides = "symmetric" if self.symmetric else "asymmetric"
        return f"{sides}_{'channel' if self.per_channel else 'tensor'}_{self.clip}"


@flax.struct.dataclass
class Quantized:
    """Integers that represent (values - zero) * scale.

    Attributes:
        values: int32, in the shape of the array.
        scale: float32, with size 1 along every axis but that of the channels.
        zero: int32, shaped like `scale`: the integer that represents 0 (0 if symmetric).
    """

    values: jax.Array
    scale: jax.Array
    zero: jax.Array


def quantize_array(
    x: jax.Array,
    bits: ArrayLike,
    *,
    symmetric: bool = True,
    channel_axis: int | None = None,
    clip: str = "minmax",
    where: jax.Array | None = None,
) -> Quantized:
    """Round an array to integers of `bits` bits.

    Args:
        x: float array.
        bits: 1 to 16, an int or a traced integer (which is not checked). At one bit the values are -1 and 1 (0 counts
            as positive), the scale is the mean of |x|, and `symmetric` and `clip` have no effect.
        symmetric: see `Scheme`.
        channel_axis: the axis along which every index has its own scale; None: one scale for all.
        clip: see `Scheme`.
        where: bool, the weights that determine the range (those not pruned); None: all.

    Raises:
        UserError: bits outside 1 to 16, or an unknown clip.
    """
    _check_bits(bits)
    if clip not in ranges.CLIPS:
        raise unknown("clipping", clip, ranges.CLIPS)
    return _quantize(jnp.asarray(x), jnp.asarray(bits, jnp.int32), where, symmetric, channel_axis, clip)


# Compiled even when called on its own: XLA would round differently from inside a program.
@partial(jax.jit, static_argnums=(3, 4, 5))
def _quantize(
    x: jax.Array, bits: jax.Array, where: jax.Array | None, symmetric: bool, channel_axis: int | None, clip: str
) -> Quantized:
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = tuple(range(x.ndim)) if channel_axis is None else _others(x.ndim, channel_axis)
    kept = jnp.ones(x.shape, bool) if where is None else where
    many = _symmetric if symmetric else _asymmetric
    uniform = ranges.calibrate(x, kept, axes, lambda limits: many(x, bits, limits), symmetric=symmetric, clip=clip)
    mean = jnp.sum(jnp.abs(x) * kept, axes, keepdims=True) / jnp.maximum(kept.sum(axes, keepdims=True), 1)
    binary = Quantized(jnp.where(x >= 0, 1, -1).astype(jnp.int32), mean, jnp.zeros(mean.shape, jnp.int32))
    return jax.tree.map(lambda one, other: jnp.where(bits == 1, one, other), binary, uniform)


def dequantize(quantized: Quantized) -> jax.Array:
    """The numbers that the integers represent."""
    return (quantized.values - quantized.zero).astype(quantized.scale.dtype) * quantized.scale


def fake_quantize_array(
    x: jax.Array,
    bits: ArrayLike,
    *,
    symmetric: bool = True,
    channel_axis: int | None = None,
    clip: str = "minmax",
    where: jax.Array | None = None,
) -> jax.Array:
    """Round an array to what integers of `bits` bits can represent; arguments and errors as for `quantize_array`.

    >>> import jax.numpy as jnp
    >>> fake_quantize_array(jnp.array([-1.0, 0.3, 0.6]), 2)
    Array([-1.,  0.,  1.], dtype=float32)
    """
    quantized = quantize_array(x, bits, symmetric=symmetric, channel_axis=channel_axis, clip=clip, where=where)
    return dequantize(quantized).astype(jnp.asarray(x).dtype)


def fake_quantize(
    params: Any,
    bits: ArrayLike,
    *,
    symmetric: bool = True,
    per_channel: bool = True,
    clip: str = "minmax",
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] = (),
    masks: Any = None,
) -> Any:
    """Fake-quantize the chosen leaves of the parameters.

    Args:
        params: pytree of arrays.
        bits: 1 to 16, an int or a traced integer.
        symmetric: see `Scheme`.
        per_channel: whether each output (the last axis) has its own scale.
        clip: see `Scheme`.
        include: patterns of leaves to quantize (see `tree.select`); None: the convolution kernels.
        exclude: patterns of leaves not to quantize.
        masks: bool, False: pruned; pruned weights stay 0 and do not affect the range.

    Raises:
        UserError: bits outside 1 to 16, an unknown clip, or patterns that match nothing.
    """
    _check_bits(bits)
    scheme = Scheme(symmetric, per_channel, clip)
    chosen = tree.select(params, include, exclude)
    if masks is None:
        return jax.tree.map(lambda x, chosen: leaf(x, bits, scheme) if chosen else x, params, chosen)
    return jax.tree.map(lambda x, chosen, mask: leaf(x, bits, scheme, mask) if chosen else x, params, chosen, masks)


def leaf(x: jax.Array, bits: ArrayLike, scheme: Scheme, mask: jax.Array | None = None) -> jax.Array:
    """Fake-quantize one leaf; pruned weights are 0."""
    axis = x.ndim - 1 if scheme.per_channel and x.ndim else None
    rounded = fake_quantize_array(x, bits, symmetric=scheme.symmetric, channel_axis=axis, clip=scheme.clip, where=mask)
    return rounded if mask is None else jnp.where(mask, rounded, jnp.zeros((), x.dtype))


def straight_through(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same function with the gradient of the identity (Bengio et al. 2013), for quantization-aware training.

    Args:
        function: params -> params, such as a partial of `fake_quantize`.
    """

    def through(params: Any) -> Any:
        return jax.tree.map(lambda x, y: x + jax.lax.stop_gradient(y - x), params, function(params))

    return through


def _symmetric(x: jax.Array, bits: jax.Array, limits: ranges.Limits) -> Quantized:
    most = (jnp.left_shift(1, bits - 1) - 1).astype(x.dtype)  # a shift, because 2**b in floats is inexact for some b
    scale = _positive(limits.high / jnp.maximum(most, 1))
    values = jnp.clip(jnp.round(x / scale), -most, most).astype(jnp.int32)
    return Quantized(values, scale, jnp.zeros(scale.shape, jnp.int32))


def _asymmetric(x: jax.Array, bits: jax.Array, limits: ranges.Limits) -> Quantized:
    most = (jnp.left_shift(1, bits) - 1).astype(x.dtype)
    # Multiply by the reciprocal: XLA replaces a division by a shared divisor with this in some programs but not in
    # others.
    scale = _positive((limits.high - limits.low) * (1 / most))
    zero = jnp.clip(jnp.round(-limits.low / scale), 0, most)
    values = jnp.clip(jnp.round(x / scale) + zero, 0, most).astype(jnp.int32)
    return Quantized(values, scale, zero.astype(jnp.int32))


def _positive(scale: jax.Array) -> jax.Array:
    """Replace 0, the scale where every weight is 0, by 1: any scale works there."""
    return jnp.where(scale > 0, scale, jnp.ones((), scale.dtype))


def _others(ndim: int, axis: int) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i != axis % ndim)


def _check_bits(bits: ArrayLike) -> None:
    if isinstance(bits, jax.core.Tracer | jax.Array):
        return
    if isinstance(bits, bool) or bits not in BITS:
        raise UserError(f"bits is {bits}; it must be an integer from 1 to 16")
