"""Variables for a network without compiling its initialisation."""

from __future__ import annotations

import jax
import numpy as np
import pytest


def _drawn(model, images, seed: int = 0):
    """Random float32 variables of the right shapes; variances are positive."""
    shapes = jax.eval_shape(lambda key: model.init(key, images, train=False), jax.random.key(0))
    rng = np.random.default_rng(seed)
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)

    def draw(path, leaf):
        values = rng.normal(0.0, leaf.shape[0] ** -0.5 if len(leaf.shape) == 2 else 0.3, leaf.shape)
        return (np.abs(values) + 0.5 if path[-1].key in ("var", "scale") else values).astype(leaf.dtype)

    return jax.tree_util.tree_unflatten(structure, [draw(path, leaf) for path, leaf in leaves])


@pytest.fixture
def drawn():
    return _drawn
