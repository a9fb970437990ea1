"""The range that the integers cover: all values, all but outliers, or the range with the least error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

CLIPS = ("minmax", "percentile", "mse")
PERCENTILE = 99.9
CANDIDATES = 80  # fractions of the full range that "mse" tries


@flax.struct.dataclass
class Limits:
    """The ends of the range, with size 1 along every axis but that of the channels.

    Attributes:
        low: 0 or less; minus `high` if symmetric.
        high: 0 or more.
    """

    low: jax.Array
    high: jax.Array


def calibrate(
    x: jax.Array,
    kept: jax.Array,
    axes: tuple[int, ...],
    quantize: Callable[[Limits], Any],
    *,
    symmetric: bool,
    clip: str,
) -> Any:
    """Choose the range and quantize with it.

    Args:
        x: float array.
        kept: bool, the weights that determine the range.
        axes: the axes that share a range.
        quantize: limits -> `Quantized`.
        symmetric: whether the range is symmetric.
        clip: one of `CLIPS`. "mse" tries fractions of the full range and takes, for each channel, the one with the
            least squared error over the kept weights (as in the range searches of BRECQ and of Nagel et al. 2021).
    """
    full = _full(x, kept, axes, symmetric)
    if clip == "minmax":
        return quantize(full)
    if clip == "percentile":
        return quantize(_percentile(x, kept, axes, full))

    def error(share: jax.Array) -> jax.Array:
        q = quantize(_scaled(full, share))
        rounded = (q.values - q.zero).astype(x.dtype) * q.scale
        return jnp.sum(jnp.square(rounded - x) * kept, axes, keepdims=True)

    def better(i: jax.Array, best: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        share, least = best
        candidate = 1.0 - i.astype(x.dtype) / CANDIDATES
        found = error(candidate)
        return jnp.where(found < least, candidate, share), jnp.minimum(found, least)

    whole = jnp.ones(full.high.shape, x.dtype)
    share, _ = jax.lax.fori_loop(1, CANDIDATES, better, (whole, error(whole)))
    return quantize(_scaled(full, share))


def _scaled(full: Limits, share: jax.Array) -> Limits:
    return Limits(full.low * share, full.high * share)


def _full(x: jax.Array, kept: jax.Array, axes: tuple[int, ...], symmetric: bool) -> Limits:
    counted = jnp.where(kept, x, jnp.zeros((), x.dtype))  # this range includes 0 anyway
    if symmetric:
        high = jnp.abs(counted).max(axes, keepdims=True)
        return Limits(-high, high)
    return Limits(jnp.minimum(counted.min(axes, keepdims=True), 0), jnp.maximum(counted.max(axes, keepdims=True), 0))


def _percentile(x: jax.Array, kept: jax.Array, axes: tuple[int, ...], full: Limits) -> Limits:
    """Clip at the 99.9th percentile of the kept |x|; channels with few weights keep nearly their full range."""
    magnitude = jnp.where(kept, jnp.abs(x), jnp.nan)
    bound = jnp.nanpercentile(magnitude, PERCENTILE, axis=axes, keepdims=True)
    bound = jnp.where(jnp.isnan(bound), full.high, bound)
    return Limits(jnp.maximum(full.low, -bound), jnp.minimum(full.high, bound))
