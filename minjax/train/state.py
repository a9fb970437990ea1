"""The state that a training run carries from step to step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn


@flax.struct.dataclass
class TrainState:
    """The whole state of a run: with the configuration and the data it determines everything that follows.

    Attributes:
        step: int32 scalar, gradient steps taken.
        params: pytree of parameters.
        model_state: the model's other collections (batch-norm statistics); `{}` for a network that has none.
        opt_state: the optimizer's state.
        key: uint32 [2], the run's random key as data. It never changes: draws are functions of (key, step).
    """

    step: jax.Array
    params: Any
    model_state: Any
    opt_state: Any
    key: jax.Array


def in_float64(state: TrainState) -> TrainState:
    """The state with all floating-point arrays in float64, for tests that compare runs (needs JAX_ENABLE_X64)."""
    return jax.tree.map(lambda x: x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, state)


def init(
    model: nn.Module, optimizer: optax.GradientTransformation, image_shape: tuple[int, int, int], seed
) -> TrainState:
    """A new state at step 0, with parameters drawn from `seed` (an int or a traced int32).

    Args:
        model: called as `model.apply(variables, images, train=bool)`.
        optimizer: the transformation whose state is made for the parameters.
        image_shape: (height, width, channels) of one image.
        seed: decides everything random in the run.

    Raises:
        UserError: the model cannot take images of this shape.
    """
    images = jnp.zeros((1, *image_shape))
    return begin(lambda key: dict(model.init({"params": key}, images, train=False)), optimizer, seed)


def begin(draw: Callable[[jax.Array], dict[str, Any]], optimizer: optax.GradientTransformation, seed) -> TrainState:
    """A new state whose variables, `params` and the model's other collections, are drawn from a key."""
    init_key, run_key = jax.random.split(jax.random.key(seed))
    variables = draw(init_key)
    params = variables.pop("params")
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=variables,
        opt_state=optimizer.init(params),
        key=jax.random.key_data(run_key),
    )
