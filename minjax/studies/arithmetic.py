"""The arithmetic of networks that differ only in the sizes of their layers: counted once, then scaled."""

from __future__ import annotations

import functools
import json
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
        self._pixels = {name: count // math.prod(shapes[name]) for name, count in counted.kernels.items()}
        self.own = _work(self._pixels, shapes, counted.activations)
        self._resizable = padded.Resizable(network, image_shape) if model["name"] in SIZES else None

    def of(self, sizes: Sizes) -> Work:
        """The work of the network with these sizes: every kernel is used at as many pixels, whatever its channels."""
        assert self._resizable is not None
        return _work(self._pixels, self._resizable.of(_build(resized(self._model, sizes), self._classes)))


def num_params(model: Mapping[str, Any], image_shape: tuple[int, int, int], classes: int) -> int:
    """The number of trainable parameters; of networks that differ in sizes alone, one is traced.

    Args:
        model: the configuration of the model.
        image_shape: height, width, channels.
        classes: how many classes the data have.

    Raises:
        UserError: a value that the model cannot have, or images that it cannot take.
    """
    if model["name"] not in SIZES:
        fields = {key: value for key, value in model.items() if key != "name"}
        return models.param_count(model["name"], classes, image_shape=image_shape, **fields)
    smallest = resized(model, (1,) * len(sizes(model)))
    traced = _resizable(json.dumps(smallest, sort_keys=True), image_shape, classes)
    return sum(map(math.prod, traced.of(_build(model, classes)).values()))


@functools.lru_cache(maxsize=1024)
def _resizable(model: str, image_shape: tuple[int, int, int], classes: int) -> padded.Resizable:
    return padded.Resizable(_build(json.loads(model), classes), image_shape)


def _work(pixels: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]], products: int = 0) -> Work:
    """The work of layers, given how many pixels each kernel is used at, and the shapes of the kernels."""
    kernels = [(count, shapes[name]) for name, count in pixels.items()]
    return Work(
        multiply_adds=products + sum(count * math.prod(shape) for count, shape in kernels),
        outputs=sum(count * -(-shape[-1] // LANES) * LANES for count, shape in kernels),
        layers=len(kernels),
    )


def _build(model: Mapping[str, Any], classes: int) -> Any:
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in model.items()}
    return models.build(fields.pop("name"), classes, **fields)
