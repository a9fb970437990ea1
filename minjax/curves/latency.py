"""Latency: how long networks take to classify one batch, measured in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from minjax.records.compressed import ROUNDS, Latency

MIN_ROUND_SECONDS = 0.02  # long enough that the clock's resolution and the dispatch matter little


def latencies(networks: list[tuple[nn.Module, Any]], images: jax.Array) -> list[Latency]:
    """Milliseconds per batch for each network, measured in turns so that a disturbance hits all of them.

    Args:
        networks: pairs of a module and its variables.
        images: float [B, H, W, C], normalised.
    """
    runs = [_runner(model, jax.device_put(variables), images) for model, variables in networks]
    repeats = []
    for run in runs:
        started = time.perf_counter()
        run()
        repeats.append(max(1, round(MIN_ROUND_SECONDS / max(time.perf_counter() - started, 1e-6))))
    milliseconds: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, repeat, times in zip(runs, repeats, milliseconds, strict=True):
            started = time.perf_counter()
            for _ in range(repeat):
                run()
            times.append((time.perf_counter() - started) / repeat * 1000)
    quartiles = [np.percentile(times, [25, 50, 75]) for times in milliseconds]
    return [Latency(median_ms=float(q[1]), quartiles_ms=(float(q[0]), float(q[2]))) for q in quartiles]


def _runner(model: nn.Module, variables: Any, images: jax.Array) -> Callable[[], None]:
    program = jax.jit(partial(model.apply, train=False)).lower(variables, images).compile()

    def run() -> None:
        jax.block_until_ready(program(variables, images))

    run()
    return run
