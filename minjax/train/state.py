"""What a training run carries from step to step."""

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
    """The whole state of a run; together with (configuration, data) it determines everything that follows.

    Attributes:
        step: int32 scalar, gradient steps done.
        params: pytree of parameters.
        model_state: every other collection of the model (batch-norm statistics); `{}` for a network without.
        opt_state: the optimizer's state.
        key: uint32 [2], the data of the run's random key; never advanced: draws are functions of (key, step).
    """

    step: jax.Array
    params: Any
    model_state: Any
    opt_state: Any
    key: jax.Array


def in_float64(state: TrainState) -> TrainState:
    """The state with every floating-point array in float64, for runs whose equality is to be shown (needs x64)."""
    return jax.tree.map(lambda x: x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, state)


def init(
    model: nn.Module, optimizer: optax.GradientTransformation, image_shape: tuple[int, int, int], seed
) -> TrainState:
    """A new state: parameters drawn from `seed` (an int or a traced int32), step 0.

    Args:
        model: called as `model.apply(variables, images, train=bool)`.
        optimizer: whose state is made for the parameters.
        image_shape: (height, width, channels) of one image.
        seed: of everything random in the run.

    Raises:
        UserError: the model cannot take images of this shape.
    """
    images = jnp.zeros((1, *image_shape))
    return begin(lambda key: dict(model.init({"params": key}, images, train=False)), optimizer, seed)


def begin(draw: Callable[[jax.Array], dict[str, Any]], optimizer: optax.GradientTransformation, seed) -> TrainState:
    """A new state of variables that are drawn from a key: `params` and what else the model keeps."""
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
