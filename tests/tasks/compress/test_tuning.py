"""Trainings of one network share the training split on the device; saved states are read back or refused."""

from __future__ import annotations

import math

import jax
import numpy as np
import optax
import pytest

from minjax import models
from minjax.data import Split
from minjax.errors import UserError
from minjax.tasks.compress.tuning import read, save
from minjax.train.engine import Engine
from minjax.train.epoch import Input

SHAPE = (13, 5, 5, 1)


def copies() -> int:
    """Copies of the images on the device."""
    return len({x.unsafe_buffer_pointer() for x in jax.live_arrays() if x.shape == SHAPE and x.dtype == np.uint8})


def test_engines_share_the_training_split():
    images = np.zeros(1 + math.prod(SHAPE), np.uint8)[1:].reshape(SHAPE)  # not aligned, so JAX cannot borrow it
    split = Split(images, np.zeros(SHAPE[0], np.int32))
    model = models.build("dnn", 2, widths=(3,))

    def engine(train: Split) -> Engine:
        return Engine(model, optax.sgd(0.1), train, Input(mean=(0.5,), std=(0.5,)), batch_size=4)

    first = engine(split)
    second = engine(first.train)
    assert copies() == 1
    other = engine(split)
    assert copies() == 2
    assert other.steps_per_epoch == second.steps_per_epoch == 3


def test_a_saved_tree_is_read_back_and_another_networks_is_refused(tmp_path):
    path = tmp_path / "round.npz"
    tree = {"params": {"head": np.arange(6, dtype=np.float32).reshape(2, 3)}, "masks": {"head": np.eye(2, 3) > 0}}
    save(path, tree)
    found = read(path, jax.tree.map(np.zeros_like, tree))
    assert jax.tree.all(jax.tree.map(lambda a, b: a.dtype == b.dtype and (a == b).all(), found, tree))
    with pytest.raises(UserError, match=r"round\.npz belongs to another network; remove its folder"):
        read(path, tree | {"params": {"head": np.zeros((3, 3), np.float32)}})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match=r"round\.npz cannot be read"):
        read(path, tree)
