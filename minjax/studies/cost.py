"""What training will take, guessed before it: for choosing paddings, for dry runs and for budgets. Never a result.

A step takes a time for each layer (the operations' own overhead) and one for its arithmetic: three passes (forward,
and two of the gradient) of two operations for each multiply-add. The throughput is measured with a matrix product on
the machine at hand; what share of it a family reaches was measured on two CPU cores (digits, batch 128).
"""

from __future__ import annotations

import dataclasses
import time

import jax
import jax.numpy as jnp

LAYER_SECONDS = 25e-6  # of a step, for each layer with weights
SHARE = {"dnn": 0.8, "cnn": 0.12, "vit": 0.15}  # of a large matrix product's throughput
OTHERS = 0.12
COMPILE_SECONDS = {"dnn": 2.0, "cnn": 4.0, "vit": 8.0}  # training and curves together
OTHERS_COMPILE = 15.0


@dataclasses.dataclass(frozen=True)
class Machine:
    """How fast it is.

    Attributes:
        throughput: operations a second of a large matrix product.
    """

    throughput: float

    def step_seconds(self, family: str, multiply_adds: int, layers: int, batch_size: int) -> float:
        """Of one training step of one network.

        Args:
            family: as in `SHARE`.
            multiply_adds: of one image, forward.
            layers: with weights.
            batch_size: images.
        """
        arithmetic = 6 * multiply_adds * batch_size / (SHARE.get(family, OTHERS) * self.throughput)
        return layers * LAYER_SECONDS + arithmetic

    def image_seconds(self, family: str, multiply_adds: int) -> float:
        """Of evaluating one image."""
        return 2 * multiply_adds / (SHARE.get(family, OTHERS) * self.throughput)

    def compile_seconds(self, family: str) -> float:
        """Of one program."""
        return COMPILE_SECONDS.get(family, OTHERS_COMPILE)


def nominal(backend: str) -> Machine:
    """What paddings are chosen by: the same on every machine of a kind, so that a resumed study pads as it did before.

    Args:
        backend: of JAX, such as "cpu"; on any other a small network's time is hardly arithmetic.
    """
    return Machine(90e9 if backend == "cpu" else 10e12)


def machine(size: int = 1024) -> Machine:
    """Measure the first device: the fastest of a few float32 products of `size` x `size` matrices."""
    x = jnp.ones((size, size))
    product = jax.jit(lambda x: x @ x)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        product(x).block_until_ready()
        best = min(best, time.perf_counter() - started)
    return Machine(2 * size**3 / best)
