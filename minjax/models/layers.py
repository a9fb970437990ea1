"""The layers with weights, `Dense`, `Conv` and `DepthwiseConv`, initialised as in PyTorch by default.

Parameters are always float32 and are cast to the type of the computation (`dtype`) where they are used.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.models import initializers
from minjax.models.convolution import conv2d
from minjax.models.depthwise import depthwise_conv2d

Dtype = Any


def at_least_float32(dtype: Dtype) -> Dtype:
    """The type for what must not be computed in bfloat16 (statistics, softmax, logits): at least float32."""
    return jnp.promote_types(dtype, jnp.float32)


class Dense(nn.Module):
    """A linear layer: [..., in] -> [..., features]; leaves `kernel` [in,out] and `bias` [out].

    Attributes:
      features: number of outputs.
      use_bias: whether to add a bias.
      initialization: "paper" or "he", see `initializers`.
      rectified: a ReLU or GELU follows; only "he" depends on it.
      dtype: type of the computation and of the result.
    """

    features: int
    use_bias: bool = True
    initialization: str = "paper"
    rectified: bool = False
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layer to the last axis."""
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", initializers.kernel(self.initialization, rectified=self.rectified), shape)
        y = jnp.asarray(x, self.dtype) @ jnp.asarray(kernel, self.dtype)
        if self.use_bias:
            bias = self.param("bias", initializers.bias(self.initialization, shape[0]), (self.features,))
            y = y + jnp.asarray(bias, self.dtype)
        return y


class Conv(nn.Module):
    """A convolution of NHWC images; leaves `kernel` [h,w,in,out] and, if there is one, `bias` [out].

    Attributes:
      features: number of output channels.
      kernel_size: height and width of the kernel, in pixels.
      stride: step in both directions, in pixels.
      padding: "SAME", "VALID" or "TORCH": kernel_size // 2 zeros on every side, as `padding=1` for 3x3 in PyTorch.
        "SAME" differs from this with a stride above 1 (it pads less on the left) and for kernels of even size.
      use_bias: whether to add a bias.
      initialization: "paper", "he" or an initializer for the kernel (the bias is then 0).
      dtype: type of the computation and of the result.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    padding: str = "TORCH"
    use_bias: bool = False
    initialization: Any = "paper"
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[N,H,W,in] -> [N,H',W',features]."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        if callable(self.initialization):
            draw, draw_bias = self.initialization, nn.initializers.zeros
        else:
            draw = initializers.kernel(self.initialization, rectified=True)
            draw_bias = initializers.bias(self.initialization, math.prod(shape[:-1]))
        kernel = self.param("kernel", draw, shape)
        side = self.kernel_size // 2
        padding = ((side, side), (side, side)) if self.padding == "TORCH" else self.padding
        y = conv2d(
            jnp.asarray(x, self.dtype),
            jnp.asarray(kernel, self.dtype),
            strides=(self.stride, self.stride),
            padding=padding,
        )
        if self.use_bias:
            y = y + jnp.asarray(self.param("bias", draw_bias, (self.features,)), self.dtype)
        return y


class DepthwiseConv(nn.Module):
    """A convolution that filters each channel by itself; leaf `kernel` [h,w,1,channels].

    `wiring.is_depthwise` tells its kernel from that of a convolution of one channel by its name, which must begin with
    "depthwise". No bias: a 1x1 convolution follows, which has one or a batch norm.

    Attributes:
      kernel_size: height and width of the kernel, in pixels.
      stride: step in both directions, in pixels.
      padding: "SAME" or "VALID".
      initialization: "paper" or "he".
      dtype: of the computation and of the result.
    """

    kernel_size: int = 3
    stride: int = 1
    padding: str = "SAME"
    initialization: str = "paper"
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[N,H,W,channels] -> [N,H',W',channels]."""
        draw = initializers.kernel(self.initialization, rectified=False)
        kernel = self.param("kernel", draw, (self.kernel_size, self.kernel_size, 1, x.shape[-1]))
        x, kernel = jnp.asarray(x, self.dtype), jnp.asarray(kernel, self.dtype)
        return depthwise_conv2d(x, kernel, strides=(self.stride, self.stride), padding=self.padding)
