"""How long training will take, estimated beforehand: to choose padding, for dry runs and for budgets. Never a result.

A step takes some time for each layer (the overhead of its operations) and some for its arithmetic: three passes (one
forward, two for the gradient) of two operations for each multiply-add. The throughput is measured with a matrix product
on the machine at hand; the share of it that a family reaches was measured on two CPU cores (digits, batch size 128).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

LAYER_SECONDS = 25e-6  # per step and layer with weights
SHARE = {"dnn": 0.8, "cnn": 0.12, "vit": 0.15}  # of the throughput of a large matrix product
OTHERS = 0.12
COMPILE_SECONDS = {"dnn": 2.0, "cnn": 4.0, "vit": 8.0}  # training and curves together
OTHERS_COMPILE = 15.0


def kind(model: Mapping[str, Any]) -> str:
    """What costs are known by: the family of a resolved model, or "separable" for a CNN of separable convolutions."""
    return "separable" if model.get("separable") else model["name"]


@dataclasses.dataclass(frozen=True)
class Machine:
    """How fast a machine computes.

    Attributes:
        throughput: operations per second in a large matrix product.
    """

    throughput: float

    def step_seconds(self, kind: str, multiply_adds: int, layers: int, batch_size: int) -> float:
        """Seconds for one training step of one network.

        Args:
            kind: of the network, see `kind`.
            multiply_adds: for one image, forward.
            layers: how many layers have weights.
            batch_size: images per step.
        """
        arithmetic = 6 * multiply_adds * batch_size / (SHARE.get(kind, OTHERS) * self.throughput)
        return layers * LAYER_SECONDS + arithmetic

    def image_seconds(self, kind: str, multiply_adds: int) -> float:
        """Seconds for evaluating one image."""
        return 2 * multiply_adds / (SHARE.get(kind, OTHERS) * self.throughput)

    def compile_seconds(self, kind: str) -> float:
        """Seconds for compiling the programs of one group."""
        return COMPILE_SECONDS.get(kind, OTHERS_COMPILE)


def nominal(backend: str) -> Machine:
    """The machine that padding is chosen for: the same for every machine of a kind, so that a resumed study pads alike.

    Args:
        backend: JAX's, such as "cpu"; on any other the time of a small network is hardly arithmetic.
    """
    return Machine(90e9 if backend == "cpu" else 10e12)


def machine(size: int = 1024) -> Machine:
    """Measure the first device: the fastest of five float32 products of `size` x `size` matrices counts."""
    x = jnp.ones((size, size))
    product = jax.jit(lambda x: x @ x)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        product(x).block_until_ready()
        best = min(best, time.perf_counter() - started)
    return Machine(2 * size**3 / best)
