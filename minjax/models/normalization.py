"""Batch and layer normalisation with PyTorch's conventions."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from minjax.models.layers import Dtype, at_least_float32

_Pair = tuple[jax.Array, jax.Array]


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
            around = lax.stop_gradient(running_mean.value.astype(wide))
            y, mean, var = _normalize(x, scale, bias, around, self.epsilon, axis_name)
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


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _normalize(
    x: jax.Array, scale: jax.Array, bias: jax.Array, around: jax.Array, epsilon: float, axis_name: str | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normalised [..., C], and the mean and biased variance [C] of the global batch, which have no gradient.

    The gradient is written out (Ioffe & Szegedy 2015, section 3) because it then needs two sums over the batch.
    Differentiating this function step by step takes four, which is noticeable where the sums are much of the work, as
    in small networks.

    Args:
      x: [..., C].
      scale, bias: [C].
      around: [C], a guess of the mean, about which accelerators sum; see `_moments_at_once`.
      epsilon: added to the variance.
      axis_name: the pmap axis, or None.
    """
    return _normalize_forward(x, scale, bias, around, epsilon, axis_name)[0]


def _normalize_forward(x, scale, bias, around, epsilon, axis_name):
    mean, var = lax.platform_dependent(
        x, around, cpu=partial(_moments, axis_name), default=partial(_moments_at_once, axis_name)
    )
    centred, inverse = x - mean, lax.rsqrt(var + epsilon)
    return (centred * (inverse * scale) + bias, mean, var), (centred, inverse, scale)


def _normalize_backward(epsilon, axis_name, saved, gradients):
    del epsilon
    centred, inverse, scale = saved
    dy = gradients[0]
    along, across, mean, slope = lax.platform_dependent(
        dy, centred, inverse, cpu=partial(_gradient_sums, axis_name), default=partial(_gradient_sums_at_once, axis_name)
    )
    dx = (dy - mean - centred * slope) * (inverse * scale)
    return dx, across * inverse, along, jnp.zeros_like(mean)


_normalize.defvjp(_normalize_forward, _normalize_backward)


def _moments(axis_name: str | None, x: jax.Array, around: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance of each channel, the variance about the mean."""
    del around
    axes = tuple(range(x.ndim - 1))
    mean = _global_mean(x.mean(axes), axis_name)
    return mean, _global_mean(jnp.square(x - mean).mean(axes), axis_name)


def _moments_at_once(axis_name: str | None, x: jax.Array, around: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The same from one reduction, where each costs an accelerator two or three kernels.

    Both sums are about the running mean, so that little is lost where the variance is small beside the mean: its
    relative rounding error is that of float32 times (1 + (mean - around)^2 / variance). From a running mean of 0 a
    tenth of the distance is made up in each step.
    """
    centred, count = x - around, _count(x, axis_name)
    first, second = _sums_at_once(axis_name, centred, jnp.square(centred))[1]
    first, second = first / count, second / count
    return around + first, jnp.maximum(second - jnp.square(first), 0)


def _gradient_sums(axis_name: str | None, dy: jax.Array, centred: jax.Array, inverse: jax.Array) -> tuple:
    """Of each channel the sums of dy and of dy * centred, the mean of dy, and the slope along which dx is corrected."""
    count = dy.size // dy.shape[-1]
    along, across = _sums(dy, dy * centred)
    mean, slope = _global_mean((along / count, across / count), axis_name)
    return along, across, mean, slope * jnp.square(inverse)


def _gradient_sums_at_once(axis_name: str | None, dy: jax.Array, centred: jax.Array, inverse: jax.Array) -> tuple:
    """The same from one reduction."""
    own, (along, across) = _sums_at_once(axis_name, dy, dy * centred)
    count = _count(dy, axis_name)
    return *own, along / count, across / count * jnp.square(inverse)


def _sums(a: jax.Array, b: jax.Array) -> _Pair:
    """Sums over all axes but the last."""
    axes = tuple(range(a.ndim - 1))
    return a.sum(axes), b.sum(axes)


def _sums_at_once(axis_name: str | None, a: jax.Array, b: jax.Array) -> tuple[_Pair, _Pair]:
    """The same as one reduction, and these sums over all devices.

    On a GPU XLA does not join two sums over the rows of matrices, which take atomics. On a TPU, where images may have
    any axis along the lanes, taking them as rows of channels would copy them, four times as large with the padding;
    there XLA joins the sums itself.
    """
    return lax.platform_dependent(
        a, b, tpu=partial(_sums_and_global_ones, axis_name), default=partial(_sums_of_pairs, axis_name)
    )


def _sums_of_pairs(axis_name: str | None, a: jax.Array, b: jax.Array) -> tuple[_Pair, _Pair]:
    """Both sums as one sum of complex numbers, `a` the real parts and `b` the imaginary ones.

    A GPU forms the pairs while it sums them and stores none. Devices that share the rows need one all-reduce.
    """
    own = lax.complex(a, b).reshape(-1, a.shape[-1]).sum(0)
    whole = _global_sum(own, axis_name)
    return (own.real, own.imag), (whole.real, whole.imag)


def _sums_and_global_ones(axis_name: str | None, a: jax.Array, b: jax.Array) -> tuple[_Pair, _Pair]:
    sums = _sums(a, b)
    return sums, _global_sum(sums, axis_name)


def _global_sum(sums: Any, axis_name: str | None) -> Any:
    return sums if axis_name is None else lax.psum(sums, axis_name)


def _global_mean(mean: Any, axis_name: str | None) -> Any:
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
        return _layer_normalize(x, scale, bias, self.epsilon).astype(self.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _layer_normalize(x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> jax.Array:
    return _layer_norm(epsilon, x, scale, bias)


def _layer_norm(epsilon: float, x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    centred = x - x.mean(-1, keepdims=True)
    var = jnp.square(centred).mean(-1, keepdims=True)
    return centred * lax.rsqrt(var + epsilon) * scale + bias


def _layer_normalize_forward(x, scale, bias, epsilon):
    return _layer_norm(epsilon, x, scale, bias), (x, scale, bias)


def _layer_normalize_backward(epsilon, saved, dy):
    return lax.platform_dependent(
        *saved, dy, cpu=partial(_layer_gradients, epsilon), default=partial(_layer_gradients_at_once, epsilon)
    )


_layer_normalize.defvjp(_layer_normalize_forward, _layer_normalize_backward)


def _layer_gradients(epsilon: float, x: jax.Array, scale: jax.Array, bias: jax.Array, dy: jax.Array):
    return jax.vjp(partial(_layer_norm, epsilon), x, scale, bias)[1](dy)


def _layer_gradients_at_once(epsilon: float, x: jax.Array, scale: jax.Array, bias: jax.Array, dy: jax.Array):
    """The same with the sums over the batch as one reduction (Ba et al. 2016).

    Here XLA makes fewer kernels of arrays side by side than of complex numbers; see `_sums_at_once`.
    """
    centred = x - x.mean(-1, keepdims=True)
    inverse = lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + epsilon)
    normalized = centred * inverse
    across, along = lax.platform_dependent(dy * normalized, dy, tpu=_sums, default=_sums_side_by_side)
    g = dy * scale
    dx = (g - g.mean(-1, keepdims=True) - normalized * (g * normalized).mean(-1, keepdims=True)) * inverse
    return dx, across, along.astype(bias.dtype)


def _sums_side_by_side(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    channels = a.shape[-1]
    first, second = jnp.split(jnp.concatenate([a.reshape(-1, channels), b.reshape(-1, channels)], axis=1).sum(0), 2)
    return first, second
