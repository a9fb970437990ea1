"""Batch and layer normalisation with PyTorch's conventions."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from minjax.models.layers import Dtype, at_least_float32


class BatchNorm(nn.Module):
    """Normalise each channel over the batch (Ioffe & Szegedy 2015), as `torch.nn.BatchNorm2d` does.

    The forward pass divides by the biased batch variance, while the running variance uses the unbiased one (Flax uses
    the biased one for both); epsilon is 1e-5, and a new batch enters the running statistics with weight `momentum` =
    0.1 (the momentum of Flax and TensorFlow is the complement). Statistics are float32 whatever the `dtype`.
    Leaves: `scale` and `bias` [C] in "params", `mean` and `var` [C] in "batch_stats".

    Attributes:
      axis_name: under pmap, the axis that makes the statistics those of the global batch.
      dtype: type of the result.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    axis_name: str | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[..., C] -> [..., C]; with `train`, use the batch's statistics and update the running ones."""
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,))

        wide = at_least_float32(self.dtype)
        x = jnp.asarray(x, wide)
        if train:
            # Under pmap, but not in `init`, which runs outside it.
            axis_name = None if self.is_initializing() else self.axis_name
            y, mean, var = _normalize(x, scale, bias, self.epsilon, axis_name)
            if not self.is_initializing():
                count = _count(x, axis_name)
                unbiased = var * (count / max(count - 1, 1))
                for running, new in ((running_mean, mean), (running_var, unbiased)):
                    old = running.value
                    running.value = old + self.momentum * (new.astype(old.dtype) - old)
        else:
            factor = lax.rsqrt(running_var.value.astype(wide) + self.epsilon) * scale
            y = (x - running_mean.value.astype(wide)) * factor + bias
        return y.astype(self.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _normalize(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float, axis_name: str | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normalised [..., C], and the mean and biased variance [C] of the global batch, which have no gradient.

    The gradient is written out (Ioffe & Szegedy 2015, section 3) because it then needs two sums over the batch.
    Differentiating this function step by step takes four, which is noticeable where the sums are much of the work, as
    in small networks.
    """
    return _normalize_forward(x, scale, bias, epsilon, axis_name)[0]


def _normalize_forward(x, scale, bias, epsilon, axis_name):
    axes = tuple(range(x.ndim - 1))
    mean = _global_mean(x.mean(axes), axis_name)
    centred = x - mean
    var = _global_mean(jnp.square(centred).mean(axes), axis_name)
    inverse = lax.rsqrt(var + epsilon)
    return (centred * (inverse * scale) + bias, mean, var), (centred, inverse, scale)


def _normalize_backward(epsilon, axis_name, saved, gradients):
    del epsilon
    centred, inverse, scale = saved
    dy = gradients[0]
    axes = tuple(range(dy.ndim - 1))
    count = dy.size // dy.shape[-1]
    along, across = dy.sum(axes), (dy * centred).sum(axes)
    mean, slope = _global_mean(along / count, axis_name), _global_mean(across / count, axis_name)
    dx = (dy - mean - centred * (slope * jnp.square(inverse))) * (inverse * scale)
    return dx, across * inverse, along


_normalize.defvjp(_normalize_forward, _normalize_backward)


def _global_mean(mean: jax.Array, axis_name: str | None) -> jax.Array:
    return mean if axis_name is None else lax.pmean(mean, axis_name)


def _count(x: jax.Array, axis_name: str | None) -> int:
    """How many values of the global batch enter the statistics of a channel."""
    return x.size // x.shape[-1] * (1 if axis_name is None else lax.axis_size(axis_name))


class LayerNorm(nn.Module):
    """Normalise the last axis (Ba et al. 2016) with PyTorch's epsilon of 1e-5 (Flax's is 1e-6).

    Statistics are float32 whatever the `dtype`. Leaves: `scale` and `bias` [C].
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
