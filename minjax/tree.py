"""Names of parameters: what each leaf is called, and which leaves a pattern matches.

A leaf's name is its path joined by slashes: ``stage1_block0/conv1/kernel``. Patterns are shell patterns, matched
against the whole path, case-sensitively. ``*`` and ``?`` match slashes too, so ``*/kernel`` matches kernels at any
depth below the top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import jax

from minjax.errors import UserError

PyTree = Any


def leaves(params: PyTree) -> dict[str, Any]:
    """Name -> leaf, in the order of `jax.tree.leaves`. Leaves may be anything, including `jax.ShapeDtypeStruct`.

    >>> leaves({"head": {"kernel": 2.0, "bias": 1.0}})
    {'head/bias': 1.0, 'head/kernel': 2.0}
    """
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]}


def count(params: PyTree) -> int:
    """How many numbers the leaves hold in total."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def select(params: PyTree, include: str | Sequence[str] | None = None, exclude: str | Sequence[str] = ()) -> PyTree:
    """Which leaves are selected, as a tree of bools with the structure of `params`.

    Args:
        params: arrays, or anything with a shape.
        include: patterns; a leaf that matches one of them is selected. None: the convolution kernels, which are the
            leaves named ``kernel`` with four dimensions (a network of linear layers has none).
        exclude: patterns; a leaf that matches one of them is not selected after all.

    Raises:
        UserError: a pattern matches no leaf; the message names the pattern and lists the leaves.
    """
    named = leaves(params)
    selected = {name for name, leaf in named.items() if is_convolution(name, leaf)}
    if include is not None:
        selected = _matching(include, named)
    selected -= _matching(exclude, named)
    return jax.tree_util.tree_map_with_path(lambda path, _: path_name(path) in selected, params)


def is_convolution(name: str, leaf: Any) -> bool:
    """Whether a leaf is the kernel of a convolution, [height, width, in, out]."""
    return name.rpartition("/")[2] == "kernel" and len(leaf.shape) == 4


def path_name(path: Sequence[Any]) -> str:
    """The name of the leaf at a `jax.tree_util` path."""
    return jax.tree_util.keystr(tuple(path), simple=True, separator="/")


def _matching(patterns: str | Sequence[str], named: dict[str, Any]) -> set[str]:
    selected: set[str] = set()
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        found = {name for name in named if fnmatchcase(name, pattern)}
        if not found:
            raise UserError(f"the pattern {pattern!r} matches no parameter; there are: {', '.join(named) or 'none'}")
        selected |= found
    return selected
