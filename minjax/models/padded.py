"""Narrow networks inside a wider one, so that one compiled program trains networks of many widths: any wired family.

A missing unit or channel has zero weights in and out, no bias, and a scale and shift of zero in its batch norm. Its
activation is relu(0) = 0 and the derivative there is 0, so nothing flows into its weights from either side: they stay
zero under every optimizer and under weight decay, and all that the narrow network computes is computed, plus zeros. No
mask is needed in the step.

Dropout would draw other masks in a wider layer, so it is not for networks that have it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import flax.struct
import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from minjax import tree
from minjax.models import initializers
from minjax.wiring import Group

Axes = tuple[int | None, ...]  # for each axis of a leaf, which group its channels belong to


@flax.struct.dataclass
class Live:
    """What is real of a padded network; any leading axes for a population.

    Attributes:
        channels: int32 [..., groups], the channels of each group of the wiring.
        scales: leaf name -> float32 [...], what a drawn kernel or bias is multiplied by.
    """

    channels: jax.Array | np.ndarray
    scales: dict[str, Any]


def live(model: Any, image_shape: tuple[int, int, int]) -> Live:
    """What is real where this network is padded, as NumPy arrays: exactly what an unpadded one computes on the host.

    Args:
        model: the narrow network.
        image_shape: height, width, channels.
    """
    init = model.initialization
    scales = {}
    shapes = _shapes(model, image_shape)["params"]
    for name, shape in shapes.items():
        layer, _, kind = name.rpartition("/")
        if kind == "kernel":
            inputs = initializers.fan_in(shape)
            scales[name] = np.float32(initializers.scale(init, inputs, rectified=_rectified(layer)))
            if f"{layer}/bias" in shapes:
                scales[f"{layer}/bias"] = np.float32(initializers.bias_scale(init, inputs))
    return Live(np.array(channel_counts(model), np.int32), scales)


def initial(model: Any, real: Live, image_shape: tuple[int, int, int], key: jax.Array) -> dict[str, Any]:
    """The variables that the narrow network is initialised with, in the arrays of the wide one.

    Args:
        model: the wide network.
        real: of the narrow one; may be traced.
        image_shape: height, width, channels.
        key: of `model.init({"params": key}, ...)`.

    Returns:
        {"params": ..., "batch_stats": ...}, float32. What is live is the narrow network's own: to the bit for uniform
        numbers, within the last place for normal ones (`init="he"`). The rest is zero, but for the variances of missing
        channels, which are 1.
    """
    if model.dropout:
        raise ValueError("a network with dropout cannot be padded")
    shapes, axes = _shapes(model, image_shape), channel_axes(model, image_shape)
    counts = channel_counts(model)
    drawn = {name.rpartition("/")[0] for name in shapes["params"] if name.endswith("/kernel")}
    keys = _Keys(tuple(sorted({*drawn}))).init(key)["params"]
    params = {}
    for name, shape in shapes["params"].items():
        layer, _, kind = name.rpartition("/")
        place, inside = _places(shape, axes[name], counts, real.channels)
        if layer not in drawn:  # a batch norm
            value: Any = jnp.full(shape, 1.0 if kind == "scale" else 0.0)
        elif kind == "bias" and model.initialization != "paper":
            value = jnp.zeros(shape)
        else:
            own = keys
            for part in layer.split("/"):
                own = own[part]
            row = initializers.unit(model.initialization, own[kind], math.prod(shape))
            value = real.scales[name] * row[place]
        params[name] = jnp.where(inside, value, 0)
    variables = {"params": _nested(params)}
    if "batch_stats" in shapes:
        stats = {name: jnp.full(shape, float(name.endswith("var"))) for name, shape in shapes["batch_stats"].items()}
        variables["batch_stats"] = _nested(stats)
    return variables


def where_live(model: Any, real: Live, image_shape: tuple[int, int, int]) -> dict[str, jax.Array]:
    """Leaf name -> bool of the wide leaf's shape: which of its numbers are the narrow network's."""
    axes, counts = channel_axes(model, image_shape), channel_counts(model)
    shapes = _shapes(model, image_shape)["params"]
    return {name: _places(shape, axes[name], counts, real.channels)[1] for name, shape in shapes.items()}


def cut(params: Any, model: Any, narrow: Any, image_shape: tuple[int, int, int]) -> Any:
    """The narrow network's own parameters (or statistics) out of the wide one's, on the host.

    Args:
        params: of the wide network.
        model: the wide network.
        narrow: the narrow one.
        image_shape: height, width, channels.
    """
    axes, wide, own = channel_axes(model, image_shape), channel_counts(model), channel_counts(narrow)
    found = {}
    for name, leaf in tree.leaves(params).items():
        result = np.asarray(leaf)
        for axis, group in enumerate(axes[name]):
            if group is not None:
                index = np.arange(result.shape[axis])
                result = np.take(result, index[index % wide[group] < own[group]], axis=axis)
        found[name] = result
    return _nested(found)


class Resizable:
    """The shapes of the parameters of networks that differ in the sizes of their layers alone, from a trace of one.

    Attributes:
        shapes: leaf name -> those of the network itself.
    """

    def __init__(self, model: Any, image_shape: tuple[int, int, int]):
        """Trace a network; nothing is computed.

        Raises:
            UserError: it cannot take the images.
        """
        self.shapes = _shapes(model, image_shape)["params"]
        self._axes, self._counts = channel_axes(model, image_shape), channel_counts(model)

    def of(self, other: Any) -> dict[str, tuple[int, ...]]:
        """Leaf name -> the shapes of another such network."""
        own, found = channel_counts(other), {}
        for name, shape in self.shapes.items():
            axes = zip(shape, self._axes[name], strict=True)
            resized = (size if group is None else size // self._counts[group] * own[group] for size, group in axes)
            found[name] = tuple(resized)
        return found


def sizes(model: Any, image_shape: tuple[int, int, int]) -> dict[str, int]:
    """Leaf name -> how many numbers it has, of the parameters of a network that is not padded."""
    return {name: math.prod(shape) for name, shape in _shapes(model, image_shape)["params"].items()}


def _rectified(layer: str) -> bool:
    """Whether a ReLU follows a layer, as its module says."""
    return layer.split("/")[-1].startswith(("conv", "hidden", "shortcut_conv"))


def _nested(leaves: Mapping[str, Any]) -> Any:
    return flax.traverse_util.unflatten_dict({tuple(name.split("/")): leaf for name, leaf in leaves.items()})


def _shapes(model: Any, image_shape: tuple[int, int, int]) -> dict[str, dict[str, tuple[int, ...]]]:
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    variables = jax.eval_shape(lambda key, x: model.init(key, x, train=False), jax.random.key(0), images)
    return {
        kind: {name: tuple(leaf.shape) for name, leaf in tree.leaves(part).items()} for kind, part in variables.items()
    }


def _groups(model: Any) -> tuple[Group, ...]:
    return model.wiring().groups


def channel_counts(model: Any) -> list[int]:
    """Channels of each group."""
    sizes = model.layer_sizes()
    return [sizes[group.attribute][group.index] for group in _groups(model)]


def channel_axes(model: Any, image_shape: tuple[int, int, int]) -> dict[str, Axes]:
    """Leaf name -> the groups of its axes, for parameters and statistics."""
    outputs: dict[str, int] = {}
    inputs: dict[str, int] = {}
    for index, group in enumerate(_groups(model)):
        for point in group.points:
            for source in point.sources:
                outputs[source.layer] = index
                if source.norm is not None:
                    outputs[source.norm] = index
            if point.depthwise is not None:
                outputs[point.depthwise.layer] = index
            inputs |= {reader.layer: index for reader in point.readers}
    found = {}
    for part in _shapes(model, image_shape).values():
        for name, shape in part.items():
            layer = name.rpartition("/")[0]
            sides = [inputs.get(layer), outputs.get(layer)] if len(shape) > 1 else [outputs.get(layer)]
            found[name] = (*[None] * (len(shape) - len(sides)), *sides)
    return found


def _places(
    shape: tuple[int, ...], axes: Axes, counts: list[int], channels: jax.Array | np.ndarray
) -> tuple[jax.Array, jax.Array]:
    """For each number of a wide leaf its place in the narrow one, in row-major order, and whether it is in that."""
    place: Any = jnp.zeros((), jnp.int32)
    inside: Any = jnp.ones((), bool)
    for axis, (size, group) in enumerate(zip(shape, axes, strict=True)):
        index: Any = jnp.arange(size)
        length: Any = size
        if group is not None:  # a flattened image has every channel at every pixel
            own = channels[group]
            inside = inside[..., None] & (index % counts[group] < own)
            index, length = index // counts[group] * own + index % counts[group], size // counts[group] * own
        else:
            inside = jnp.broadcast_to(inside[..., None], shape[: axis + 1])
        place = place[..., None] * length + index
    return place, inside


class _Keys(nn.Module):
    """The key that Linen gives each parameter: modules with the names of the real ones, whose parameters are keys."""

    names: tuple[str, ...]

    @nn.compact
    def __call__(self) -> None:
        inner: dict[str, list[str]] = {}
        for name in self.names:
            first, _, rest = name.partition("/")
            inner.setdefault(first, []).extend([rest] if rest else [])
        for first, names in inner.items():
            if names:
                _Keys(tuple(names), name=first)()
            else:
                _LayerKeys(name=first)()


class _LayerKeys(nn.Module):
    @nn.compact
    def __call__(self) -> None:
        self.param("kernel", lambda key: key)
        self.param("bias", lambda key: key)
