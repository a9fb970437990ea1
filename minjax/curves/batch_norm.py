"""Batch norm's statistics, re-estimated for weights that are no longer those the statistics were taken with."""

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
    """The mean over batches of each batch's own statistics, as `torch.optim.swa_utils.update_bn` computes it.

    Args:
        apply: `model.apply`.
        params: the network's parameters.
        model_state: gives the structure and shapes of the result; `{}` (no batch norm) is returned unchanged.
        images: uint8 [N, H, W, C], without augmentation.
        inputs: how images are normalised.
        batch_size: images per batch; divides N.
    """
    if not model_state:
        return model_state
    zeros = jax.tree.map(jnp.zeros_like, model_state)
    count = len(images) // batch_size
    key = jax.random.key(0)

    def add(i: jax.Array, total: Any) -> Any:
        batch = jax.lax.dynamic_slice_in_dim(images, i * batch_size, batch_size)
        x = preprocess(batch, mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)
        _, updated = apply({"params": params, **zeros}, x, train=True, rngs={"dropout": key}, mutable=list(model_state))
        return jax.tree.map(jnp.add, total, updated)

    total = jax.lax.fori_loop(0, count, add, zeros)
    # Starting from zero, a batch's statistic enters the running one with BatchNorm's momentum as its weight.
    return jax.tree.map(lambda x: x / (count * BatchNorm.momentum), total)
