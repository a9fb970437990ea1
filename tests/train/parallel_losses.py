"""Not a test: train in the given mode on the devices there are, print losses and a sum of the parameters.

Started by test_parallel.py in a process of its own, because the number of devices is fixed when JAX starts.

    python -m tests.train.parallel_losses jit|pmap float32|float64 steps|epochs|unsynced
"""

from __future__ import annotations

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np

from minjax import data, models, optim
from minjax.train import state as train_state
from minjax.train.engine import Engine, axis_name
from minjax.train.epoch import Input, Totals, image_order
from minjax.train.step import train_step

BATCH = 64


def main(mode: str, dtype: str, what: str) -> None:
    dataset = data.load("digits")
    fields = {"channels": (4, 8), "batch_norm": True, "dropout": 0.2, "dtype": dtype}
    if what == "unsynced":
        fields["dropout"] = 0.0
    plain = models.build("cnn", 10, **fields)
    model = models.build("cnn", 10, axis_name=axis_name(mode), sync_batch_norm=what != "unsynced", **fields)
    optimizer = optim.build("sgdm", 0.05)
    augment = "none" if what == "unsynced" else "crop_flip"
    inputs = Input(mean=dataset.mean, std=dataset.std, augment=augment, crop_padding=1, dtype=dtype)
    engine = Engine(model, optimizer, dataset.train, inputs, batch_size=BATCH, parallel=mode)
    state = train_state.init(plain, optimizer, dataset.image_shape, 0)
    if dtype == "float64":
        state = train_state.in_float64(state)
    start = jax.device_get(state)
    carry = (engine.place(start), engine.place(Totals.zero()))
    result = {"devices": jax.device_count(), "dtype": str(jax.tree.leaves(start.params)[0].dtype)}
    if what == "epochs":
        carry, result["losses"] = epochs(engine, carry, 2)
    else:
        carry, result["losses"] = steps(engine, carry, 1 if what == "unsynced" else 4)
    if what == "unsynced":
        result |= unsynced(plain, optimizer, inputs, dataset, start, engine.fetch(carry[0]))
    result["test_loss"] = engine.evaluate(carry[0], engine.place_split(dataset.test))["loss"]
    result["params"] = sum(float(np.abs(x).sum()) for x in jax.tree.leaves(engine.fetch(carry[0].params)))
    print(json.dumps(result))


def steps(engine: Engine, carry, count: int):
    """The losses of the first steps, summed as they go."""
    losses = []
    for first in range(count):
        carry = engine.run(*carry, 1, first, 1)
        losses.append(float(engine.fetch(carry[1]).loss) / BATCH)
    return carry, losses


def epochs(engine: Engine, carry, count: int):
    """The first step's loss and each epoch's mean loss."""
    losses = []
    for epoch in range(1, count + 1):
        carry = (carry[0], engine.place(Totals.zero()))
        for first, steps in ((0, 1), (1, engine.steps_per_epoch - 1)):
            carry = engine.run(*carry, epoch, first, steps)
            totals = engine.fetch(carry[1])
            if epoch == 1 or first:
                losses.append(float(totals.loss) / int(totals.images))
    return carry, losses


def unsynced(plain, optimizer, inputs, dataset, start, after) -> dict:
    """What one step with batch norm per device should come to: its parts one after the other, on one device."""
    order = np.asarray(image_order(jax.random.wrap_key_data(start.key), jnp.int32(1), len(dataset.train.labels)))[
        :BATCH
    ]
    x = ((dataset.train.images[order] / np.float32(255) - inputs.mean) / inputs.std).astype(inputs.dtype)
    parts = np.split(x, jax.device_count()), np.split(dataset.train.labels[order], jax.device_count())
    step = jax.jit(lambda *batch: train_step(start, batch, jax.random.key(0), apply=plain.apply, optimizer=optimizer))
    done = [step(*part) for part in zip(*parts, strict=True)]
    # A first step of momentum is linear in the gradient, so the mean of the parts' parameters is that of the whole.
    mean = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *[state for state, _ in done])
    off = jax.tree.map(
        lambda a, b: float(np.abs(a - b).max()), (mean.params, mean.model_state), (after.params, after.model_state)
    )
    return {
        "expected_loss": float(np.mean([metrics["loss"] for _, metrics in done])),
        "params_off": max(jax.tree.leaves(off[0])),
        "statistics_off": max(jax.tree.leaves(off[1])),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
