"""Batch norm's statistics anew, for weights that are no longer those they were taken under."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minjax.data.augment import preprocess
from minjax.models.normalization import BatchNorm
from minjax.train.epoch import Input


def reestimate(
    apply: Callable[..., Any], params: Any, model_state: Any, images: jax.Array, inputs: Input, batch_size: int
) -> Any:
    """The mean over batches of the batches' own statistics, as `torch.optim.swa_utils.update_bn` takes it.

    Args:
        apply: `model.apply`.
        params: of the network.
        model_state: its shapes; `{}` comes back as it is.
        images: uint8 [N, H, W, C], not augmented.
        inputs: normalisation.
        batch_size: divides N.
    """
    if not model_state:
        return model_state
    nothing = jax.tree.map(jnp.zeros_like, model_state)
    count = len(images) // batch_size
    key = jax.random.key(0)

    def add(i: jax.Array, total: Any) -> Any:
        few = jax.lax.dynamic_slice_in_dim(images, i * batch_size, batch_size)
        x = preprocess(few, mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)
        variables = {"params": params, **nothing}
        _, seen = apply(variables, x, train=True, rngs={"dropout": key}, mutable=list(model_state))
        return jax.tree.map(jnp.add, total, seen)

    total = jax.lax.fori_loop(0, count, add, nothing)
    # From zero, a batch's statistic enters the running one with BatchNorm's weight.
    return jax.tree.map(lambda x: x / (count * BatchNorm.momentum), total)
