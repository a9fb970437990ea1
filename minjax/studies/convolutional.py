"""The kinds of CNN that a grid has beside paper 2's: what each sets, is labelled by and is called."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Kind:
    """Everything about a CNN of a grid but its depth and channels; the defaults are paper 2's network.

    Attributes:
        block: of the convolutions after the first, "plain" or "separable".
        stem_kernel: pixels along each side of the first convolution's kernel.
        kernel: of the other convolutions' kernels.
        stem: channels of the first convolution, "full" or "half" as many as the shape says.
        halvings: how many convolutions, from the first on, halve the image.
        downsampling: how: "stride" or "pool".
        padding: "VALID" or "SAME".
        head: what is before the linear layer, "flatten" or "average".
        batch_norm: whether it follows each convolution.
    """

    block: str = "plain"
    stem_kernel: int = 3
    kernel: int = 3
    stem: str = "full"
    halvings: int = 0
    downsampling: str = "stride"
    padding: str = "VALID"
    head: str = "flatten"
    batch_norm: bool = False

    def of_depth(self, depth: int) -> Kind:
        """The same network under one name: without what makes no difference at this depth."""
        halvings = min(self.halvings, depth)
        kept = dataclasses.replace(self, halvings=halvings)
        if depth == 1:
            kept = dataclasses.replace(kept, block="plain", kernel=3, stem="full")
        return kept if halvings else dataclasses.replace(kept, downsampling="stride")

    def channels(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The channels of a network whose shape says `sizes`."""
        first = max(1, round(sizes[0] / 2)) if self.stem == "half" else sizes[0]
        return (first, *sizes[1:])

    def fields(self, depth: int) -> dict[str, Any]:
        """The model's fields that differ from their defaults, without the section's name, as few as possible."""
        found: dict[str, Any] = {}
        kernels = (self.stem_kernel, *[self.kernel] * (depth - 1))
        if len(set(kernels)) > 1:
            found["kernel_sizes"] = kernels
        elif kernels[0] != 3:
            found["kernel_size"] = kernels[0]
        if self.halvings:
            steps = (2,) * self.halvings + (1,) * (depth - self.halvings)
            found["strides" if self.downsampling == "stride" else "pools"] = steps
        given = {
            "separable": self.block == "separable",
            "padding": "" if self.padding == "VALID" else self.padding,
            "global_pool": self.head == "average",
            "batch_norm": self.batch_norm,
        }
        return found | {field: value for field, value in given.items() if value}

    def labels(self) -> dict[str, Any]:
        """The coordinates that differ from paper 2's network."""
        plain = Kind()
        return {name: value for name, value in dataclasses.asdict(self).items() if value != getattr(plain, name)}

    def suffix(self) -> str:
        """What the name of such a network ends with, such as "-separable-stem5-kernel5-half-stride2-same-norm"."""
        parts = {
            "block": self.block,
            "stem_kernel": f"stem{self.stem_kernel}",
            "kernel": f"kernel{self.kernel}",
            "stem": self.stem,
            "halvings": f"{self.downsampling}{self.halvings}",
            "padding": self.padding.lower(),
            "head": self.head,
            "batch_norm": "norm",
        }
        labels = self.labels()
        return "".join(f"-{part}" for label, part in parts.items() if label in labels)


LABELS = tuple(field.name for field in dataclasses.fields(Kind))


def kinds(axes: Sequence[Sequence[Any]], depth: int) -> list[Kind]:
    """Every combination of the axes' values for networks of a depth, each network once.

    Args:
        axes: the values of each attribute of `Kind`, in its order.
        depth: how many convolutions.
    """
    return list(dict.fromkeys(Kind(*values).of_depth(depth) for values in itertools.product(*axes)))
