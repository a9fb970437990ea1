"""ResNet for small images (He et al. 2016), in the layout of kuangliu/pytorch-cifar and of paper 1 (Folea).

A 3x3 stem with stride 1 and no pooling; four stages with strides 1, 2, 2, 2 and channels w, 2w, 4w, 8w; post-activation
blocks, with a 1x1 convolution and batch norm as shortcut where the shape changes; average pooling; a linear layer.
`SmallResNet` is the network with three stages that He et al. trained on CIFAR-10.
"""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.errors import UserError
from minjax.models.activations import relu
from minjax.models.dropout import Dropout
from minjax.models.layers import Conv, Dense, Dtype, at_least_float32
from minjax.models.normalization import BatchNorm
from minjax.wiring import Group, Point, Reader, Source, Wiring, classifier_ends

STRIDES = (1, 2, 2, 2)
EXPANSION = 4  # outputs of a bottleneck block per inner channel


class Block(nn.Module):
    """A residual block: two 3x3 convolutions, or in a bottleneck 1x1, 3x3 (with the stride), 1x1.

    Attributes:
      channels: outputs of its convolutions, two in a basic block, three in a bottleneck.
      stride: the block's stride.
      shortcut: whether a 1x1 convolution with batch norm leads past the others, as is needed where the shape changes.
    """

    channels: tuple[int, ...]
    stride: int
    shortcut: bool
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B,H,W,C] -> [B,ceil(H/stride),ceil(W/stride),outputs]."""
        conv = functools.partial(Conv, initialization=self.initialization, dtype=self.dtype)
        norm = functools.partial(BatchNorm, axis_name=self.axis_name, dtype=self.dtype)
        shapes = [(1, 1), (3, self.stride), (1, 1)] if len(self.channels) == 3 else [(3, self.stride), (3, 1)]
        y = x
        for i, (channels, (kernel_size, stride)) in enumerate(zip(self.channels, shapes, strict=True), 1):
            y = conv(channels, kernel_size, stride, name=f"conv{i}")(y)
            y = norm(name=f"norm{i}")(y, train)
            if i < len(self.channels):
                y = relu(y)
        if self.shortcut:
            x = conv(self.channels[-1], 1, self.stride, name="shortcut_conv")(x)
            x = norm(name="shortcut_norm")(x, train)
        return relu(x + y)


class ResNet(nn.Module):
    """A residual network for images of any size (32x32 in the paper, where the final average is over 4x4 pixels).

    Attributes:
      num_classes: number of outputs.
      blocks: residual blocks in each stage; at most four stages.
      bottleneck: whether blocks are bottlenecks (networks of 50 layers and more) instead of basic ones.
      width: channels of the first stage; the others have 2, 4 and 8 times as many.
      dropout: dropout rate before the linear layer.
      initialization: "paper" (PyTorch's default) or "he".
      dtype: type of the computation.
      axis_name: the pmap axis, or None.
      sync_batch_norm: whether batch norm takes its statistics over that axis, or each device over its own part of
        the batch.
      inner_channels: outputs of all convolutions in the blocks except the last of each, in order; None: determined by
        `width`. Set in shrunk networks.
      stream_channels: channels between the blocks of each stage, in a bottleneck network after those of the stem;
        None: determined by `width`. Set in shrunk networks.
    """

    num_classes: int
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    bottleneck: bool = False
    width: int = 64
    dropout: float = 0.0
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None
    sync_batch_norm: bool = True
    inner_channels: tuple[int, ...] | None = None
    stream_channels: tuple[int, ...] | None = None

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Images [B,H,W,C] of any size -> float32 logits [B,num_classes]."""
        sizes = self.layer_sizes()
        inner, streams = iter(sizes["inner_channels"]), sizes["stream_channels"]
        x = Conv(streams[0], initialization=self.initialization, dtype=self.dtype, name="conv")(images)
        axis = self.axis_name if self.sync_batch_norm else None
        x = relu(BatchNorm(axis_name=axis, dtype=self.dtype, name="norm")(x, train))
        for stage, block, name in self._blocks():
            x = Block(
                (*itertools.islice(inner, 2 if self.bottleneck else 1), streams[stage - len(self.blocks)]),
                STRIDES[stage] if block == 0 else 1,
                shortcut=self._has_shortcut(stage, block),
                initialization=self.initialization,
                dtype=self.dtype,
                axis_name=axis,
                name=name,
            )(x, train)
        wide = at_least_float32(self.dtype)
        x = jnp.mean(x, axis=(1, 2), dtype=wide)
        x = Dropout(self.dropout, self.axis_name, name="dropout")(x, train)
        return Dense(self.num_classes, initialization=self.initialization, dtype=wide, name="head")(x)

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """The channels inside the blocks and in the residual streams."""
        stages = tuple(self.width * 2**stage for stage in range(len(self.blocks)))
        inner = tuple(stages[stage] for stage, _, _ in self._blocks() for _ in range(2 if self.bottleneck else 1))
        streams = (self.width, *(EXPANSION * width for width in stages)) if self.bottleneck else stages
        return {
            "inner_channels": self.inner_channels or inner,
            "stream_channels": self.stream_channels or streams,
        }

    def wiring(self) -> Wiring:
        """One group per convolution inside a block and one per residual stream.

        The stem's stream continues through the first stage unless a shortcut convolution ends it.
        """
        inner: list[Group] = []
        sources: tuple[Source, ...] = (Source("conv", "norm"),)  # the point whose readers come next
        carried = False
        streams: list[list[Point]] = [[]]
        for stage, block, name in self._blocks():
            first = Reader(f"{name}/conv1", f"{name}/norm1", padded=not self.bottleneck)
            shortcut = self._has_shortcut(stage, block)
            readers = (first, Reader(f"{name}/shortcut_conv", f"{name}/shortcut_norm")) if shortcut else (first,)
            streams[-1].append(Point(sources, readers, carried=carried))
            last = 3 if self.bottleneck else 2
            for i in range(1, last):
                layer, after = f"{name}/conv{i}", f"{name}/conv{i + 1}"
                reader = Reader(after, f"{name}/norm{i + 1}", padded=i == 1)  # the second convolution is 3x3
                point = Point((Source(layer, f"{name}/norm{i}"),), (reader,))
                inner.append(Group(layer, (point,), "inner_channels", len(inner)))
            sources, carried = (Source(f"{name}/conv{last}", f"{name}/norm{last}"),), not shortcut
            if shortcut:
                sources += (Source(f"{name}/shortcut_conv", f"{name}/shortcut_norm"),)
                streams.append([])
        streams[-1].append(Point(sources, (Reader("head"),), carried=carried))
        names = [f"stage{stage} stream" for stage in range(1, len(self.blocks) + 1)]
        if self.bottleneck:
            names.insert(0, "stem")
        residual = [
            Group(name, tuple(points), "stream_channels", i)
            for i, (name, points) in enumerate(zip(names, streams, strict=True))
        ]
        return Wiring((*inner, *residual), classifier_ends("conv"))

    def _blocks(self) -> list[tuple[int, int, str]]:
        """The stage and the block, both from 0, and the block's name."""
        places = ((stage, block) for stage, count in enumerate(self.blocks) for block in range(count))
        return [(stage, block, f"stage{stage + 1}_block{block + 1}") for stage, block in places]

    def _has_shortcut(self, stage: int, block: int) -> bool:
        """Whether the unshrunk network changes shape here: its channels, or its pixels from the second stage on."""
        return block == 0 and (self.bottleneck or STRIDES[stage] != 1)


class SmallResNet(ResNet):
    """The ResNets of He et al. 2016, section 4.2, for 32x32 images: three stages of as many basic blocks each.

    Depth 20 and width 16 has 272,474 parameters with 10 classes. The paper's own shortcuts take every other pixel and
    add channels of zeros (its option A), which makes it 269,722; ours are 1x1 convolutions with batch norm (option B).

    Attributes:
      depth: convolutions and linear layers, those of the shortcuts not counted: 6n + 2, for n blocks in a stage.
      width: channels of the first stage; the others have 2 and 4 times as many.

    Raises:
      UserError: another depth.
    """

    depth: int = 20
    width: int = 16

    def __post_init__(self) -> None:
        count, rest = divmod(self.depth - 2, 6)
        if rest or count < 1:
            raise UserError(f"model.depth is {self.depth}; that of a resnet must be 6n + 2: 8, 14, 20, 26, ...")
        object.__setattr__(self, "blocks", (count,) * 3)
        super().__post_init__()
