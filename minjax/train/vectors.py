"""The arrays of a training state as a few vectors, so that an accelerator updates all of them with one kernel.

A step of a small network on a GPU is mostly launches: with a leaf for each parameter, the optimizer alone launches a
kernel for each of them. Inside the loop over steps the state is therefore held as vectors: parameters, each part of the
optimizer's state that has their structure, and the model's statistics. The model still sees its tree, as slices of the
vector; gradients are taken with respect to the tree, because those with respect to the vector would be a sum of padded
slices. What leaves the loop is a tree again.

Every optimizer of `minjax.optim` works number by number, so that the results are the same. One that does not (masks for
some leaves only, `optim.keep_zeros`) has no vectors, and its state stays a tree.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from minjax.errors import UserError
from minjax.train.state import TrainState

OHWI, HWIO = (3, 0, 1, 2), (1, 2, 3, 0)  # how kernels are stored, for cuDNN's filters, and back


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the leaves of a tree lie in a vector.

    Attributes:
        structure: of the tree.
        shapes: of its leaves, in the tree's order.
        dtype: of all of them.
    """

    structure: Any
    shapes: tuple[tuple[int, ...], ...]
    dtype: Any

    def vector(self, tree: Any) -> jax.Array:
        """The leaves of a tree of this structure, one after the other; kernels of convolutions as [out, h, w, in]."""
        return jnp.concatenate([_stored(leaf).reshape(-1) for leaf in self.structure.flatten_up_to(tree)])

    def tree(self, vector: jax.Array) -> Any:
        """The tree that a vector holds."""
        leaves, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            part = jax.lax.slice_in_dim(vector, start, stop)
            stored = tuple(shape[axis] for axis in OHWI) if len(shape) == 4 else shape
            part = part.reshape(stored)
            leaves.append(part.transpose(HWIO) if len(shape) == 4 else part)
            start = stop
        return self.structure.unflatten(leaves)


def _stored(leaf: jax.Array) -> jax.Array:
    return leaf.transpose(OHWI) if leaf.ndim == 4 else leaf


def layout(like: Any) -> Layout | None:
    """The layout of a tree; None for one that is empty or has leaves of several types."""
    leaves, structure = jax.tree.flatten(like)
    dtypes = {jnp.dtype(leaf.dtype) for leaf in leaves}
    if len(dtypes) != 1:
        return None
    return Layout(structure, tuple(tuple(leaf.shape) for leaf in leaves), dtypes.pop())


@dataclasses.dataclass(frozen=True)
class Vectors:
    """How a training state is held as vectors.

    Attributes:
        params: layout of the parameters.
        model_state: layout of the model's other collections; None: they are empty and stay as they are.
        opt_structure: of the optimizer's state over a single vector.
        opt_vectors: which leaves of that state are vectors.
    """

    params: Layout
    model_state: Layout | None
    opt_structure: Any
    opt_vectors: tuple[bool, ...]

    def pack(self, state: TrainState) -> TrainState:
        """The same state, its arrays in vectors."""
        parts = self.opt_structure.flatten_up_to(state.opt_state)
        opt_state = self.opt_structure.unflatten(
            [self.params.vector(part) if held else part for part, held in zip(parts, self.opt_vectors, strict=True)]
        )
        return dataclasses.replace(
            state,
            params=self.params.vector(state.params),
            model_state=self.pack_model_state(state.model_state),
            opt_state=opt_state,
        )

    def unpack(self, state: TrainState) -> TrainState:
        """The state whose arrays `pack` put into vectors."""
        parts = self.opt_structure.flatten_up_to(state.opt_state)
        opt_state = self.opt_structure.unflatten(
            [self.params.tree(part) if held else part for part, held in zip(parts, self.opt_vectors, strict=True)]
        )
        return dataclasses.replace(
            state,
            params=self.params.tree(state.params),
            model_state=self.unpack_model_state(state.model_state),
            opt_state=opt_state,
        )

    def pack_model_state(self, model_state: Any) -> Any:
        """The model's collections as a vector."""
        return model_state if self.model_state is None else self.model_state.vector(model_state)

    def unpack_model_state(self, model_state: Any) -> Any:
        """The model's collections."""
        return model_state if self.model_state is None else self.model_state.tree(model_state)


def vectors(state: TrainState, optimizer: optax.GradientTransformation) -> Vectors | None:
    """How a state can be held as vectors; None where it cannot.

    Args:
        state: a state of the optimizer, arrays or their shapes and types.
        optimizer: whose updates are to be taken over a single vector.
    """
    params = layout(state.params)
    if params is None:
        return None
    size = sum(math.prod(shape) for shape in params.shapes)
    try:
        over_vector = jax.eval_shape(optimizer.init, jax.ShapeDtypeStruct((size,), params.dtype))
        structure = jax.tree.structure(over_vector)
        parts = structure.flatten_up_to(state.opt_state)  # type: ignore[attr-defined]
    except (UserError, ValueError):  # masks of single leaves
        return None
    held = tuple(leaf.shape == (size,) for leaf in jax.tree.leaves(over_vector))
    for part, is_vector in zip(parts, held, strict=True):
        if is_vector and jax.tree.structure(part) != params.structure:
            return None
    model_state = layout(state.model_state) if jax.tree.leaves(state.model_state) else None
    if model_state is None and jax.tree.leaves(state.model_state):
        return None
    return Vectors(params, model_state, structure, held)


def holding(optimizer: optax.GradientTransformation, wanted: bool) -> Callable[[TrainState], Vectors | None]:
    """How a loop over steps of this optimizer holds a state: as vectors where they are wanted and possible."""
    return partial(vectors, optimizer=optimizer) if wanted else lambda state: None
