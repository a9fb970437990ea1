"""ResNet for small images (He et al. 2016), in the layout of kuangliu/pytorch-cifar and of paper 1 (Folea).

3x3 stem of stride 1 without pooling, four stages with strides 1, 2, 2, 2 and channels w, 2w, 4w, 8w, post-activation
blocks, a 1x1 convolution with batch norm as shortcut where the shape changes, average pooling, one linear layer.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.models.dropout import Dropout
from minjax.models.layers import Conv, Dense, Dtype, at_least_float32
from minjax.models.normalization import BatchNorm

STRIDES = (1, 2, 2, 2)
EXPANSION = 4  # a bottleneck block's outputs per inner channel


class Block(nn.Module):
    """A residual block: two 3x3 convolutions, or 1x1, 3x3 (with the stride), 1x1 in a bottleneck.

    Attributes:
      channels: inner channels; a bottleneck block has EXPANSION times as many outputs.
      stride: of the block.
      bottleneck: which of the two kinds.
    """

    channels: int
    stride: int
    bottleneck: bool
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B,H,W,C] -> [B,ceil(H/stride),ceil(W/stride),outputs]."""
        conv = functools.partial(Conv, initialization=self.initialization, dtype=self.dtype)
        norm = functools.partial(BatchNorm, axis_name=self.axis_name, dtype=self.dtype)
        if self.bottleneck:
            layers = [(self.channels, 1, 1), (self.channels, 3, self.stride), (EXPANSION * self.channels, 1, 1)]
        else:
            layers = [(self.channels, 3, self.stride), (self.channels, 3, 1)]

        y = x
        for i, (channels, kernel_size, stride) in enumerate(layers, 1):
            y = conv(channels, kernel_size, stride, name=f"conv{i}")(y)
            y = norm(name=f"norm{i}")(y, train)
            if i < len(layers):
                y = nn.relu(y)
        outputs = layers[-1][0]
        if self.stride != 1 or x.shape[-1] != outputs:
            x = conv(outputs, 1, self.stride, name="shortcut_conv")(x)
            x = norm(name="shortcut_norm")(x, train)
        return nn.relu(x + y)


class ResNet(nn.Module):
    """A residual network; takes images of any size (32x32 in the paper, where the last average is over 4x4).

    Attributes:
      num_classes: outputs.
      blocks: residual blocks in each of the four stages.
      bottleneck: bottleneck blocks (50 layers and more) instead of basic ones.
      width: channels of the first stage; the others have 2, 4 and 8 times as many.
      dropout: the rate before the linear layer.
      initialization: "paper" (PyTorch's default) or "he".
      dtype: of the computation.
      axis_name: the pmap axis, if there is one.
    """

    num_classes: int
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    bottleneck: bool = False
    width: int = 64
    dropout: float = 0.0
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Images [B,H,W,C] of any size -> float32 logits [B,num_classes]."""
        x = Conv(self.width, initialization=self.initialization, dtype=self.dtype, name="conv")(images)
        x = nn.relu(BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name="norm")(x, train))
        for stage, (count, first_stride) in enumerate(zip(self.blocks, STRIDES, strict=True)):
            for block in range(count):
                x = Block(
                    self.width * 2**stage,
                    first_stride if block == 0 else 1,
                    self.bottleneck,
                    initialization=self.initialization,
                    dtype=self.dtype,
                    axis_name=self.axis_name,
                    name=f"stage{stage + 1}_block{block + 1}",
                )(x, train)
        wide = at_least_float32(self.dtype)
        x = jnp.mean(x, axis=(1, 2), dtype=wide)
        x = Dropout(self.dropout, self.axis_name, name="dropout")(x, train)
        return Dense(self.num_classes, initialization=self.initialization, dtype=wide, name="head")(x)
