"""Floating-point formats as a kind of quantization: weights rounded to what a format can store."""

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
    """Bits per weight in a format; raises UserError if it is unknown."""
    if name not in FORMATS:
        raise unknown("number format", name, FORMATS)
    return jnp.dtype(FORMATS[name]).itemsize * 8


def round_to_format(x: jax.Array, name: str, channel_axis: int | None = None) -> jax.Array:
    """Round an array to a format.

    float16 and bfloat16 round the values themselves (float16 saturates at 65,504). The float8 formats have few
    exponents, so each channel is first scaled to the format's largest number, beyond which it saturates (Micikevicius
    et al. 2022).

    Args:
        x: float array.
        name: one of `FORMATS`.
        channel_axis: the axis along which every index has its own scale; None: one scale for all.

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
    """Round the chosen leaves of the parameters to a format; leaves are chosen as in `fake_quantize`.

    Raises:
        UserError: an unknown format, or patterns that match nothing.
    """
    bits(name)
    chosen = tree.select(params, include, exclude)
    return jax.tree.map(
        lambda x, chosen: round_to_format(x, name, x.ndim - 1 if per_channel else None) if chosen else x,
        params,
        chosen,
    )
