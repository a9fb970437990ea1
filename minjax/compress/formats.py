"""Floating-point formats as a kind of quantization: what is left of a weight that was stored in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minjax import tree
from minjax.errors import unknown

FORMATS: dict[str, Any] = {
    "float16": jnp.float16,
    "bfloat16": jnp.bfloat16,
    "float8_e4m3": jnp.float8_e4m3fn,
    "float8_e5m2": jnp.float8_e5m2,
}


def bits(name: str) -> int:
    """Bits of a weight in the format; UserError for an unknown one."""
    if name not in FORMATS:
        raise unknown("number format", name, FORMATS)
    return jnp.dtype(FORMATS[name]).itemsize * 8


def round_to_format(x: jax.Array, name: str, channel_axis: int | None = None) -> jax.Array:
    """The array as the format holds it.

    float16 and bfloat16 take the values as they are (float16 saturates at 65,504). The float8 formats have few
    exponents, so each channel is scaled to the format's largest number first, beyond which it saturates
    (Micikevicius et al. 2022).

    Args:
        x: float array.
        name: one of `FORMATS`.
        channel_axis: the axis with a scale for each index; None: one scale.

    Raises:
        UserError: an unknown format.
    """
    size, dtype = bits(name), FORMATS[name]
    most = float(jnp.finfo(dtype).max)
    scale = jnp.ones((), x.dtype)
    if size == 8:
        axes = tuple(i for i in range(x.ndim) if channel_axis is None or i != channel_axis % x.ndim)
        largest = jnp.abs(x).max(axes, keepdims=True)
        scale = jnp.where(largest > 0, largest / most, 1).astype(x.dtype)
    return jnp.clip(x / scale, -most, most).astype(dtype).astype(x.dtype) * scale


def to_format(
    params: Any,
    name: str,
    *,
    per_channel: bool = True,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] = (),
) -> Any:
    """The parameters with the chosen leaves rounded to the format; leaves as in `fake_quantize`.

    Raises:
        UserError: an unknown format, patterns that match nothing.
    """
    bits(name)
    chosen = tree.select(params, include, exclude)
    return jax.tree.map(
        lambda x, chosen: round_to_format(x, name, x.ndim - 1 if per_channel else None) if chosen else x,
        params,
        chosen,
    )
