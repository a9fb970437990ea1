"""CNN: any number of plain convolutions of any width, with or without pooling and batch norm.

The default is the network of paper 2 (Zheng et al., arXiv 2601.17987): one 3x3 convolution with stride 1 and no
padding, ReLU, flatten, linear.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.errors import UserError
from minjax.models.dropout import Dropout
from minjax.models.layers import Conv, Dense, Dtype, at_least_float32
from minjax.models.normalization import BatchNorm
from minjax.models.pooling import max_pool2x2
from minjax.wiring import Group, Point, Reader, Source, Wiring, classifier_ends


class CNN(nn.Module):
    """(Convolution, batch norm, ReLU, pooling) for each of `channels`, then flatten, dropout and a linear layer.

    Attributes:
      num_classes: number of outputs.
      channels: output channels of each convolution; paper 2 tries 1 to 32.
      kernel_size: width and height of every convolution's kernel, in pixels.
      padding: "SAME" or "VALID" (none).
      pool: whether 2x2 max pooling follows each convolution.
      batch_norm: whether batch norm follows each convolution, which then has no bias.
      dropout: dropout rate before the linear layer.
      initialization: "paper" (PyTorch's default) or "he".
      dtype: type of the computation.
      axis_name: the pmap axis, or None.
      sync_batch_norm: whether batch norm takes its statistics over that axis, or each device over its own part of
        the batch.
    """

    num_classes: int
    channels: tuple[int, ...] = (32,)
    kernel_size: int = 3
    padding: str = "VALID"
    pool: bool = False
    batch_norm: bool = False
    dropout: float = 0.0
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None
    sync_batch_norm: bool = True

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Images [B,H,W,C] of at least `smallest_size()` pixels a side -> float32 logits [B,num_classes].

        Raises:
          UserError: an image is too small.
        """
        if min(images.shape[1:3]) < self.smallest_size():
            size = f"{images.shape[1]}x{images.shape[2]}"
            raise UserError(
                f"this cnn cannot take {size} images: it needs at least {self.smallest_size()} pixels a side"
            )
        x = images
        axis = self.axis_name if self.sync_batch_norm else None
        for i, channels in enumerate(self.channels, 1):
            x = Conv(
                channels,
                self.kernel_size,
                padding=self.padding,
                use_bias=not self.batch_norm,
                initialization=self.initialization,
                dtype=self.dtype,
                name=f"conv{i}",
            )(x)
            if self.batch_norm:
                x = BatchNorm(axis_name=axis, dtype=self.dtype, name=f"norm{i}")(x, train)
            x = nn.relu(x)
            if self.pool:
                x = max_pool2x2(x)
        x = Dropout(self.dropout, self.axis_name, name="dropout")(x.reshape(x.shape[0], -1), train)
        return Dense(
            self.num_classes, initialization=self.initialization, dtype=at_least_float32(self.dtype), name="head"
        )(x)

    def smallest_size(self) -> int:
        """The smallest image size, in pixels a side, that leaves a pixel at the end."""
        size = 1
        for _ in self.channels:
            size = size * 2 if self.pool else size
            size += self.kernel_size - 1 if self.padding == "VALID" else 0
        return size

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """The channels of each convolution."""
        return {"channels": self.channels}

    def wiring(self) -> Wiring:
        """One group per convolution."""
        norms = [f"norm{i}" if self.batch_norm else None for i in range(1, len(self.channels) + 1)]
        padded = self.padding == "SAME" and self.kernel_size > 1
        readers = [Reader(f"conv{i}", norm, padded) for i, norm in enumerate(norms[1:], 2)] + [Reader("head")]
        groups = tuple(
            Group(f"conv{i + 1}", (Point((Source(f"conv{i + 1}", norm),), (reader,)),), "channels", i)
            for i, (norm, reader) in enumerate(zip(norms, readers, strict=True))
        )
        return Wiring(groups, classifier_ends("conv1"))
