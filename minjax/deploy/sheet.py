"""The data sheet of a network: what it asks of a device, computed from its graph; nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from minjax import tree
from minjax.compress import macs
from minjax.deploy import building
from minjax.deploy.graph import Graph, peak_activations
from minjax.records.run import DataSheet


def data_sheet(model: Any, variables: Mapping[str, Any], graph: Graph) -> DataSheet:
    """The sheet of a network whose graph is at hand.

    Args:
        model: the module.
        variables: its arrays, or their shapes and types.
        graph: the same network, layer by layer.
    """
    counted = macs.multiply_adds(partial(model.apply, train=False), variables, graph.image_shape)
    peak = peak_activations(graph)
    return DataSheet(
        num_params=tree.count(variables["params"]),
        macs=counted.total,
        peak_activations=peak,
        ram_bytes_float32=4 * peak,
        ram_bytes_int8=peak,
    )


def of_shapes(model: Any, variables: Mapping[str, Any], image_shape: tuple[int, int, int]) -> DataSheet:
    """The sheet of a network of which the shapes are known: weights do not matter to it.

    Args:
        model: a module of `minjax.models`.
        variables: {"params": ..., ...}, arrays or their shapes and types.
        image_shape: height, width, channels.
    """
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), dict(variables))
    channels = image_shape[2]
    graph = building.build(model, ones, image_shape, mean=(0.0,) * channels, std=(1.0,) * channels)
    return data_sheet(model, variables, graph)
