"""Not a test: train a few steps in the given mode on the devices there are, print losses and a sum of the parameters.

Started by test_parallel.py in a process of its own, because the number of devices is fixed when JAX starts.
"""

from __future__ import annotations

import json
import sys

import jax
import numpy as np

from minjax import data, models, optim
from minjax.train import state as train_state
from minjax.train.engine import Engine, axis_name
from minjax.train.epoch import Input, Totals


def main(mode: str) -> None:
    dataset = data.load("digits")
    model = models.build("cnn", 10, channels=(4, 8), batch_norm=True, dropout=0.2, axis_name=axis_name(mode))
    optimizer = optim.build("sgdm", 0.05)
    inputs = Input(mean=dataset.mean, std=dataset.std, augment="crop_flip", crop_padding=1)
    engine = Engine(model, optimizer, dataset.train, inputs, batch_size=64, parallel=mode)
    plain = models.build("cnn", 10, channels=(4, 8), batch_norm=True, dropout=0.2)
    state = engine.place(jax.device_get(train_state.init(plain, optimizer, dataset.image_shape, 0)))
    losses = []
    totals = engine.place(Totals.zero())
    for first in range(4):
        state, totals = engine.run(state, totals, 1, first, 1)
        losses.append(float(engine.fetch(totals).loss) / 64)
    test = engine.place_split(dataset.test)
    result = engine.evaluate(state, test)
    params = sum(float(np.abs(x).sum()) for x in jax.tree.leaves(engine.fetch(state.params)))
    print(json.dumps({"devices": jax.device_count(), "losses": losses, "params": params, "test_loss": result["loss"]}))


if __name__ == "__main__":
    main(sys.argv[1])
