"""How long a network takes to classify a batch: measured, beside another one in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from flax import linen as nn

ROUNDS = 15
LEAST_SECONDS = 0.02  # of a round, so that the clock and the dispatch weigh little


def latencies(networks: list[tuple[nn.Module, Any]], images: jax.Array) -> list[float]:
    """The median milliseconds of one batch for each network, measured in turns so that a disturbance hits them all.

    Args:
        networks: modules and their variables.
        images: float [B, H, W, C].
    """
    runs = [_runner(model, jax.device_put(variables), images) for model, variables in networks]
    repeats = []
    for run in runs:
        started = time.perf_counter()
        run()
        repeats.append(max(1, round(LEAST_SECONDS / max(time.perf_counter() - started, 1e-6))))
    rounds: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for place, run in enumerate(runs):
            started = time.perf_counter()
            for _ in range(repeats[place]):
                run()
            rounds[place].append((time.perf_counter() - started) / repeats[place] * 1000)
    return [statistics.median(times) for times in rounds]


def _runner(model: nn.Module, variables: Any, images: jax.Array) -> Callable[[], None]:
    program = jax.jit(partial(model.apply, train=False)).lower(variables, images).compile()

    def run() -> None:
        jax.block_until_ready(program(variables, images))

    run()
    return run
