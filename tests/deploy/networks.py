"""Small networks of every family with weights and statistics that none of them has by chance, and their images."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
from flax import linen as nn

from minjax import models
from minjax.deploy.network import Network

LARGE = ("small_resnet", "resnet", "bottleneck", "vgg", "vgg_linear", "vit")
FAMILIES: dict[str, tuple[str, tuple[int, int, int], dict[str, Any]]] = {
    "dnn": ("dnn", (6, 5, 3), {"widths": (11, 7)}),
    "linear": ("dnn", (6, 5, 1), {"widths": ()}),
    "cnn": ("cnn", (9, 11, 3), {"channels": (4, 6), "padding": "SAME", "pool": True, "batch_norm": True}),
    "cnn_valid": ("cnn", (7, 6, 1), {"channels": (5,), "kernel_size": 2}),
    "cnn_even": ("cnn", (7, 6, 1), {"channels": (5, 3), "kernel_size": 4, "padding": "SAME"}),
    "cnn_strided": (
        "cnn",
        (8, 7, 3),
        {
            "channels": (4, 6, 5),
            "kernel_sizes": (5, 3, 3),
            "strides": (2, 1, 1),
            "pools": (1, 2, 1),
            "padding": "SAME",
            "batch_norm": True,
            "global_pool": True,
        },
    ),
    "cnn_separable": (
        "cnn",
        (9, 8, 3),
        {"channels": (4, 6, 5), "strides": (1, 2, 1), "padding": "SAME", "batch_norm": True, "separable": True},
    ),
    "cnn_separable_valid": ("cnn", (9, 8, 1), {"channels": (3, 4), "separable": True, "global_pool": True}),
    "small_resnet": ("resnet", (9, 12, 3), {"depth": 8, "width": 3}),
    "resnet": ("resnet18_s", (13, 10, 3), {"width": 3}),
    "bottleneck": ("resnet50", (8, 8, 1), {"width": 2}),
    "vgg": ("vgg11_bn", (32, 40, 3), {"width": 2, "head_width": 5}),
    "vgg_linear": ("vgg11", (64, 64, 1), {"width": 2, "head_width": 0}),
    "vit": ("vit_s", (8, 12, 3), {"dim": 16, "depth": 2, "heads": 4, "mlp_dim": 10, "patch_size": 4}),
}
# Of these one takes a second or two to compile.
EVERY = [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in FAMILIES]
CLASSES = ("left", "right", "up", "down", "none")


def network(family: str, *, shrunk: dict[str, Any] | None = None, dtype: str = "float32", seed: int = 0) -> Network:
    """A network of `FAMILIES`, with random weights, scales and running statistics."""
    name, shape, fields = FAMILIES[family]
    model = models.build(name, len(CLASSES), dtype=dtype, shrunk=shrunk, **fields)
    drawn = _initial(family, dtype, seed) if shrunk is None else _drawn(model, shape, seed)
    rng = np.random.default_rng(seed)

    def moved(path: Any, leaf: Any) -> np.ndarray:
        noise = rng.uniform(0.2, 0.8, leaf.shape).astype(np.float32)
        kernel = path[-1].key in ("kernel", "positions", "class_token")
        return np.asarray(leaf) if kernel else np.asarray(leaf) + (noise if path[-1].key == "var" else noise - 0.5)

    return Network(
        model=model,
        variables=jax.tree_util.tree_map_with_path(moved, drawn),
        image_shape=shape,
        classes=CLASSES,
        mean=(0.3, 0.45, 0.6)[: shape[2]],
        std=(0.2, 0.25, 0.3)[: shape[2]],
        resized=False,
        dtype=dtype,
        about={"path": "memory", "model": {"name": name, **fields}},
    )


def _drawn(model: nn.Module, shape: tuple[int, int, int], seed: int) -> dict[str, Any]:
    return dict(model.init(jax.random.key(seed), np.zeros((1, *shape), np.float32), train=False))


@cache
def _initial(family: str, dtype: str, seed: int) -> dict[str, Any]:
    """Drawn once for all tests of a process: the large networks have hundreds of operations."""
    name, shape, fields = FAMILIES[family]
    return _drawn(models.build(name, len(CLASSES), dtype=dtype, **fields), shape, seed)


def images(shape: tuple[int, int, int], count: int = 40, seed: int = 1) -> np.ndarray:
    """Random pixels, uint8 [count, H, W, C]."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def reference(network: Network, pixels: np.ndarray) -> np.ndarray:
    """The network's own logits."""
    return np.asarray(jax.jit(network.logits)(pixels))
