"""Masks, which say what is kept: exact counts, ties broken by index, the same for one mask as for a whole curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minjax import tree
from minjax.compress import order
from minjax.compress.methods import Method
from minjax.compress.methods import method as named
from minjax.errors import UserError, unknown

Patterns = str | Sequence[str]


def masks(
    params: Any,
    method: str | Method,
    amount: float | None,
    *,
    key: jax.Array | None = None,
    include: Patterns | None = None,
    exclude: Patterns = (),
    axis: str = "in",
    within: Any = None,
    block: int = 1,
) -> Any:
    """Which weights are kept when a given fraction is pruned.

    In each leaf (or globally, in all of them together) exactly `round(amount * n)` of n units are pruned, rounding half
    to even, as in `torch.nn.utils.prune`.

    Args:
        params: pytree of arrays.
        method: a name in `METHODS`, "N:M" such as "2:4", or a `Method`.
        amount: fraction to prune, 0 to 1; for N:M it must be 1 - N/M or None.
        key: for random methods; each leaf derives its own key from it.
        include: patterns of leaves to prune (see `tree.select`); None: the convolution kernels.
        exclude: patterns of leaves not to prune.
        axis: which channels a structured method prunes: "in" (the inputs, as paper 1 did) or "out". A depthwise
            kernel has the same on both sides.
        within: masks from an earlier round; what they pruned stays pruned and counts; None: nothing.
        block: how many consecutive channels are one unit (such as the dimensions of a ViT's head).

    Returns:
        Pytree of bool with the structure and shapes of `params`, True = kept; all True where nothing is pruned.

    Raises:
        UserError: an unknown method or axis, an amount outside 0 to 1, a random method without a key, patterns that
            match nothing, no leaf to prune, or a leaf that the method cannot prune.
    """
    _amount(named(method), method, amount)
    orders = ranks(params, method, key=key, include=include, exclude=exclude, axis=axis, within=within, block=block)
    count = counts(params, method, amount, include=include, exclude=exclude, axis=axis, block=block)
    previous = {} if within is None else tree.leaves(within)

    def mask(path: Any, leaf: jax.Array) -> jax.Array:
        name = tree.path_name(path)
        if name not in orders:
            return jnp.ones(leaf.shape, bool)
        kept = orders[name] >= count[name]
        return kept & previous[name] if name in previous else kept

    return jax.tree_util.tree_map_with_path(mask, params)


def apply_masks(params: Any, masks: Any) -> Any:
    """Set the parameters to zero where the masks are False."""
    return jax.tree.map(lambda leaf, mask: jnp.where(mask, leaf, jnp.zeros((), leaf.dtype)), params, masks)


def ranks(
    params: Any,
    method: str | Method,
    *,
    key: jax.Array | None = None,
    include: Patterns | None = None,
    exclude: Patterns = (),
    axis: str = "in",
    within: Any = None,
    block: int = 1,
) -> dict[str, jax.Array]:
    """The order in which weights are pruned: leaf name -> int32 of its shape; arguments and errors as for `masks`.

    The mask for an amount is `ranks[name] >= counts(params, method, amount)[name]`, so one program can take both as
    traced values and measure a whole curve.
    """
    how = named(method)
    if axis not in order.AXES:
        raise unknown("axis", axis, order.AXES)
    chosen = _chosen(params, how, include, exclude)
    return order.ranks(params, how, chosen, key=key, axis=axis, within=within, block=block)


def counts(
    params: Any,
    method: str | Method,
    amount: float | None,
    *,
    include: Patterns | None = None,
    exclude: Patterns = (),
    axis: str = "in",
    block: int = 1,
) -> dict[str, int]:
    """Leaf name -> how many ranks are pruned at an amount, computed on the host in float64.

    In float32 some of 21 amounts would be off by one. Arguments and errors as for `masks`.
    """
    how = named(method)
    share = _amount(how, method, amount)
    if axis not in order.AXES:
        raise unknown("axis", axis, order.AXES)
    chosen = _chosen(params, how, include, exclude)
    if how.group:
        return {name: how.group[1] - how.group[0] for name in chosen if chosen[name]}
    units = {}
    for name, leaf in tree.leaves(params).items():
        if not chosen[name]:
            continue
        if how.unit == "channel":
            units[name] = leaf.shape[order.channel_axis(name, axis)] // block
        elif how.selection == "channel":
            units[name] = int(np.prod(leaf.shape[:-1], dtype=np.int64))
        else:
            units[name] = int(np.prod(leaf.shape, dtype=np.int64))
    if how.selection == "global":
        return dict.fromkeys(units, round(share * sum(units.values())))
    return {name: round(share * n) for name, n in units.items()}


def _amount(how: Method, name: str | Method, amount: float | None) -> float:
    if how.group:
        own = 1 - how.group[0] / how.group[1]
        if amount is not None and abs(amount - own) > 1e-9:
            raise UserError(f"{name} prunes exactly {own:g}, but amount is {amount}: set it to {own:g} or None")
        return own
    if amount is None or isinstance(amount, bool) or not 0 <= amount <= 1:
        raise UserError(f"amount is {amount}; it must be a fraction from 0 to 1")
    return float(amount)


def _chosen(params: Any, how: Method, include: Patterns | None, exclude: Patterns) -> dict[str, bool]:
    chosen: dict[str, bool] = tree.leaves(tree.select(params, include, exclude))
    if not any(chosen.values()):
        raise UserError(
            "there is nothing to prune: this network has no convolution kernels; give patterns, such as "
            "include='*kernel'"
            if include is None
            else "there is nothing to prune: every included parameter is also excluded"
        )
    if how.group:
        keep, of = how.group
        for name, leaf in tree.leaves(params).items():
            if chosen[name] and (len(leaf.shape) < 2 or leaf.shape[-2] % of):
                inputs = f"{leaf.shape[-2]} inputs" if len(leaf.shape) > 1 else "one dimension"
                raise UserError(
                    f"{keep}:{of} cannot prune {name}, which has {inputs}: {of} must divide them; leave it out with "
                    f"exclude={name!r}"
                )
    return chosen
