"""Networks with random weights, masks of whole channels, and what must hold of any network that is shrunk."""

from __future__ import annotations

import jax
import numpy as np

from minjax import models, tree
from minjax.compress.shrinking import shrink

CLASSES = 4
FAST = {"xla_backend_optimization_level": 0}  # compiling takes half the time


def drawn(name: str, size: int = 8, seed: int = 0, dtype=np.float32, **fields):
    """A model and random variables with random statistics of batch norm, as numpy arrays."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        fan_in = np.prod(leaf.shape[:-1])
        values = rng.normal(0.0, (3 / fan_in) ** 0.5 if len(leaf.shape) > 1 else 0.3, leaf.shape)
        return (np.abs(values) + 0.7 if path[-1].key in ("var", "scale") else values).astype(dtype)

    shapes = models.parameter_shapes(name, CLASSES, (size, size, 3), **fields)
    return models.build(name, CLASSES, **fields), jax.tree_util.tree_map_with_path(draw, shapes)


def no_masks(variables):
    return jax.tree.map(lambda leaf: np.ones(leaf.shape, bool), variables["params"])


def prune(masks, layer: str, *, inputs=None, outputs=None) -> None:
    """Prune channels (an index) of a layer's kernel, in place."""
    kernel = masks
    for key in (*layer.split("/"), "kernel"):
        kernel = kernel[key]
    if inputs is not None:
        kernel[..., inputs, :] = False
    if outputs is not None:
        kernel[..., outputs] = False


def smallest_channels(variables, share: float, sides=("inputs", "outputs"), streams: bool = False):
    """Masks without the channels of the smallest L1 norm of each kernel. `streams`: the same ones everywhere."""

    def mask(path, leaf):
        kept = np.ones(leaf.shape, bool)
        if path[-1].key == "kernel":
            for axis in [{"inputs": leaf.ndim - 2, "outputs": leaf.ndim - 1}[side] for side in sides]:
                norms = np.abs(leaf).sum(tuple(a for a in range(leaf.ndim) if a != axis))
                order = np.arange(norms.size) if streams else np.argsort(norms, kind="stable")
                np.moveaxis(kept, axis, 0)[order[: round(share * norms.size)]] = False
        return kept

    return jax.tree_util.tree_map_with_path(mask, variables["params"])


def masked(variables, masks):
    return {**variables, "params": jax.tree.map(np.multiply, variables["params"], masks)}


apply = jax.jit(lambda model, variables, x: model.apply(variables, x), static_argnums=0, compiler_options=FAST)


def images(size: int, count: int = 5) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(count, size, size, 3)).astype(np.float32)


def check_same(model, variables, masks, size: int):
    """Shrink; the logits are those of the masked network, and the arrays those of a network of the sizes."""
    before = jax.tree.map(np.copy, variables)
    smaller, arrays, report = shrink(model, variables, masks)
    jax.tree.map(np.testing.assert_array_equal, before, variables)
    x = images(size)
    expected = np.asarray(apply(model, masked(variables, masks), x))
    assert expected.std(axis=0).max() > 0.05  # it does depend on the image
    np.testing.assert_allclose(apply(smaller, arrays, x), expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
    assert report.params_before == tree.count(variables["params"])
    assert report.params_after == tree.count(arrays["params"])
    return smaller, arrays, report
