"""The points that are measured: what is pruned and quantized, and how, at each."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minjax.compress import FORMATS, Scheme, formats
from minjax.errors import UserError

TRAINED, REESTIMATED = "trained", "re-estimated"


@dataclasses.dataclass(frozen=True)
class Point:
    """One compressed version of a network.

    Attributes:
        curve: what it belongs to: "pruning", "quantization", "joint", "sensitivity" (of one leaf), ...
        method: of pruning; None: nothing is pruned.
        amount: fraction pruned of the prunable weights.
        exclude: patterns of leaves left alone by pruning.
        bits: of the quantized leaves; None: they stay float32.
        scheme: the name of the scheme or format.
        layer: the only leaf that is pruned or quantized; None: all prunable ones.
        bn: "trained": batch norm's statistics as they are; "re-estimated": on training images, after compression.
        activation_bits: of the inputs of every layer with a kernel; None: float32.
    """

    curve: str
    method: str | None = None
    amount: float | None = None
    exclude: tuple[str, ...] = ()
    bits: int | None = None
    scheme: str | None = None
    layer: str | None = None
    bn: str = TRAINED
    activation_bits: int | None = None

    def fields(self) -> dict[str, Any]:
        """As in a line of compression.jsonl."""
        return dataclasses.asdict(self) | {"exclude": list(self.exclude)}

    @classmethod
    def of(cls, line: dict[str, Any]) -> Point:
        """The point of a line of compression.jsonl."""
        own = {field.name: line[field.name] for field in dataclasses.fields(cls)}
        return cls(**own | {"exclude": tuple(own["exclude"])})


def amounts(count: int) -> list[float]:
    """So many fractions from 0 to 1: 21 are the paper's steps of 5 %."""
    if count < 2:
        raise UserError(f"prune.amounts is {count}; it must be at least 2: the first is 0 and the last 1")
    return [float(a) for a in np.linspace(0, 1, count)]


def pruning(
    methods: Iterable[str], amounts: Sequence[float], statistics: Sequence[str], exclude: tuple[str, ...] = ()
) -> list[Point]:
    """A curve over the amounts for each method."""
    return [
        Point("pruning", method, amount, exclude, bn=bn)
        for method, bn, amount in itertools.product(methods, statistics, amounts)
    ]


def quantization(
    bits: Iterable[int], schemes: Iterable[str], statistics: Sequence[str], activation_bits: int | None = None
) -> list[Point]:
    """A curve over the bits for each scheme; a format is a single point at its own bits."""
    points = [Point("quantization", bn=bn, activation_bits=activation_bits) for bn in statistics]
    for scheme, bn in itertools.product(schemes, statistics):
        widths = [formats.bits(scheme)] if scheme in FORMATS else bits
        points += [Point("quantization", bits=b, scheme=scheme, bn=bn, activation_bits=activation_bits) for b in widths]
    return points


def joint(
    method: str, amounts: Sequence[float], bits: Iterable[int | None], scheme: str, bn: str = TRAINED
) -> list[Point]:
    """The grid of amounts and bits; None among the bits is the unquantized row."""
    return [
        Point("joint", method, amount, bits=b, scheme=None if b is None else scheme, bn=bn)
        for b, amount in itertools.product(bits, amounts)
    ]


def sensitivity(
    leaves: Iterable[str], method: str, amounts: Sequence[float], bits: Iterable[int], scheme: str, bn: str = TRAINED
) -> list[Point]:
    """Each leaf alone: pruned by each amount, and quantized to each of the bits."""
    points = []
    for leaf in leaves:
        points += [Point("sensitivity", method, amount, layer=leaf, bn=bn) for amount in amounts]
        points += [Point("sensitivity", bits=b, scheme=scheme, layer=leaf, bn=bn) for b in bits]
    return points


def scheme_name(symmetric: bool, per_channel: bool, clip: str) -> str:
    """The name under which a scheme stands in records."""
    return str(Scheme(symmetric, per_channel, clip))


def parse_scheme(name: str) -> Scheme | str:
    """The scheme of a name such as "symmetric_channel_minmax", or the name of a format.

    Raises:
        UserError: neither.
    """
    if name in FORMATS:
        return name
    parts = name.split("_")
    if len(parts) == 3 and parts[0] in ("symmetric", "asymmetric") and parts[1] in ("channel", "tensor"):
        return Scheme(parts[0] == "symmetric", parts[1] == "channel", parts[2])
    raise UserError(
        f"unknown quantization scheme {name!r}; it is (symmetric|asymmetric)_(channel|tensor)_(minmax|percentile|mse), "
        f"or one of {', '.join(FORMATS)}"
    )
