"""The networks that are compared: name -> the network on both sides, its batch size and its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Network:
    """A network to compare.

    Attributes:
        model: the name of minjax's model.
        batch: images per step.
        image: (height, width, channels).
        torch: takes the module `torch_models`, returns the PyTorch module with 10 classes.
        fields: fields of minjax's model.
    """

    model: str
    batch: int
    image: tuple[int, int, int]
    torch: Callable[[Any], Any]
    fields: dict[str, Any] = field(default_factory=dict)


_COLOUR, _GREY = (32, 32, 3), (28, 28, 1)
_WIDE, _SMALL = (256, 256, 256), (32,)

NETWORKS = {
    "resnet18_s-128": Network("resnet18_s", 128, _COLOUR, lambda m: m.TWINS["resnet18_s"](10)),
    "resnet18_s-8": Network("resnet18_s", 8, _COLOUR, lambda m: m.TWINS["resnet18_s"](10)),
    "resnet18-128": Network("resnet18", 128, _COLOUR, lambda m: m.resnet18(10)),
    "vgg16_s-128": Network("vgg16_s", 128, _COLOUR, lambda m: m.TWINS["vgg16_s"](10)),
    "vit_s-128": Network("vit_s", 128, _COLOUR, lambda m: m.vit_s(10)),
    "dnn-256x3-128": Network("dnn", 128, _GREY, lambda m: m.dnn(10, _WIDE, 784), {"widths": _WIDE}),
    "dnn-32-128": Network("dnn", 128, _GREY, lambda m: m.dnn(10, _SMALL, 784), {"widths": _SMALL}),
}
