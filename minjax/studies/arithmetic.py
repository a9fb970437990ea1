"""The arithmetic of networks that differ only in the sizes of their layers: counted once, then scaled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from minjax import models
from minjax.compress import macs
from minjax.models import padded

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
    """Multiply-adds of a network, and of those that differ from it in sizes alone.

    Attributes:
        layers: how many layers have kernels.
        total: multiply-adds of the network itself for one image, forward.
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
        self.total, self.layers = counted.total, len(counted.kernels)
        if model["name"] in SIZES:
            self._axes = padded.channel_axes(network, image_shape)
            self._counts, self._kernels = padded.channel_counts(network), counted.kernels

    def of(self, sizes: Sizes) -> int:
        """Multiply-adds for one image of the network with these sizes.

        A kernel's are proportional to the channels along each of its axes.
        """
        own = padded.channel_counts(_build(resized(self._model, sizes), self._classes))
        total = 0
        for name, count in self._kernels.items():
            groups = [group for group in self._axes[name] if group is not None]
            here, there = (math.prod(counts[group] for group in groups) for counts in (self._counts, own))
            total += count // here * there
        return total


def _build(model: Mapping[str, Any], classes: int) -> Any:
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in model.items()}
    return models.build(fields.pop("name"), classes, **fields)
