"""Initial weights: those of the papers' code, and those that a careful engineer would choose.

``init="paper"`` is PyTorch's default for the family (except for VGG's convolutions, see `vgg.py`); ``init="he"`` draws
from a normal distribution of variance gain / fan-in, with zero biases: gain 2 before a ReLU or GELU (He et al. 2015,
equation 10), gain 1 elsewhere.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

Initializer = Callable[..., jax.Array]
INITS = ("paper", "he")


def fan_in(shape: Sequence[int]) -> int:
    """How many inputs an output has: the product of all but the last dimension of a kernel [in,out] or [h,w,in,out]."""
    return math.prod(shape[:-1])


def _flat(draw: Initializer, key: jax.Array, shape: Sequence[int], dtype: Any) -> jax.Array:
    """Draw the numbers in one row, then reshape: XLA compiles a four-dimensional draw five times as slowly."""
    return draw(key, (math.prod(shape),), dtype).reshape(shape)


def torch_uniform(inputs: int | None = None) -> Initializer:
    """Uniform in +-1/sqrt(fan-in), PyTorch's default for weights and biases of `Linear` and `Conv2d`.

    A kernel's shape tells its fan-in; a bias's does not, so `inputs` gives it.
    """

    def draw(key: jax.Array, shape: Sequence[int], dtype=jnp.float32) -> jax.Array:
        bound = 1.0 / math.sqrt(fan_in(shape) if inputs is None else inputs)
        return bound * _flat(functools.partial(jax.random.uniform, minval=-1.0), key, shape, dtype)

    return draw


def fan_out_normal() -> Initializer:
    """N(0, sqrt(2 / (h*w*Cout))), as for the convolutions in the paper's VGG code."""

    def draw(key: jax.Array, shape: Sequence[int], dtype=jnp.float32) -> jax.Array:
        deviation = math.sqrt(2.0 / (math.prod(shape[:-2]) * shape[-1]))
        return deviation * _flat(jax.random.normal, key, shape, dtype)

    return draw


def fan_in_normal(gain: float) -> Initializer:
    """N(0, sqrt(gain / fan-in))."""

    def draw(key: jax.Array, shape: Sequence[int], dtype=jnp.float32) -> jax.Array:
        # Behind a barrier: otherwise XLA first multiplies the deviation by a factor of the draw, and the last bit
        # depends on whether it is a constant.
        drawn = jax.lax.optimization_barrier(_flat(jax.random.normal, key, shape, dtype))
        return math.sqrt(gain / fan_in(shape)) * drawn

    return draw


def kernel(init: str, *, rectified: bool) -> Initializer:
    """The kernel initializer called `init` ("paper" or "he"); `rectified`: whether a ReLU or GELU follows the layer."""
    if init == "paper":
        return torch_uniform()
    return fan_in_normal(2.0 if rectified else 1.0)


def scale(init: str, inputs: int, *, rectified: bool) -> float:
    """The factor by which `kernel` scales the numbers of `unit`, for a layer with this fan-in."""
    if init == "paper":
        return 1.0 / math.sqrt(inputs)
    return math.sqrt((2.0 if rectified else 1.0) / inputs)


def bias_scale(init: str, inputs: int) -> float:
    """The factor by which `bias` scales them."""
    return scale(init, inputs, rectified=False) if init == "paper" else 0.0


def unit(init: str, key: jax.Array, count: int) -> jax.Array:
    """The first `count` numbers, before scaling, of the row from which every layer with this key takes its own. [count]

    In JAX a number in a draw depends on its index alone, so a longer row begins with the shorter one.
    """
    if init == "paper":
        return torch_uniform(1)(key, (count,))
    return fan_in_normal(1.0)(key, (1, count)).reshape(count)


def bias(init: str, inputs: int) -> Initializer:
    """The bias initializer called `init`, for a layer with this fan-in."""
    return torch_uniform(inputs) if init == "paper" else nn.initializers.zeros
