"""Weight decay, coupled or decoupled; puts the parts of an optimizer in order."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike


def add_decayed_weights(weight_decay: ArrayLike) -> optax.GradientTransformation:
    """Add `weight_decay * params` to the updates; the decay may be a traced scalar.

    Differs from `optax.add_decayed_weights` in that a decay which is an array is cast to each parameter's type. Optax
    would promote the updates of bfloat16 parameters, and in the second step the optimizer's state, to float32.
    """
    if isinstance(weight_decay, (int, float)) and weight_decay == 0:
        return optax.identity()

    def decayed(update: jax.Array | None, param: jax.Array) -> jax.Array | None:
        return None if update is None else update + jnp.asarray(weight_decay, param.dtype) * param

    def update_fn(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
        if params is None:
            raise ValueError("weight decay needs the parameters: call update(gradients, state, params)")
        return jax.tree.map(decayed, updates, params, is_leaf=lambda leaf: leaf is None)

    return optax.stateless(update_fn)


def descend(
    direction: optax.GradientTransformation,
    learning_rate: optax.ScalarOrSchedule,
    weight_decay: ArrayLike,
    decoupled: bool,
) -> optax.GradientTransformation:
    """An optimizer from the `direction` of its steps: params -= learning_rate * direction(gradient).

    Coupled decay adds `weight_decay * params` to the gradient, so that it goes through momentum and preconditioning
    (L2, as in PyTorch's SGD and Adam). Decoupled decay adds it to the direction, so that only the learning rate with
    its schedule scales it (Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019, as in PyTorch's
    AdamW).
    """
    decay = add_decayed_weights(weight_decay)
    parts = (direction, decay) if decoupled else (decay, direction)
    return optax.chain(*parts, optax.scale_by_learning_rate(learning_rate))
