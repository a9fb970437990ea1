"""Which networks a study compares: named overrides of the configuration, for the three families of paper 2 (Zheng et
al., arXiv 2601.17987) and for any field.

A generator returns `Choice`s; nothing is built here, and no data is needed. Of paper 2 only the abstract was at hand,
so the shapes are minjax's own: the width named is that of the widest layer, *decreasing* halves it layer by
layer, *increasing* is the reverse.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minjax.config import FIELDS
from minjax.config.kinds import Each, Integer, OrNone
from minjax.config.study import SHAPES
from minjax.errors import UserError, unknown

DEPTHS, WIDTHS = FIELDS["study.dnn.depths"].default, FIELDS["study.dnn.widths"].default
CHANNELS = FIELDS["study.cnn.channels"].default


@dataclasses.dataclass(frozen=True)
class Axis:
    """One field of the configuration and the values that it takes: ``Axis("optimizer.learning_rate", (0.1, 0.01))``.

    Raises:
        UserError: no values, or one of them twice.
    """

    field: str
    values: Sequence[Any]

    def __post_init__(self):
        object.__setattr__(self, "values", _values(self.field, self.values))


@dataclasses.dataclass(frozen=True)
class Choice:
    """One point of a grid before it is applied to a configuration.

    Attributes:
        name: short, for people.
        labels: its coordinates on the grid's own axes, such as {"depth": 2, "shape": "equal", "width": 50}.
        overrides: the fields that it sets: name with dots -> value.
    """

    name: str
    labels: Mapping[str, Any]
    overrides: Mapping[str, Any]


def layer_sizes(depth: int, width: int, shape: str) -> tuple[int, ...]:
    """The sizes of `depth` layers whose widest has `width` units.

    Each layer of "decreasing" is half as wide as the one before, rounded as Python rounds (half to even, as everywhere
    in minjax), and at least 1.

    >>> layer_sizes(4, 50, "decreasing")
    (50, 25, 12, 6)

    Raises:
        UserError: an unknown shape, or a depth or width that is no positive integer.
    """
    for field, value in (("depth", depth), ("width", width)):
        Integer(1).check(field, value)
    if shape not in SHAPES:
        raise unknown("shape", shape, SHAPES)
    sizes = [width]
    while len(sizes) < depth:
        sizes.append(width if shape == "equal" else max(1, round(sizes[-1] / 2)))
    return tuple(sizes[::-1] if shape == "increasing" else sizes)


def dnn(depths: Sequence[int] = DEPTHS, widths: Sequence[int] = WIDTHS, shapes: Sequence[str] = SHAPES) -> list[Choice]:
    """Fully connected networks: every depth, shape and width; by default paper 2's 120 points.

    A single layer has one shape, called equal whatever `shapes` are asked for. Some networks have several names (all
    shapes of width 1, for example): `points.distinct` finds them.

    Raises:
        UserError: an axis without values, with one twice, or with one that cannot be (a width of 0, say).
    """
    return _layered("dnn", "widths", "width", depths, widths, shapes)


def cnn(
    channels: Sequence[int] = CHANNELS, depths: Sequence[int] = DEPTHS, shapes: Sequence[str] = ("equal",)
) -> list[Choice]:
    """Convolutional networks: every depth, shape and number of channels (of the widest layer).

    An unpadded 3x3 convolution removes two pixels from height and width: 8x8 images allow a depth of 3 at most.

    Raises:
        UserError: as `dnn`.
    """
    return _layered("cnn", "channels", "channels", depths, channels, shapes)


def _layered(
    family: str, field: str, size: str, depths: Sequence[int], sizes: Sequence[int], shapes: Sequence[str]
) -> list[Choice]:
    depths, sizes = _whole(f"{family}.depths", depths), _whole(f"{family}.{field}", sizes)
    wrong = [shape for shape in _values(f"{family}.shapes", shapes) if shape not in SHAPES]
    if wrong:
        raise unknown("shape", wrong[0], SHAPES)
    ordered = [shape for shape in SHAPES if shape in shapes]
    return [
        Choice(
            f"{family}-{depth}-{shape}-{n}",
            {"depth": depth, "shape": shape, size: n},
            {"model.name": family, f"model.{field}": layer_sizes(depth, n, shape)},
        )
        for depth in depths
        for shape in (ordered if depth > 1 else ["equal"])
        for n in sizes
    ]


def vit(
    depths: Sequence[int] = DEPTHS,
    dims: Sequence[int] = (8, 16, 32, 64, 128),
    heads: Sequence[int] = (4,),
    mlp_dims: Sequence[int | None] = (None,),
) -> list[Choice]:
    """Vision transformers: every depth, width of a token, number of heads and of hidden units.

    Args:
        depths: how many blocks.
        dims: the width of a token.
        heads: how many heads, which must divide the width; `points.points` reports those that do not, or skips them.
        mlp_dims: hidden units of the blocks and of the head; None: as many as the width.

    Raises:
        UserError: as `dnn`.
    """
    mlp_dims = Each(OrNone(Integer(1))).check("vit.mlp_dims", _values("vit.mlp_dims", mlp_dims))
    axes = (_whole("vit.depths", depths), _whole("vit.dims", dims), _whole("vit.heads", heads), mlp_dims)
    found: list[Choice] = []
    for depth, dim, count, given in itertools.product(*axes):
        labels = {"depth": depth, "dim": dim, "heads": count, "mlp_dim": dim if given is None else given}
        if any(labels == other.labels for other in found):  # None and the same number
            continue
        overrides = {"model.name": "vit", **{f"model.{field}": value for field, value in labels.items()}}
        found.append(Choice("-".join(map(str, ("vit", *labels.values()))), labels, overrides))
    return found


FAMILIES: dict[str, Callable[..., list[Choice]]] = {"dnn": dnn, "cnn": cnn, "vit": vit}


def family(name: str, **axes: Sequence[Any]) -> list[Choice]:
    """The grid of a family by its name, with some of its axes given.

    Raises:
        UserError: no such family or axis, or as the family's own function.
    """
    if name not in FAMILIES:
        raise unknown("family of a study", name, FAMILIES)
    known = inspect.signature(FAMILIES[name]).parameters
    for axis in axes:
        if axis not in known:
            raise unknown(f"axis of the {name} grid", axis, known)
    return FAMILIES[name](**axes)


def sweep(axes: Mapping[str, Sequence[Any]] | Iterable[Axis | tuple[str, Sequence[Any]]]) -> list[Choice]:
    """Every combination of the values of some fields, the last axis fastest.

    >>> [choice.name for choice in sweep({"model.widths": [(20,), (50, 25)], "epochs": [9]})]
    ['widths=20-epochs=9', 'widths=50x25-epochs=9']

    Labels and names have the last part of a field's name, or all of it where two axes share the last part.

    Raises:
        UserError: no axis, an axis without values or with one twice, or two axes of one field.
    """
    pairs = axes.items() if isinstance(axes, Mapping) else axes
    listed = [axis if isinstance(axis, Axis) else Axis(*axis) for axis in pairs]
    fields = [axis.field for axis in listed]
    if not fields:
        raise UserError("the grid is empty: it has no axis; for example {'model.widths': [(20,), (50,)]}")
    for field in fields:
        if fields.count(field) > 1:
            raise UserError(f"the axis {field} is given twice")
    last = [field.rpartition(".")[2] for field in fields]
    keys = [short if last.count(short) == 1 else field for short, field in zip(last, fields, strict=True)]
    return [
        Choice(
            "-".join(f"{key}={_short(value)}" for key, value in zip(keys, values, strict=True)),
            dict(zip(keys, values, strict=True)),
            dict(zip(fields, values, strict=True)),
        )
        for values in itertools.product(*(axis.values for axis in listed))
    ]


def product(first: Sequence[Choice], second: Sequence[Choice]) -> list[Choice]:
    """Every choice of the first with every one of the second: a family at three learning rates, say.

    Raises:
        UserError: both set one field, or have one label.
    """
    for part in ("overrides", "labels"):
        one, other = (set().union(*(getattr(choice, part) for choice in side)) for side in (first, second))
        if one & other:
            raise UserError(f"the axis {min(one & other)} is given twice")
    return [
        Choice(f"{a.name}-{b.name}", {**a.labels, **b.labels}, {**a.overrides, **b.overrides})
        for a, b in itertools.product(first, second)
    ]


def fixed(choices: Iterable[Choice], overrides: Mapping[str, Any]) -> list[Choice]:
    """The same choices with further fields set that are no axis: a patch size for the transformers alone, say.

    Raises:
        UserError: a field that a choice sets itself.
    """
    listed = list(choices)
    for choice in listed:
        if both := set(overrides) & set(choice.overrides):
            raise UserError(f"{min(both)} is fixed, and an axis of the grid too ({choice.name})")
    return [dataclasses.replace(choice, overrides={**overrides, **choice.overrides}) for choice in listed]


def _values(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise UserError(f"the axis {name} is {values!r}; it must be a list of values")
    listed = tuple(values)
    if not listed:
        raise UserError(f"the grid is empty: the axis {name} has no values")
    for value in listed:
        if listed.count(value) > 1:
            raise UserError(f"the axis {name} has {value!r} twice")
    return listed


def _whole(name: str, values: Any) -> tuple[int, ...]:
    return Each(Integer(1)).check(name, _values(name, values))


def _short(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "x".join(map(_short, value)) or "none"
    return "none" if value is None else str(value)
