"""Logits of tiny networks with fixed weights, checked where the reference vectors are not at hand.

The numbers were written down when `test_reference.py` passed. If one changes on purpose, check that
`test_reference.py` still passes and take the new number from the failure's message.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

from minjax import models
from minjax.interop import layouts
from minjax.interop.torch import convert

TINY = {
    "resnet18_s": {"width": 2},
    "resnet50": {"width": 1},
    "vgg11_bn": {"width": 2, "head_width": 4},
    "vit_s": {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 4},
}
LOGITS = {
    "resnet18_s": [[39.97647, -3.58476, -35.14325], [110.93577, -9.80267, -100.17914]],
    "resnet50": [[279.22, -305.45319, 56.09246], [274.16907, -306.03088, 61.77447]],
    "vgg11_bn": [[0.19998, -0.1253, -0.2022], [0.093, -0.34116, -0.47055]],
    "vit_s": [[-0.87631, -0.02713, 1.46113], [-0.87084, -0.02673, 1.45637]],
}


def weights(name: str) -> dict[str, np.ndarray]:
    """A state dict of sines: independent of any generator of random numbers."""
    model = models.build(name, 3, **TINY[name])
    names = layouts.layout(model)
    leaves, _ = jax.tree_util.tree_flatten_with_path(models.parameter_shapes(name, 3, (32, 32, 3), **TINY[name]))
    arrays = {}
    for i, (keys, leaf) in enumerate(leaves):
        path = tuple(key.key for key in keys)[1:]
        shape = [leaf.shape[axis] for axis in {4: (3, 2, 0, 1), 2: (1, 0)}.get(len(leaf.shape), range(len(leaf.shape)))]
        value = np.sin(1.0 + i + np.arange(leaf.size) * 1.7).reshape(shape)
        value *= np.sqrt(3.0 / max(np.prod(shape[1:]), 1)) if len(shape) > 1 else 0.3
        # Shifted so that ReLUs let something through.
        arrays[layouts.leaf_name(names, path)] = value + {"scale": 1.0, "var": 0.5, "bias": 0.5}.get(path[-1], 0.0)
    return arrays


IMAGES = np.sin(np.arange(2 * 32 * 32 * 3) ** 2 * 3e-4).reshape(2, 32, 32, 3).astype(np.float32)


@pytest.mark.parametrize("name", TINY)
def test_logits_of_tiny_networks(name):
    model = models.build(name, 3, **TINY[name])
    variables = convert(weights(name), name, 3, **TINY[name])
    logits = jax.jit(lambda variables: model.apply(variables, IMAGES, train=False))(variables)
    np.testing.assert_allclose(logits, LOGITS[name], rtol=1e-4, atol=1e-4)
