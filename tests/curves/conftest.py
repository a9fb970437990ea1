"""A small network with batch norm, and images that it can tell apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import models
from minjax.data import Split
from minjax.train import state as train_state
from minjax.train.epoch import Input

INPUTS = Input(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


@pytest.fixture(scope="package")
def network():
    """A CNN with batch norm and random statistics, and images with a signal in them."""
    model = models.build("cnn", 4, channels=(6, 8), batch_norm=True, padding="SAME", pool=True)
    state = train_state.init(model, optax.sgd(0.1), (8, 8, 3), 0)
    draw = np.random.default_rng(0)
    # Means of 0 to 0.5 and variances of 0.5 to 1: a network that is alive.
    model_state = jax.tree.map(lambda x: x / 2 + jnp.asarray(draw.uniform(0, 0.5, x.shape), x.dtype), state.model_state)
    labels = draw.integers(0, 4, 230, dtype=np.int32)
    images = (draw.integers(0, 200, (230, 8, 8, 3)) + 12 * labels[:, None, None, None]).astype(np.uint8)
    return model, state.params, model_state, Split(images, labels), images[:100]
