"""How long training will take, estimated beforehand: to choose padding, for dry runs and for budgets. Never a result.

A step takes some time for each layer (the overhead of its operations), some for its arithmetic (three passes, one
forward and two for the gradient, of two operations for each multiply-add), and in convolutional networks some for each
number that a layer puts out: copies, normalization, activation and pooling take most of the time of small ones. Vectors
hold `LANES` numbers, so one channel takes about as long as that many.

The throughput is measured with a matrix product on the machine at hand; the rest was measured on one of two busy cores
of an AMD EPYC with AVX-512, batch size 128, in seconds of the processor: 8 layers of separable convolutions of 16
channels on 28x28 images take 6.6 ms a step, 3 plain ones of 8 channels 16 ms, a ResNet-8 of 8 channels on 32x32 images
81 ms; compiling training and curves takes 8 to 11, 5 to 7 and 13 s, and 4 s for fully connected networks.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

LAYER_SECONDS = 25e-6  # per step and layer with weights
LANES = 16
SHARE = {"dnn": 0.8, "vit": 0.15}  # of the throughput of a large matrix product
OTHERS = 0.5
OUTPUT_OPERATIONS = {"dnn": 0, "vit": 0}  # that take as long as a step spends on each number that layers put out
OTHERS_OUTPUT = 420
COMPILE_SECONDS = {"dnn": 4.0, "cnn": 6.0, "separable": 9.0, "vit": 8.0}  # training and curves together
OTHERS_COMPILE = 15.0


def kind(model: Mapping[str, Any]) -> str:
    """What costs are known by: the family of a resolved model, or "separable" for a CNN of separable convolutions."""
    return "separable" if model.get("separable") else model["name"]


@dataclasses.dataclass(frozen=True)
class Work:
    """What a network computes for one image, forward.

    Attributes:
        multiply_adds: in convolutions and matrix products.
        outputs: numbers that these put out, the channels of each layer rounded up to `LANES`.
        layers: how many layers have weights.
    """

    multiply_adds: int
    outputs: int
    layers: int


@dataclasses.dataclass(frozen=True)
class Machine:
    """How fast a machine computes.

    Attributes:
        throughput: operations per second in a large matrix product.
    """

    throughput: float

    def step_seconds(self, kind: str, work: Work, batch_size: int) -> float:
        """Seconds for one training step of one network.

        Args:
            kind: of the network, see `kind`.
            work: for one image.
            batch_size: images per step.
        """
        return work.layers * LAYER_SECONDS + 3 * batch_size * self.image_seconds(kind, work)

    def image_seconds(self, kind: str, work: Work) -> float:
        """Seconds for evaluating one image."""
        arithmetic = 2 * work.multiply_adds / SHARE.get(kind, OTHERS)
        return (arithmetic + OUTPUT_OPERATIONS.get(kind, OTHERS_OUTPUT) / 3 * work.outputs) / self.throughput

    def compile_seconds(self, kind: str) -> float:
        """Seconds for compiling the programs of one group."""
        return COMPILE_SECONDS.get(kind, OTHERS_COMPILE)


def nominal(backend: str) -> Machine:
    """The machine that padding is chosen for: the same for every machine of a kind, so that a resumed study pads alike.

    Args:
        backend: JAX's, such as "cpu"; on any other the time of a small network is hardly arithmetic.
    """
    return Machine(90e9 if backend == "cpu" else 10e12)


def machine() -> Machine:
    """Measure the first device: the fastest of five float32 products of 1024 x 1024 matrices counts."""
    size = 1024
    x = jnp.ones((size, size))
    product = jax.jit(lambda x: x @ x)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        product(x).block_until_ready()
        best = min(best, time.perf_counter() - started)
    return Machine(2 * size**3 / best)
