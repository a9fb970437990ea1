"""The families of networks that a study compares: the three of paper 2 (Zheng et al., arXiv 2601.17987) and ResNets.

Of paper 2 only the abstract was at hand, so the shapes are minjax's own: the width named is that of the widest layer,
*decreasing* halves it layer by layer, *increasing* is the reverse.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from minjax.config import FIELDS
from minjax.config.kinds import Integer
from minjax.config.study import SHAPES
from minjax.errors import UserError, unknown
from minjax.studies.convolutional import kinds
from minjax.studies.grid import Choice, values_of

DEPTHS, WIDTHS = FIELDS["study.dnn.depths"].default, FIELDS["study.dnn.widths"].default
CHANNELS = FIELDS["study.cnn.channels"].default


def layer_sizes(depth: int, width: int, shape: str) -> tuple[int, ...]:
    """The sizes of `depth` layers whose widest has `width` units.

    Each layer of "decreasing" is half as wide as the one before, rounded as Python rounds (half to even, as everywhere
    in minjax), and at least 1.

    >>> layer_sizes(4, 50, "decreasing")
    (50, 25, 12, 6)

    Raises:
        UserError: an unknown shape, or a depth or width that is not a positive integer.
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

    A single layer has one shape, called equal whatever `shapes` are asked for, and the linear classifier, of depth 0,
    is one network, called dnn-0. Some networks have several names (all shapes of width 1, for example):
    `points.distinct` finds them.

    Raises:
        UserError: an axis without values, with one twice, or with one that cannot be (a width of 0, say).
    """
    depths, widths = _checked("dnn.depths", depths), _checked("dnn.widths", widths)
    shapes = _ordered("dnn.shapes", shapes)
    linear = Choice("dnn-0", {"depth": 0, "shape": "equal"}, {"model.name": "dnn", "model.widths": ()})
    return [linear] * (0 in depths) + [
        Choice(
            f"dnn-{depth}-{shape}-{width}",
            {"depth": depth, "shape": shape, "width": width},
            {"model.name": "dnn", "model.widths": layer_sizes(depth, width, shape)},
        )
        for depth in depths
        if depth
        for shape in (shapes if depth > 1 else ["equal"])
        for width in widths
    ]


def cnn(
    channels: Sequence[int] = CHANNELS,
    depths: Sequence[int] = DEPTHS,
    shapes: Sequence[str] = ("equal",),
    *,
    blocks: Sequence[str] = ("plain",),
    stem_kernels: Sequence[int] = (3,),
    kernels: Sequence[int] = (3,),
    stems: Sequence[str] = ("full",),
    halvings: Sequence[int] = (0,),
    downsamplings: Sequence[str] = ("stride",),
    paddings: Sequence[str] = ("VALID",),
    heads: Sequence[str] = ("flatten",),
    batch_norms: Sequence[bool] = (False,),
) -> list[Choice]:
    """Convolutional networks: every depth, shape, number of channels (of the widest layer) and kind.

    By default those of paper 2: an unpadded 3x3 convolution removes two pixels from height and width, so that 8x8
    images allow a depth of 3 at most. The further axes are those of `convolutional.Kind`; kinds that are the same
    network at a depth (separable blocks in a network of one convolution) are one.

    Raises:
        UserError: as `dnn`.
    """
    depths, channels = _checked("cnn.depths", depths), _checked("cnn.channels", channels)
    shapes = _ordered("cnn.shapes", shapes)
    given = {
        "blocks": blocks,
        "stem_kernels": stem_kernels,
        "kernels": kernels,
        "stems": stems,
        "halvings": halvings,
        "downsamplings": downsamplings,
        "paddings": paddings,
        "heads": heads,
        "batch_norms": batch_norms,
    }
    axes = [_checked(f"cnn.{axis}", values) for axis, values in given.items()]
    found = []
    for depth in depths:
        for shape, kind, n in itertools.product(shapes if depth > 1 else ["equal"], kinds(axes, depth), channels):
            overrides = {"channels": kind.channels(layer_sizes(depth, n, shape)), **kind.fields(depth)}
            found.append(
                Choice(
                    f"cnn-{depth}-{shape}-{n}{kind.suffix()}",
                    {"depth": depth, "shape": shape, "channels": n, **kind.labels()},
                    {"model.name": "cnn", **{f"model.{field}": value for field, value in overrides.items()}},
                )
            )
    return found


def resnet(
    depths: Sequence[int] = FIELDS["study.resnet.depths"].default,
    widths: Sequence[int] = FIELDS["study.resnet.widths"].default,
) -> list[Choice]:
    """The ResNets for small images: every depth, 6n + 2, and width of the first stage.

    Raises:
        UserError: as `dnn`, or another depth.
    """
    depths, widths = _checked("resnet.depths", depths), _checked("resnet.widths", widths)
    for depth in depths:
        if depth < 8 or depth % 6 != 2:
            raise UserError(f"the axis resnet.depths has {depth}; each must be 6n + 2: 8, 14, 20, 26, ...")
    return [
        Choice(
            f"resnet-{depth}-{width}",
            {"depth": depth, "width": width},
            {"model.name": "resnet", "model.depth": depth, "model.width": width},
        )
        for depth, width in itertools.product(depths, widths)
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
    given = {"depths": depths, "dims": dims, "heads": heads, "mlp_dims": mlp_dims}
    axes = [_checked(f"vit.{axis}", values) for axis, values in given.items()]
    found: list[Choice] = []
    for depth, dim, count, hidden in itertools.product(*axes):
        labels = {"depth": depth, "dim": dim, "heads": count, "mlp_dim": dim if hidden is None else hidden}
        if any(labels == other.labels for other in found):  # None and the same number
            continue
        overrides = {"model.name": "vit", **{f"model.{field}": value for field, value in labels.items()}}
        found.append(Choice("-".join(map(str, ("vit", *labels.values()))), labels, overrides))
    return found


FAMILIES: dict[str, Callable[..., list[Choice]]] = {"dnn": dnn, "cnn": cnn, "vit": vit, "resnet": resnet}


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


def _checked(axis: str, values: Any) -> tuple[Any, ...]:
    """The values of a family's axis, as the field of the configuration allows them."""
    return FIELDS[f"study.{axis}"].kind.check(axis, values_of(axis, values))


def _ordered(axis: str, values: Any) -> list[str]:
    """Shapes in the order of `SHAPES`."""
    chosen = values_of(axis, values)
    wrong = [shape for shape in chosen if shape not in SHAPES]
    if wrong:
        raise unknown("shape", wrong[0], SHAPES)
    return [shape for shape in SHAPES if shape in chosen]
