"""Safetensors: the arrays by name, with a description that the network is built from again."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

from minjax import tree
from minjax.deploy import network
from minjax.deploy.formats.format import Checker, Format, Runtime, Source, batched, version


def write(source: Source, path: Path) -> None:
    """Write the variables, "params/head/kernel" and so on, and what the network is as JSON under "minjax"."""
    network.write_safetensors(source.network, path)


def load(path: Path, source: Source) -> Runtime:
    """The file read back and built again, run by JAX."""
    del source
    read = network.read(path)
    kinds: dict[str, int] = {}
    for leaf in tree.leaves(read.variables).values():
        kinds[str(np.asarray(leaf).dtype)] = kinds.get(str(np.asarray(leaf).dtype), 0) + 1
    return Runtime("safetensors and jax", version("safetensors"), batched(jax.jit(read.logits)), kinds)


FORMAT = Format("safetensors", "model.safetensors", "float", (), write, (Checker("safetensors and jax", None, load),))
