"""CNN: any number of convolutions, plain or depthwise separable, with or without pooling and batch norm.

The default is the network of paper 2 (Zheng et al., arXiv 2601.17987): one 3x3 convolution with stride 1 and no
padding, ReLU, flatten, linear. Depthwise separable convolutions are those of MobileNet (Howard et al.,
arXiv 1704.04861), but without batch norm and ReLU between the depthwise and the 1x1 convolution.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.errors import UserError
from minjax.models.activations import relu
from minjax.models.dropout import Dropout
from minjax.models.layers import Conv, Dense, DepthwiseConv, Dtype, at_least_float32
from minjax.models.normalization import BatchNorm
from minjax.models.pooling import max_pool2x2
from minjax.wiring import Depthwise, Group, Point, Reader, Source, Wiring, classifier_ends


class CNN(nn.Module):
    """(Convolution, batch norm, ReLU, pooling) for each of `channels`, then flatten, dropout and a linear layer.

    Attributes:
      num_classes: number of outputs.
      channels: output channels of each convolution; paper 2 tries 1 to 32.
      kernel_size: width and height of every convolution's kernel, in pixels.
      padding: "SAME" or "VALID" (none).
      pool: whether 2x2 max pooling follows each convolution.
      batch_norm: whether batch norm follows each convolution, which then has no bias.
      kernel_sizes: kernel size of each convolution; None: `kernel_size` for all.
      strides: stride of each convolution; None: 1 for all.
      pools: window size of the max pooling after each convolution, 1 (none) or 2; None: as `pool` says.
      separable: whether each convolution but the first is a depthwise one, which has its kernel size and stride,
        followed by a 1x1 one.
      global_pool: whether the linear layer reads the mean over all pixels instead of all of them.
      dropout: dropout rate before the linear layer.
      initialization: "paper" (PyTorch's default) or "he".
      dtype: type of the computation.
      axis_name: the pmap axis, or None.
      sync_batch_norm: whether batch norm takes its statistics over that axis, or each device over its own part of
        the batch.

    Raises:
      UserError: the number of kernel sizes, strides or pools is not that of the channels, or both `pool` and `pools`
        are set.
    """

    num_classes: int
    channels: tuple[int, ...] = (32,)
    kernel_size: int = 3
    padding: str = "VALID"
    pool: bool = False
    batch_norm: bool = False
    kernel_sizes: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None
    pools: tuple[int, ...] | None = None
    separable: bool = False
    global_pool: bool = False
    dropout: float = 0.0
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None
    sync_batch_norm: bool = True

    def __post_init__(self) -> None:
        count = len(self.channels)
        for field in ("kernel_sizes", "strides", "pools"):
            values = getattr(self, field)
            if values is not None and len(values) != count:
                raise UserError(
                    f"model.{field} is {list(values)}; it must have a number for each convolution, as model.channels "
                    f"has, so {count}"
                )
        if self.pool and self.pools is not None:
            raise UserError("model.pool is for all convolutions and model.pools for each: only one of them can be set")
        super().__post_init__()

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
        for i, (channels, (kernel, stride, pool)) in enumerate(zip(self.channels, self.windows(), strict=True), 1):
            if self.separable and i > 1:
                x = DepthwiseConv(
                    kernel,
                    stride,
                    padding=self.padding,
                    initialization=self.initialization,
                    dtype=self.dtype,
                    name=f"depthwise{i}",
                )(x)
                kernel = stride = 1
            x = Conv(
                channels,
                kernel,
                stride,
                padding=self.padding,
                use_bias=not self.batch_norm,
                initialization=self.initialization,
                dtype=self.dtype,
                name=f"conv{i}",
            )(x)
            if self.batch_norm:
                x = BatchNorm(axis_name=axis, dtype=self.dtype, name=f"norm{i}")(x, train)
            x = relu(x, stored=not (self.batch_norm and pool == 2))
            if pool == 2:
                x = max_pool2x2(x)
        wide = at_least_float32(self.dtype)
        x = jnp.mean(x, axis=(1, 2), dtype=wide) if self.global_pool else x.reshape(x.shape[0], -1)
        x = Dropout(self.dropout, self.axis_name, name="dropout")(x, train)
        return Dense(self.num_classes, initialization=self.initialization, dtype=wide, name="head")(x)

    def windows(self) -> list[tuple[int, int, int]]:
        """For each convolution its kernel size and its stride, and the side of the pooling after it (1: none)."""
        count = len(self.channels)
        sizes = self.kernel_sizes or (self.kernel_size,) * count
        pools = self.pools or (2 if self.pool else 1,) * count
        return list(zip(sizes, self.strides or (1,) * count, pools, strict=True))

    def smallest_size(self) -> int:
        """The smallest image size, in pixels a side, that leaves a pixel at the end."""
        size = 1
        for kernel, stride, pool in reversed(self.windows()):
            size = (size * pool - 1) * stride + (kernel if self.padding == "VALID" else 1)
        return size

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """The channels of each convolution."""
        return {"channels": self.channels}

    def wiring(self) -> Wiring:
        """One group per convolution; a depthwise convolution belongs to the group of the channels that it filters."""
        norms = [f"norm{i}" if self.batch_norm else None for i in range(1, len(self.channels) + 1)]
        padded = [self.padding == "SAME" and kernel > 1 for kernel, _, _ in self.windows()]
        groups: list[Group] = []
        for i, norm in enumerate(norms, 1):
            source, last = Source(f"conv{i}", norm), i == len(norms)
            points: tuple[Point, ...]
            if last:
                points = (Point((source,), (Reader("head"),)),)
            elif self.separable:
                depthwise = Depthwise(f"depthwise{i + 1}", padded[i])
                reader = Reader(f"conv{i + 1}", norms[i])
                points = (Point((source,), ()), Point((), (reader,), "identity", depthwise=depthwise))
            else:
                points = (Point((source,), (Reader(f"conv{i + 1}", norms[i], padded[i]),)),)
            groups.append(Group(f"conv{i}", points, "channels", i - 1))
        return Wiring(tuple(groups), classifier_ends("conv1"))
