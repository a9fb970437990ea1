"""StableHLO: the program that JAX runs, with its weights, for CPU, CUDA and TPU; read back by `jax.export`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from re import findall

import jax
import jax.export  # not an attribute of jax before it is imported
import numpy as np

from minjax.deploy.formats.format import Checker, Format, Runtime, Source, batched, version

PLATFORMS = ("cpu", "cuda", "tpu")


def write(source: Source, path: Path) -> None:
    """Write the network: pixels uint8 [batch, H, W, C] -> logits float32 [batch, classes], for any batch."""
    (batch,) = jax.export.symbolic_shape("batch")
    pixels = jax.ShapeDtypeStruct((batch, *source.network.image_shape), np.uint8)
    exported = jax.export.export(jax.jit(source.network.logits), platforms=PLATFORMS)(pixels)
    path.write_bytes(exported.serialize())


def load(path: Path, source: Source) -> Runtime:
    """The file in JAX, on the default device."""
    del source
    exported = jax.export.deserialize(bytearray(path.read_bytes()))
    operators = Counter(findall(r"stablehlo\.(\w+)", exported.mlir_module()))
    run = jax.jit(exported.call)
    return Runtime("jax", version("jax"), batched(run), dict(sorted(operators.items())))


FORMAT = Format("stablehlo", "model.stablehlo", "float", (), write, (Checker("jax", None, load),))
