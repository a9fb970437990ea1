"""`minjax models NAME`: the layers of a network as a table, from shapes alone; nothing is trained or allocated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax import models
from minjax.deploy import sheet
from minjax.errors import UserError
from minjax.models.counts import parameter_shapes

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """A module that has parameters of its own.

    Attributes:
        name: its path in the network; of the network itself, the names of its parameters.
        kind: its class.
        output: the shape of its output for one image.
        params: its trainable numbers.
    """

    name: str
    kind: str
    output: Shape
    params: int


def layers(name: str, num_classes: int, image_shape: tuple[int, int, int], **fields: Any) -> list[Layer]:
    """The layers with parameters, in the order in which they are computed.

    Args:
        name: one of `minjax.models.NAMES`.
        num_classes: number of outputs.
        image_shape: height, width, channels.
        **fields: of the model, as for `minjax.models.build`.

    Raises:
        UserError: as for `build`, or images that the network cannot take.
    """
    model = models.build(name, num_classes, **fields)
    variables = parameter_shapes(name, num_classes, image_shape, **fields)
    found: list[Layer] = []

    def record(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        result = call(*args, **kwargs)
        own = _own(variables["params"], context.module.path)
        if context.method_name == "__call__" and own:
            path = "/".join(context.module.path) or ", ".join(own)
            found.append(Layer(path, type(context.module).__name__, result.shape[1:], sum(own.values())))
        return result

    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    with nn.intercept_methods(record):
        jax.eval_shape(lambda v, x: model.apply(v, x, train=False), variables, images)
    return found


def _own(params: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, int]:
    """How many numbers the parameters of the module at `path` have, without those of the modules in it."""
    for part in path:
        params = params.get(part, {})
    return {name: math.prod(leaf.shape) for name, leaf in params.items() if not isinstance(leaf, Mapping)}


def table(name: str, num_classes: int, image_shape: tuple[int, int, int], **fields: Any) -> str:
    """The layers as text, then parameters, multiply-adds and memory in float32.

    Raises:
        UserError: as `layers`.
    """
    found = layers(name, num_classes, image_shape, **fields)
    rows = [(layer.name, layer.kind, _by(layer.output), f"{layer.params:,}") for layer in found]
    rows = [("layer", "kind", "output", "parameters"), *rows]
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}" for a, b, c, d in rows]
    model = models.build(name, num_classes, **fields)
    needs = sheet.of_shapes(model, parameter_shapes(name, num_classes, image_shape, **fields), image_shape)
    return "\n".join(
        [
            *lines,
            "",
            f"{name}, {num_classes} classes, images of {_by(image_shape)} (height x width x channels)",
            f"parameters            {needs.num_params:,}",
            f"multiply-adds         {needs.macs:,} for one image",
            f"weights in float32    {4 * needs.num_params:,} bytes",
            f"input, float32        {4 * math.prod(image_shape):,} bytes for one image",
            f"outputs, float32      {4 * sum(math.prod(layer.output) for layer in found):,} bytes for one image, all "
            "the layers above together",
            f"activations, float32  {needs.ram_bytes_float32:,} bytes at the peak, for one image",
        ]
    )


def image_shape(text: str) -> tuple[int, int, int]:
    """Height, width and channels of `24x32x1`; `24x32` is in colour.

    Raises:
        UserError: the text is of another form.
    """
    parts = text.lower().split("x")
    if len(parts) in (2, 3) and all(part.isdecimal() and int(part) > 0 for part in parts):
        height, width, channels = (*map(int, parts), *([3] if len(parts) == 2 else []))
        return height, width, channels
    raise UserError(f"--images is {text!r}; it must be height, width and channels, such as 32x32x3")


def _by(shape: Shape) -> str:
    return "x".join(map(str, shape))
