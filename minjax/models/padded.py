"""Narrow fully connected networks inside a wider one, so that one compiled program trains networks of many widths.

The units that the narrow network lacks have zero weights in and out, and a zero bias. Such a unit's activation is
relu(0) = 0, where the derivative is 0 too, so no gradient reaches its weights from either side: they stay zero under
every optimizer and under weight decay, and the result is what the narrow network computes, plus zeros. The step needs
no mask.

Networks with dropout cannot be padded: in a wider layer dropout would draw other masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from minjax.models import initializers
from minjax.models.dnn import DNN

Params = dict[str, dict[str, jax.Array]]


@flax.struct.dataclass
class Live:
    """The live part of a padded network; with leading axes for a population.

    Attributes:
        sizes: int32 [..., layers + 1]: inputs, units of each hidden layer, classes.
        scales: float32 [..., layers, 2]: scales of the initial kernel and bias of each layer.
    """

    sizes: jax.Array | np.ndarray
    scales: jax.Array | np.ndarray


def live(widths: Sequence[int], inputs: int, classes: int, initialization: str) -> Live:
    """The live part of one network, as NumPy arrays; scales are computed on the host, as for an unpadded network."""
    sizes = (inputs, *widths, classes)
    scales = [
        (
            initializers.scale(initialization, n, rectified=place < len(widths)),
            initializers.bias_scale(initialization, n),
        )
        for place, n in enumerate(sizes[:-1])
    ]
    return Live(np.array(sizes, np.int32), np.array(scales, np.float32))


def layers(model: DNN) -> list[str]:
    """The names of the layers, starting at the image."""
    return [*(f"hidden{i}" for i in range(1, len(model.widths) + 1)), "head"]


def initial(model: DNN, real: Live, inputs: int, key: jax.Array) -> Params:
    """The initial parameters of the narrow network, in the arrays of the wide one.

    Args:
        model: the wide network.
        real: the live part; may be traced.
        inputs: how many numbers an image has.
        key: the key for `model.init({"params": key}, ...)`.

    Returns:
        float32; bit for bit the narrow network's own, with zeros around them.
    """
    if model.dropout:
        raise ValueError("a network with dropout cannot be padded")
    names = layers(model)
    keys = _Keys(tuple(names)).init(key)["params"]
    wide = (inputs, *model.widths, model.num_classes)
    params: Params = {}
    for place, name in enumerate(names):
        rows, columns = real.sizes[place], real.sizes[place + 1]
        i = jnp.arange(wide[place])[:, None]
        j = jnp.arange(wide[place + 1])
        kernel = initializers.unit(model.initialization, keys[name]["kernel"], wide[place] * wide[place + 1])
        kernel = real.scales[place, 0] * kernel[i * columns + j]  # the narrow kernel's own row-major order
        bias = real.scales[place, 1] * _bias(model.initialization, keys[name]["bias"], wide[place + 1])
        params[name] = {
            "bias": jnp.where(j < columns, bias, 0),
            "kernel": jnp.where((i < rows) & (j < columns), kernel, 0),
        }
    return params


def _bias(initialization: str, key: jax.Array, count: int) -> jax.Array:
    return initializers.unit(initialization, key, count) if initialization == "paper" else jnp.zeros(count)


def where_live(model: DNN, real: Live, inputs: int) -> dict[str, jax.Array]:
    """Leaf name -> bool of the wide leaf's shape: which of its numbers belong to the narrow network."""
    wide = (inputs, *model.widths, model.num_classes)
    found = {}
    for place, name in enumerate(layers(model)):
        j = jnp.arange(wide[place + 1]) < real.sizes[place + 1]
        found[f"{name}/bias"] = j
        found[f"{name}/kernel"] = (jnp.arange(wide[place]) < real.sizes[place])[:, None] & j
    return found


def cut(params: Any, widths: Sequence[int]) -> Any:
    """Extract the narrow network's parameters from the wide one's (on the host or the device)."""
    names = list(params)
    ordered = [*sorted((n for n in names if n != "head"), key=lambda n: int(n.removeprefix("hidden"))), "head"]
    inputs = params[ordered[0]]["kernel"].shape[0]
    sizes = (inputs, *widths, params["head"]["bias"].shape[0])
    return {
        name: {
            "bias": params[name]["bias"][: sizes[place + 1]],
            "kernel": params[name]["kernel"][: sizes[place], : sizes[place + 1]],
        }
        for place, name in enumerate(ordered)
    }


class _Keys(nn.Module):
    """Has the layer names of the real network but stores the key that Linen gives each parameter."""

    names: tuple[str, ...]

    @nn.compact
    def __call__(self) -> None:
        for name in self.names:
            _LayerKeys(name=name)()


class _LayerKeys(nn.Module):
    @nn.compact
    def __call__(self) -> None:
        self.param("kernel", lambda key: key)
        self.param("bias", lambda key: key)
