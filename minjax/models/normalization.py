"""Batch and layer normalisation with PyTorch's conventions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from minjax.models.layers import Dtype, at_least_float32


class BatchNorm(nn.Module):
    """Normalise each channel over the batch (Ioffe & Szegedy 2015), as `torch.nn.BatchNorm2d` does.

    The forward pass divides by the biased batch variance while the running variance takes the unbiased one (Flax's
    takes the biased one for both); epsilon is 1e-5 and a new batch enters the running statistics with weight
    `momentum` = 0.1 (Flax's and TensorFlow's momentum is the other share). Statistics are float32 whatever `dtype`.
    Leaves: `scale` and `bias` [C] in "params", `mean` and `var` [C] in "batch_stats".

    Attributes:
      axis_name: under pmap, the axis over which the statistics are those of the global batch.
      dtype: of the result.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    axis_name: str | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[..., C] -> [..., C]; `train`: use the batch's own statistics and update the running ones."""
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,))

        wide = at_least_float32(self.dtype)
        x = jnp.asarray(x, wide)
        if train:
            mean, var, count = self._statistics(x)
            if not self.is_initializing():
                unbiased = var * (count / max(count - 1, 1))
                for running, new in ((running_mean, mean), (running_var, unbiased)):
                    old = running.value
                    running.value = old + self.momentum * (lax.stop_gradient(new).astype(old.dtype) - old)
        else:
            mean, var = running_mean.value.astype(wide), running_var.value.astype(wide)
        factor = lax.rsqrt(var + self.epsilon) * scale
        return ((x - mean) * factor + bias).astype(self.dtype)

    def _statistics(self, x: jax.Array) -> tuple[jax.Array, jax.Array, int]:
        """Mean and biased variance [C] of the global batch, and how many values each is over."""
        axes = tuple(range(x.ndim - 1))
        count = x.size // x.shape[-1]
        mean = x.mean(axes)
        # Under pmap but not in `init`, which runs outside of it.
        synced = self.axis_name is not None and not self.is_initializing()
        if synced:
            mean = lax.pmean(mean, self.axis_name)
            count *= lax.axis_size(self.axis_name)
        var = jnp.square(x - mean).mean(axes)
        if synced:
            var = lax.pmean(var, self.axis_name)
        return mean, var, count


class LayerNorm(nn.Module):
    """Normalise the last axis (Ba et al. 2016) with PyTorch's epsilon of 1e-5 (Flax's is 1e-6).

    Statistics are float32 whatever `dtype`. Leaves: `scale` and `bias` [C].
    """

    epsilon: float = 1e-5
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[..., C] -> [..., C]."""
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        x = jnp.asarray(x, at_least_float32(self.dtype))
        centred = x - x.mean(-1, keepdims=True)
        var = jnp.square(centred).mean(-1, keepdims=True)
        return (centred * lax.rsqrt(var + self.epsilon) * scale + bias).astype(self.dtype)
