"""Which layers of a network write and read the same channels, so that some can be taken out of all of them at once.

A model declares its `Wiring` in these terms (`model.wiring()`) and `minjax.compress.shrinking` reads it: neither has to
know the other. Layers are named by their path, ``stage1_block1/conv1``; a kernel's last axis is its outputs, the one
before it its inputs, in convolutions [h,w,in,out] and linear layers [in,out] alike.

A channel may be a block of numbers (a head of an attention) and lie at several places of an axis (a flattened image
has every channel at every pixel; an attention's outputs are queries, keys and values). Channel c of C then takes the
positions ``place * C * block + c * block + j`` for every place and every j < block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Source:
    """A layer whose outputs are the channels.

    Attributes:
      layer: of the kernel, and of the bias if it has one.
      norm: the batch norm right after it, if there is one.
      block: numbers of a channel; of more than one only without bias and norm.
      place: where a channel's kernel is zero, so is the channel; None: at all places. Of queries, keys and values
        the values (2) suffice.
      epsilon: of the batch norm.
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
      layer: of the kernel.
      norm: the batch norm right after it, if there is one: its mean can take up a constant where there is no bias.
      padded: a convolution that surrounds its images with zeros: at the border a constant channel is none for it.
      block: numbers of a channel.
    """

    layer: str
    norm: str | None = None
    padded: bool = False
    block: int = 1


@dataclass(frozen=True)
class Point:
    """The channels at one point of the network: activation(sum of the sources, and of the point before if carried).

    Between a point and its readers may be what keeps a constant channel as it is: pooling, flattening, dropout.
    """

    sources: tuple[Source, ...]
    readers: tuple[Reader, ...]
    activation: Literal["identity", "relu", "gelu"] = "relu"
    carried: bool = False


@dataclass(frozen=True)
class Group:
    """Channels that go together: one point between two layers, or the points along a residual stream.

    Attributes:
      name: for reports.
      points: in the network's order.
      attribute: the model's attribute, a tuple, that holds how many channels there are,
      index: and where in it.
    """

    name: str
    points: tuple[Point, ...]
    attribute: str
    index: int


@dataclass(frozen=True)
class Fixed:
    """An axis of a layer's kernel that cannot be made smaller, and the reason as the end of a sentence."""

    layer: str
    side: Literal["inputs", "outputs"]
    reason: str


@dataclass(frozen=True)
class Wiring:
    """The groups of a network, and what belongs to none."""

    groups: tuple[Group, ...]
    fixed: tuple[Fixed, ...]


class Wired(Protocol):
    """A module that says how it is wired, and of which size its layers are."""

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """Attribute -> its value: all sizes that can shrink, by the names that the wiring's groups use."""

    def wiring(self) -> Wiring:
        """The wiring of a network of these sizes."""

    def clone(self, **updates: Any) -> Any:
        """The same module with other attributes."""


def classifier_ends(first: str, last: str = "head") -> tuple[Fixed, Fixed]:
    """What no classifier can lose: the inputs of its first layer and the outputs of its last."""
    return Fixed(first, "inputs", "they are the image's"), Fixed(last, "outputs", "they are the classes")
