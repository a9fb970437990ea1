"""Which layers of a network write and read the same channels, so that channels can be removed from all of them at once.

A model declares its `Wiring` (`model.wiring()`) and `minjax.compress.shrinking` reads it; neither needs to know the
other. Layers are named by their path, ``stage1_block1/conv1``. A kernel's last axis is its outputs and the axis before
that its inputs, both in convolutions [h,w,in,out] and in linear layers [in,out].

A channel may be a block of numbers (an attention head) and may occur at several places along an axis (a flattened image
has every channel at every pixel; an attention layer outputs queries, keys and values). Channel c of C then occupies the
indices ``place * C * block + c * block + j`` for every place and every j < block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Source:
    """A layer whose outputs are the channels.

    Attributes:
        layer: path of the layer that holds the kernel, and the bias if there is one.
        norm: path of the batch norm right after it, if there is one.
        block: numbers per channel; more than one only without bias and norm.
        place: the place at which a zero kernel makes the channel zero; None: the kernel must be zero at all places. In
            attention the values (2) suffice.
        epsilon: the batch norm's epsilon.
    """

    layer: str
    norm: str | None = None
    block: int = 1
    place: int | None = None
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Reader:
    """A layer whose inputs are the channels.

    Attributes:
        layer: path of the layer that holds the kernel.
        norm: path of the batch norm right after it, if there is one: its mean can absorb a constant where there is no
            bias.
        padded: whether it is a convolution that pads its images with zeros: it does not see a constant channel as
            constant at the border.
        block: numbers per channel.
    """

    layer: str
    norm: str | None = None
    padded: bool = False
    block: int = 1


@dataclass(frozen=True)
class Depthwise:
    """A convolution that filters each channel by itself, without a bias: its kernel is [h,w,1,channels].

    Attributes:
        layer: of the kernel; its name begins with "depthwise".
        padded: it surrounds its images with zeros.
    """

    layer: str
    padded: bool = False


def is_depthwise(name: str) -> bool:
    """Whether a layer, or the leaf of one, named by its path, is depthwise: its kernel has channels on its last axis
    only, and they are its inputs as well as its outputs."""
    return any(part.startswith("depthwise") for part in name.split("/"))


@dataclass(frozen=True)
class Point:
    """The channels at one point of the network: activation(sum of the sources, plus the previous point if carried).

    Between a point and its readers there may be operations that keep a constant channel constant: pooling, flattening,
    dropout.

    Attributes:
        sources: layers that write the channels.
        readers: layers that read them.
        activation: applied to the sum.
        carried: whether the point before is added to the sum.
        depthwise: a convolution of the point before, which then is the sum: such a point has no sources.
    """

    sources: tuple[Source, ...]
    readers: tuple[Reader, ...]
    activation: Literal["identity", "relu", "gelu"] = "relu"
    carried: bool = False
    depthwise: Depthwise | None = None


@dataclass(frozen=True)
class Group:
    """Channels that can only be removed together: one point between two layers, or all points of a residual stream.

    Attributes:
        name: what reports call it.
        points: its points in the network's order.
        attribute: the model's attribute, a tuple, that holds the number of channels.
        index: the index of that number in the tuple.
    """

    name: str
    points: tuple[Point, ...]
    attribute: str
    index: int


@dataclass(frozen=True)
class Fixed:
    """An axis of a layer's kernel that cannot shrink, and the reason, worded as the end of a sentence."""

    layer: str
    side: Literal["inputs", "outputs"]
    reason: str


@dataclass(frozen=True)
class Wiring:
    """The groups of a network, and the axes that belong to none."""

    groups: tuple[Group, ...]
    fixed: tuple[Fixed, ...]


class Wired(Protocol):
    """A module that declares its wiring and the sizes of its layers."""

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """Attribute -> value: all sizes that can shrink, by the names that the groups of the wiring use."""

    def wiring(self) -> Wiring:
        """The wiring of the network."""

    def clone(self, **updates: Any) -> Any:
        """A copy of the module with some attributes changed."""


def classifier_ends(first: str) -> tuple[Fixed, Fixed]:
    """The axes that no classifier can lose: the inputs of its first layer and the outputs of its last, the head."""
    return Fixed(first, "inputs", "they come from the image"), Fixed("head", "outputs", "they are the classes")
