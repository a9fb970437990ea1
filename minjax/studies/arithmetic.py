"""The arithmetic of networks that differ only in the sizes of their layers: counted once, then scaled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from minjax import models, tree
from minjax.compress import macs
from minjax.models import padded
from minjax.studies.cost import LANES, Work

# Family -> the field of the model that holds the sizes of its layers. Networks that differ only in it can be padded to
# a common size (`minjax.models.padded`).
SIZES = {"dnn": "widths", "cnn": "channels", "resnet": "width"}

Sizes = tuple[int, ...]


def sizes(model: Mapping[str, Any]) -> Sizes:
    """The sizes that a resolved configuration of a model of one of the families `SIZES` has."""
    value = model[SIZES[model["name"]]]
    return (value,) if isinstance(value, int) else tuple(value)


def resized(model: Mapping[str, Any], sizes: Sizes) -> dict[str, Any]:
    """The configuration of the same model with other sizes."""
    field = SIZES[model["name"]]
    return {**model, field: sizes[0] if isinstance(model[field], int) else list(sizes)}


class Arithmetic:
    """The work of a network, and of those that differ from it in sizes alone.

    Attributes:
        own: of the network itself.
    """

    def __init__(self, model: Mapping[str, Any], image_shape: tuple[int, int, int], classes: int):
        """Trace the network; nothing is computed.

        Args:
            model: the resolved configuration of the model.
            image_shape: height, width, channels.
            classes: how many classes the data have.
        """
        self._model, self._classes = model, classes
        network = _build(model, classes)
        images = jnp.zeros((1, *image_shape))
        variables = jax.eval_shape(partial(network.init, train=False), jax.random.key(0), images)
        counted = macs.multiply_adds(partial(network.apply, train=False), variables, image_shape)
        shapes = {name: leaf.shape for name, leaf in tree.leaves(variables["params"]).items()}
        self._kernels = {
            name: (count // math.prod(shapes[name]), shapes[name]) for name, count in counted.kernels.items()
        }
        self.own = _work(self._kernels, counted.activations)
        if model["name"] in SIZES:
            self._axes = padded.channel_axes(network, image_shape)
            self._counts = padded.channel_counts(network)

    def of(self, sizes: Sizes) -> Work:
        """The work of the network with these sizes: every kernel is used at as many pixels, whatever its channels."""
        own = padded.channel_counts(_build(resized(self._model, sizes), self._classes))
        kernels = {}
        for name, (pixels, shape) in self._kernels.items():
            axes = zip(shape, self._axes[name], strict=True)
            resized_to = (size if group is None else size // self._counts[group] * own[group] for size, group in axes)
            kernels[name] = pixels, tuple(resized_to)
        return _work(kernels)


def _work(kernels: Mapping[str, tuple[int, tuple[int, ...]]], products: int = 0) -> Work:
    """The work of layers, given the pixels that each kernel is used at and its shape."""
    return Work(
        multiply_adds=products + sum(pixels * math.prod(shape) for pixels, shape in kernels.values()),
        outputs=sum(pixels * -(-shape[-1] // LANES) * LANES for pixels, shape in kernels.values()),
        layers=len(kernels),
    )


def _build(model: Mapping[str, Any], classes: int) -> Any:
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in model.items()}
    return models.build(fields.pop("name"), classes, **fields)
