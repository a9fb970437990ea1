"""Scaled dot-product attention (Vaswani et al. 2017): written out, or cuDNN's fused kernel where there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

# The compute capability of the GPU that programs are compiled for; None: that of the device at hand, if it is a GPU.
_target: ContextVar[tuple[int, int] | None] = ContextVar("target", default=None)
_FIRST_FUSED = (8, 0)  # Ampere


def attend(q: jax.Array, k: jax.Array, v: jax.Array, scale: float) -> jax.Array:
    """Attention of every head: [B,T,H,D] each -> [B,T,H,D]; softmax in float32.

    In bfloat16 and float16 on an NVIDIA GPU (Ampere or later) it is one kernel of cuDNN's in each direction, which
    neither writes the scores to memory nor transposes them; elsewhere, and for a head dimension that cuDNN does not
    take, it is two matrix products.

    Args:
      q, k, v: queries, keys and values.
      scale: factor applied to the products of queries and keys.
    """
    if _fused(q):
        return _cudnn(q, k, v, scale)
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k)
    weights = nn.softmax(scores.astype(jnp.promote_types(q.dtype, jnp.float32)) * scale).astype(q.dtype)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, v)


def _cudnn(q: jax.Array, k: jax.Array, v: jax.Array, scale: float) -> jax.Array:
    """By cuDNN, which takes an even number of tokens: an odd one is padded, and the padding is not attended to."""
    tokens, lengths = q.shape[1], None
    if tokens % 2:
        # The same for each image, but computed from it: JAX's rule for `vmap` takes the lengths to be mapped as well.
        lengths = tokens + 0 * lax.bitcast_convert_type(q[:, 0, 0, 0], jnp.int16).astype(jnp.int32)
        q, k, v = (jnp.pad(x, ((0, 0), (0, 1), (0, 0), (0, 0))) for x in (q, k, v))
    result = jax.nn.dot_product_attention(
        q,
        k,
        v,
        scale=scale,
        implementation="cudnn",
        query_seq_lengths=lengths,
        key_value_seq_lengths=lengths,
    )
    return result[:, :tokens]


def _fused(q: jax.Array) -> bool:
    if q.dtype not in (jnp.bfloat16, jnp.float16) or q.shape[-1] % 8 or q.shape[-1] > 128:
        return False
    capability = _target.get() or _capability()
    return capability is not None and capability >= _FIRST_FUSED


def _capability() -> tuple[int, int] | None:
    """The compute capability of the first device; None: it is no NVIDIA GPU."""
    device = jax.devices()[0]
    if device.platform != "gpu" or "NVIDIA" not in device.device_kind:
        return None
    major, minor = str(device.compute_capability).split(".")
    return int(major), int(minor)


@contextlib.contextmanager
def compiling_for(capability: tuple[int, int] | None) -> Iterator[None]:
    """Trace programs for a GPU of this compute capability, whatever devices are at hand."""
    token = _target.set(capability)
    try:
        yield
    finally:
        _target.reset(token)
