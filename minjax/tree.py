"""Names of parameters: the one place that knows how a leaf is called and which leaves a pattern means.

A leaf's name is its path, joined by slashes: ``stage1_block0/conv1/kernel``. Patterns are those of the shell,
matched against the whole path with case: ``*`` and ``?`` match slashes too, so ``*/kernel`` means kernels at any
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
    """Path -> leaf, in the order of `jax.tree.leaves`. The leaves may be anything, also `jax.ShapeDtypeStruct`.

    >>> leaves({"head": {"kernel": 2.0, "bias": 1.0}})
    {'head/bias': 1.0, 'head/kernel': 2.0}
    """
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]}


def count(params: PyTree) -> int:
    """How many numbers the leaves hold together."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def select(params: PyTree, include: str | Sequence[str] | None = None, exclude: str | Sequence[str] = ()) -> PyTree:
    """Which leaves are meant, as a tree of bools with the structure of `params`.

    Args:
        params: arrays, or anything with a shape.
        include: patterns; a leaf that matches one of them is meant. None: the convolution kernels, that is the
            leaves named ``kernel`` with four dimensions (there may be none, as in a network of linear layers).
        exclude: patterns; a leaf that matches one of them is not meant after all.

    Raises:
        UserError: a pattern matches no leaf; the message names it and the leaves there are.
    """
    named = leaves(params)
    meant = {name for name, leaf in named.items() if is_convolution(name, leaf)}
    if include is not None:
        meant = _matching(include, named)
    meant -= _matching(exclude, named)
    return jax.tree_util.tree_map_with_path(lambda path, _: path_name(path) in meant, params)


def is_convolution(name: str, leaf: Any) -> bool:
    """Is it a convolution's kernel, [height, width, in, out]?"""
    return name.rpartition("/")[2] == "kernel" and len(leaf.shape) == 4


def path_name(path: Sequence[Any]) -> str:
    """The name of the leaf at a path of `jax.tree_util`."""
    return jax.tree_util.keystr(tuple(path), simple=True, separator="/")


def _matching(patterns: str | Sequence[str], named: dict[str, Any]) -> set[str]:
    meant: set[str] = set()
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        found = {name for name in named if fnmatchcase(name, pattern)}
        if not found:
            raise UserError(f"the pattern {pattern!r} matches no parameter; there are: {', '.join(named) or 'none'}")
        meant |= found
    return meant
