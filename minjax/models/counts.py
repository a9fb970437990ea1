"""How many parameters a network has, from shapes alone: nothing is allocated or compiled."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from minjax.models.variants import build


def parameter_shapes(name: str, num_classes: int, image_shape: tuple[int, int, int], **fields: Any) -> dict[str, Any]:
    """The variables of a network as a tree of `jax.ShapeDtypeStruct`: {"params": ..., "batch_stats": ...}.

    Raises:
      UserError: as for `build`, or an image size that the network cannot take.
    """
    model = build(name, num_classes, **fields)
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    return jax.eval_shape(lambda key, x: model.init(key, x, train=False), jax.random.key(0), images)


def param_count(name: str, num_classes: int, *, image_shape: tuple[int, int, int] = (32, 32, 3), **fields: Any) -> int:
    """The number of trainable parameters of a named variant (batch-norm statistics are not parameters).

    Args:
      name: one of `NAMES`.
      num_classes: number of outputs.
      image_shape: height, width, channels; by default CIFAR's.
      **fields: as for `build`.

    Raises:
      UserError: as for `build`, or an image size that the network cannot take.
    """
    params = parameter_shapes(name, num_classes, image_shape, **fields)["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
