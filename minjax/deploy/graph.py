"""A trained network as a list of layers with their weights, for every format that is not JAX's own.

The first layer turns pixels into the network's input, batch norm is folded into the convolution before it, and ReLU and
GELU belong to the layer that they follow. Images are NHWC, kernels HWIO and [in, out], shapes are those of one image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from minjax.errors import UserError

Activation = Literal["identity", "relu", "gelu"]
Pads = tuple[tuple[int, int], tuple[int, int]]

PIXELS = "pixels"  # the graph's input: uint8 [N, H, W, C]


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """One layer.

    Attributes:
        name: unique in its graph; also the name of its output.
        inputs: the layers that it reads.
        shape: of the output for one image, without the batch.
    """

    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers in the output for one image."""
        return math.prod(self.shape)

    @property
    def scratch(self) -> int:
        """Numbers that the layer holds beside its inputs and its output."""
        return 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Normalize(Layer):
    """Pixels as float32, times `scale`, less `shift`: float32 [C] each."""

    scale: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Layer):
    """Cross-correlation with kernel [h, w, in, out] after zero padding, bias [out] added, then ReLU where asked for."""

    kernel: np.ndarray
    bias: np.ndarray
    stride: int
    pads: Pads
    relu: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Depthwise(Convolution):
    """A convolution that filters each channel by itself: kernel [h, w, 1, channels]."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Linear(Layer):
    """The last axis times kernel [in, out], bias [out] added (None: no bias), then the activation; GELU is exact."""

    kernel: np.ndarray
    bias: np.ndarray | None
    activation: Activation = "identity"


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool(Layer):
    """The maximum of each 2x2 window; an odd last row or column is left out."""


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanPool(Layer):
    """The mean over all pixels: [H, W, C] -> [C]."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Flatten(Layer):
    """[H, W, C] -> [H * W * C], in this order."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sum(Layer):
    """Two layers' outputs added, then ReLU where asked for."""

    relu: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Patches(Layer):
    """[H, W, C] -> [patches, p * p * C], row by row, each patch flattened as (row, column, channel)."""

    patch_size: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Tokens(Layer):
    """A row of zeros before the first token, then `positions` [T, dim] added; row 0 of them holds the class token."""

    positions: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerNorm(Layer):
    """The last axis normalised to mean 0 and deviation 1, times `scale`, plus `bias`: [dim] each."""

    scale: np.ndarray
    bias: np.ndarray
    epsilon: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Attention(Layer):
    """Queries, keys and values [T, 3 * heads * head_dim], side by side -> attended values [T, heads * head_dim]."""

    heads: int
    head_dim: int
    scale: float

    @property
    def scratch(self) -> int:
        """The weights of every token for every token."""
        return self.heads * self.shape[0] ** 2


@dataclass(frozen=True, eq=False, kw_only=True)
class FirstToken(Layer):
    """[T, dim] -> [dim], the class token's."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A network from pixels to logits.

    Attributes:
        family: of the network: dnn, cnn, resnet, vgg or vit.
        image_shape: height, width, channels of the pixels.
        layers: each after those that it reads; the first is a `Normalize`, the last one's output is the logits.
    """

    family: str
    image_shape: tuple[int, int, int]
    layers: tuple[Layer, ...] = field(repr=False)

    @property
    def normalize(self) -> Normalize:
        """The layer that reads the pixels."""
        first = self.layers[0]
        assert isinstance(first, Normalize)
        return first

    @property
    def num_classes(self) -> int:
        """How many logits there are."""
        return self.layers[-1].size

    def layer(self, name: str) -> Layer:
        """The layer of this name."""
        return next(layer for layer in self.layers if layer.name == name)

    def check_finite(self) -> None:
        """See that every weight is a number.

        Raises:
            UserError: one is NaN or infinite, as in a diverged network.
        """
        for layer in self.layers:
            for name, value in vars(layer).items():
                if isinstance(value, np.ndarray) and not np.isfinite(value).all():
                    raise UserError(f"{layer.name}: its {name} holds NaN or infinity; such a network is not exported")


def peak_activations(graph: Graph) -> int:
    """The most numbers that are alive at once while the layers run in order: activations of one image, input included.

    Between two layers every output that a later layer still reads is alive; while a layer runs, so are its inputs, its
    output and its scratch. ReLU and GELU work in place, a flattened image is the image itself, and the pixels are not
    counted: they are normalised as they come in.
    """
    storage: dict[str, str] = {}  # layer -> the layer whose output it shares
    last_use: dict[str, int] = {}
    for step, layer in enumerate(graph.layers):
        storage[layer.name] = storage[layer.inputs[0]] if isinstance(layer, Flatten) else layer.name
        for name in layer.inputs:
            if name != PIXELS:
                last_use[storage[name]] = step
        last_use.setdefault(storage[layer.name], step)
    alive = [
        (layer.size, step, last_use[layer.name])
        for step, layer in enumerate(graph.layers)
        if storage[layer.name] == layer.name
    ]
    return max(
        layer.scratch + sum(size for size, born, last in alive if born <= step <= last)
        for step, layer in enumerate(graph.layers)
    )
