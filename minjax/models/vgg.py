"""VGG for small images (Simonyan & Zisserman 2015), as in paper 1 (Folea): five stages, each with a 2x2 max pool."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.errors import UserError
from minjax.models import initializers
from minjax.models.activations import relu
from minjax.models.dropout import Dropout
from minjax.models.layers import Conv, Dense, Dtype, at_least_float32
from minjax.models.normalization import BatchNorm
from minjax.models.pooling import max_pool2x2
from minjax.wiring import Group, Point, Reader, Source, Wiring, classifier_ends

SCALES = (1, 2, 4, 8, 8)  # channels of each stage, in multiples of the width
SMALLEST_SIZE = 2 ** len(SCALES)


class VGG(nn.Module):
    """Five stages of 3x3 convolutions with biases, then (dropout, linear, ReLU) twice, then a linear layer.

    Attributes:
      num_classes: number of outputs.
      convolutions: how many convolutions each of the five stages has.
      width: channels of the first stage; the others have 2, 4, 8 and 8 times as many.
      head_width: units of the two hidden linear layers; 0: there are none and the features go to the last layer, as in
        kuangliu/pytorch-cifar.
      batch_norm: whether batch norm follows each convolution (which keeps its bias, as in the paper).
      dropout: dropout rate before each hidden linear layer, or before the last layer if there are none.
      initialization: "paper" draws convolutions from N(0, sqrt(2/(9*Cout))) with zero biases, and the rest as
        PyTorch does; "he" replaces both.
      dtype: type of the computation.
      axis_name: the pmap axis, or None.
      sync_batch_norm: whether batch norm takes its statistics over that axis, or each device over its own part of
        the batch.
      conv_channels: channels of every convolution, in order; None: determined by `width`. Set in shrunk networks.
      head_widths: units of every hidden linear layer; None: determined by `head_width`. Set in shrunk networks.
    """

    num_classes: int
    convolutions: tuple[int, ...] = (2, 2, 3, 3, 3)
    width: int = 64
    head_width: int = 512
    batch_norm: bool = False
    dropout: float = 0.5
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None
    sync_batch_norm: bool = True
    conv_channels: tuple[int, ...] | None = None
    head_widths: tuple[int, ...] | None = None

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Images [B,H,W,C] of 32x32 pixels or more -> float32 logits [B,num_classes].

        From 64 pixels on, more than one position is left after the last pool, and the first linear layer grows.

        Raises:
          UserError: an image is smaller than 32x32, so that nothing is left of it after the five pools.
        """
        if min(images.shape[1:3]) < SMALLEST_SIZE:
            size = f"{images.shape[1]}x{images.shape[2]}"
            raise UserError(
                f"vgg cannot take {size} images: its five 2x2 pools need at least {SMALLEST_SIZE}x{SMALLEST_SIZE} "
                f"(set dataset.image_size={SMALLEST_SIZE} for a folder)"
            )
        init = initializers.fan_out_normal() if self.initialization == "paper" else self.initialization
        x = images
        axis = self.axis_name if self.sync_batch_norm else None
        channels = iter(self.layer_sizes()["conv_channels"])
        for stage, count in enumerate(self.convolutions, 1):
            for i in range(1, count + 1):
                x = Conv(next(channels), use_bias=True, initialization=init, dtype=self.dtype, name=f"conv{stage}_{i}")(
                    x
                )
                if self.batch_norm:
                    x = BatchNorm(axis_name=axis, dtype=self.dtype, name=f"norm{stage}_{i}")(x, train)
                x = relu(x)
            x = max_pool2x2(x)
        return self._head(x.reshape(x.shape[0], -1), train)

    def _head(self, x: jax.Array, train: bool) -> jax.Array:
        """Features [B,F] -> logits [B,num_classes]."""
        if self.head_width == 0:
            x = Dropout(self.dropout, self.axis_name, name="dropout1")(x, train)
        for i, width in enumerate(self.layer_sizes()["head_widths"], 1):
            x = Dropout(self.dropout, self.axis_name, name=f"dropout{i}")(x, train)
            x = Dense(width, initialization=self.initialization, rectified=True, dtype=self.dtype, name=f"hidden{i}")(x)
            x = relu(x)
        return Dense(
            self.num_classes, initialization=self.initialization, dtype=at_least_float32(self.dtype), name="head"
        )(x)

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """The channels of each convolution and the units of each hidden linear layer."""
        stages = zip(self.convolutions, SCALES, strict=True)
        channels = tuple(self.width * scale for count, scale in stages for _ in range(count))
        widths = (self.head_width,) * 2 if self.head_width else ()
        return {"conv_channels": self.conv_channels or channels, "head_widths": self.head_widths or widths}

    def wiring(self) -> Wiring:
        """One group per convolution and per hidden linear layer."""
        places = [f"{stage}_{i}" for stage, count in enumerate(self.convolutions, 1) for i in range(1, count + 1)]
        hidden = ["hidden1", "hidden2"] if self.head_width else []
        readers = [Reader(f"conv{place}", padded=True) for place in places[1:]]
        readers += [Reader(layer) for layer in (*hidden, "head")]
        sources = [Source(f"conv{place}", f"norm{place}" if self.batch_norm else None) for place in places]
        sources += [Source(layer) for layer in hidden]
        sizes = [("conv_channels", i) for i in range(len(places))] + [("head_widths", i) for i in range(len(hidden))]
        groups = tuple(
            Group(source.layer, (Point((source,), (reader,)),), attribute, index)
            for source, reader, (attribute, index) in zip(sources, readers, sizes, strict=True)
        )
        return Wiring(groups, classifier_ends("conv1_1"))
