"""The order in which a method prunes, computed once: the mask for any amount is then `rank >= count`."""

from __future__ import annotations

import math
import zlib
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from minjax import noise, tree
from minjax.compress.methods import Method
from minjax.errors import UserError
from minjax.wiring import is_depthwise

AXES = {"in": -2, "out": -1}


def channel_axis(name: str, axis: str) -> int:
    """Where a kernel has its channels, from the end: a depthwise one has the same on both sides, on its last axis."""
    return AXES["out"] if is_depthwise(name) else AXES[axis]


def ranks(
    params: Any, method: Method, chosen: dict[str, bool], *, key: Any, axis: str, within: Any, block: int
) -> dict[str, jax.Array]:
    """The rank of each weight in the chosen leaves: int32 of the leaf's shape, equal for all weights of a unit.

    If selection is global, ranks count across all leaves. Weights that `within` has pruned come first.

    Raises:
        UserError: a random method without a key, or a leaf that the method cannot prune.
    """
    leaves = {name: jnp.asarray(leaf) for name, leaf in tree.leaves(params).items() if chosen[name]}
    if method.score == "random" and key is None:
        raise UserError("random pruning needs a key: masks(..., key=jax.random.key(seed))")
    if method.unit == "channel":
        for name, leaf in leaves.items():
            _check_channels(name, leaf, axis, block)
    already = None if within is None else {name: jnp.asarray(tree.leaves(within)[name]) for name in leaves}
    return _ranks(leaves, key, already, method=method, axis=axis, block=block)


@partial(jax.jit, static_argnames=("method", "axis", "block"))
def _ranks(
    leaves: dict[str, jax.Array], key: Any, already: Any, *, method: Method, axis: str, block: int
) -> dict[str, jax.Array]:
    scores = {name: _scores(name, leaf, method, key, axis, block) for name, leaf in leaves.items()}
    if already is not None:
        scores = {name: _first(score, already[name], score.shape) for name, score in scores.items()}
    if method.group:
        orders = {name: _in_groups(score, method.group[1]) for name, score in scores.items()}
    elif method.selection == "channel":
        orders = {name: _in_channels(score) for name, score in scores.items()}
    elif method.selection == "global":
        orders = _globally(scores, leaves)
    else:
        orders = {name: _order(score.ravel()).reshape(score.shape) for name, score in scores.items()}
    return {name: _spread(order, leaves[name].shape) for name, order in orders.items()}


def _scores(name: str, leaf: jax.Array, method: Method, key: Any, axis: str, block: int) -> jax.Array:
    """The scores of a leaf's weights, or of its channels or blocks of them, with size 1 along every other axis."""
    if method.unit == "weight":
        return jnp.abs(leaf) if method.score == "magnitude" else _draw(key, name, leaf.shape)
    place = leaf.ndim + channel_axis(name, axis)
    shape = [1] * leaf.ndim
    shape[place] = leaf.shape[place] // block
    if method.score == "random":
        return _draw(key, name, tuple(shape))
    grouped = jnp.moveaxis(leaf, place, 0).reshape(shape[place], -1)
    magnitude = jnp.abs(grouped)
    if method.norm == float("inf"):
        return magnitude.max(1).reshape(shape)
    average = jnp.mean if method.selection == "global" else jnp.sum
    return average(magnitude**method.norm, axis=1).reshape(shape)  # taking the root would not change the order


def _check_channels(name: str, leaf: jax.Array, axis: str, block: int) -> None:
    if leaf.ndim < 2:
        raise UserError(f"{name} has one dimension and no channels; structured pruning is for kernels, so exclude it")
    channels = leaf.shape[channel_axis(name, axis)]
    if channels % block:
        raise UserError(f"{name} has {channels} channels, which cannot be divided into blocks of {block}")


def _draw(key: jax.Array, name: str, shape: tuple[int, ...]) -> jax.Array:
    """Random scores from 0 to 1 that depend on the leaf's name, so that they do not change with the other leaves."""
    words = noise.key_words(jax.random.fold_in(key, zlib.crc32(name.encode())))
    bits = noise.bits(words, jax.lax.iota(jnp.uint32, math.prod(shape)))
    return ((bits >> 8).astype(jnp.float32) * 2.0**-24).reshape(shape)


def _first(score: jax.Array, kept: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The scores, with units of which nothing is kept any more below all others."""
    if score.shape != kept.shape:
        groups = [(1, kept.shape[d]) if n == 1 else (n, kept.shape[d] // n) for d, n in enumerate(shape)]
        kept = kept.reshape([size for pair in groups for size in pair]).any(axis=tuple(range(1, 2 * len(shape), 2)))
    return jnp.where(kept, score, -1.0)  # scores are 0 or more


def _order(scores: jax.Array) -> jax.Array:
    """The ranks int32 [n] of scores [n]; of equal scores the earlier one comes first."""
    order = jnp.argsort(scores, stable=True)
    return jnp.zeros(scores.shape, jnp.int32).at[order].set(jnp.arange(scores.size, dtype=jnp.int32))


def _globally(scores: dict[str, jax.Array], leaves: dict[str, jax.Array]) -> dict[str, jax.Array]:
    ranks = _order(jnp.concatenate([score.ravel() for score in scores.values()]))
    orders, start = {}, 0
    for name, score in scores.items():
        orders[name] = ranks[start : start + score.size].reshape(score.shape)
        start += score.size
    return orders


def _in_channels(score: jax.Array) -> jax.Array:
    """Ranks within each output channel (the last axis)."""
    return jax.vmap(_order, in_axes=1, out_axes=1)(score.reshape(-1, score.shape[-1])).reshape(score.shape)


def _in_groups(score: jax.Array, of: int) -> jax.Array:
    """Ranks within `of` consecutive inputs (the last axis but one) of each output."""
    by_input = jnp.moveaxis(score, -2, -1)
    grouped = by_input.reshape(-1, of)
    return jnp.moveaxis(jax.vmap(_order)(grouped).reshape(by_input.shape), -1, -2)


def _spread(order: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Give each weight the rank of its unit."""
    for place, (have, want) in enumerate(zip(order.shape, shape, strict=True)):
        if 1 < have < want:
            order = jnp.repeat(order, want // have, axis=place)
    return jnp.broadcast_to(order, shape)
