"""Fine-tuning of pruned networks: pruned weights stay zero, whatever the optimizer does."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from minjax import tree
from minjax.errors import UserError


class KeepZerosState(NamedTuple):
    """The masks of the pruned leaves: a flat dict from the leaf's name to bool, True = kept."""

    masks: dict[str, jax.Array]


def keep_zeros(masks: Any, *, hold: Any = None) -> optax.GradientTransformation:
    """Replace the update of every pruned weight by the one that leaves it exactly zero; must be last in a chain.

    The transformations before it (momentum, weight decay, bounds) need not know. The masks are part of the optimizer's
    state, so checkpoints contain them and one compiled step serves every level of pruning; only leaves with a pruned
    weight are held. All other weights train, zero or not.

    Args:
        masks: pytree of bool with the structure of the parameters, True = kept (`minjax.compress.masks`).
        hold: pytree of bool scalars: the leaves whose masks the state holds, so that its structure is the same at every
            level (see `with_masks`); None: those with a pruned weight.

    Raises:
        UserError (when updating): no parameters are given, or they belong to another network.

    >>> params = {"kernel": jnp.array([3.0, 0.0])}
    >>> tx = optax.chain(optax.sgd(1.0, momentum=0.9), keep_zeros({"kernel": jnp.array([True, False])}))
    >>> updates, _ = tx.update({"kernel": jnp.array([1.0, 1.0])}, tx.init(params), params)
    >>> updates
    {'kernel': Array([-1., -0.], dtype=float32)}
    """

    def init(params: Any) -> KeepZerosState:
        shapes = jax.tree.map(jnp.shape, params)
        if jax.tree.map(jnp.shape, masks) != shapes:
            raise UserError("the masks are not those of this network: names or shapes differ")
        return KeepZerosState(_held(masks, hold))

    def update(updates: Any, state: KeepZerosState, params: Any = None) -> tuple[Any, KeepZerosState]:
        if params is None:
            raise UserError("keep_zeros needs the parameters: call update(gradients, state, params)")

        def clear(path: Any, update: jax.Array, param: jax.Array) -> jax.Array:
            mask = state.masks.get(tree.path_name(path))
            return update if mask is None else jnp.where(mask, update, -param)

        return jax.tree_util.tree_map_with_path(clear, updates, params), state

    return optax.GradientTransformation(init, update)


def with_masks(state: Any, masks: Any) -> Any:
    """An optimizer's state in which these masks replace the ones held by `keep_zeros`, leaf by leaf."""

    def swap(node: Any) -> Any:
        if not isinstance(node, KeepZerosState):
            return node
        named = tree.leaves(masks)
        return KeepZerosState({name: jnp.asarray(named[name], bool) for name in node.masks})

    return jax.tree.map(swap, state, is_leaf=lambda node: isinstance(node, KeepZerosState))


def _held(masks: Any, hold: Any) -> dict[str, jax.Array]:
    wanted = None if hold is None else tree.leaves(hold)
    named = tree.leaves(masks).items()
    kept = (lambda name, mask: not wanted[name]) if wanted is not None else (lambda _, mask: bool(jnp.all(mask)))
    return {name: jnp.asarray(mask, bool) for name, mask in named if not kept(name, mask)}
