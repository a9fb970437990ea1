"""Multiply-adds of networks of many sizes from the trace of one."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from minjax import models
from minjax.compress import macs
from minjax.studies.arithmetic import Arithmetic, num_params, resized, sizes

SHAPE = (9, 12, 3)
SEPARABLE = {"separable": True, "padding": "SAME", "batch_norm": True, "global_pool": True, "strides": [2, 1, 1]}
CASES = {
    "linear": ({"name": "dnn", "widths": []}, [()]),
    "dnn": ({"name": "dnn", "widths": [3, 5]}, [(1, 1), (7, 2)]),
    "cnn": ({"name": "cnn", "channels": [3, 2]}, [(1, 1), (4, 5)]),
    "pooled": ({"name": "cnn", "channels": [3, 2], "pool": True, "kernel_sizes": [5, 1]}, [(1, 1), (4, 5)]),
    "separable": ({"name": "cnn", "channels": [3, 2, 4], **SEPARABLE}, [(1, 1, 1), (4, 5, 6)]),
    "resnet": ({"name": "resnet", "depth": 14, "width": 2}, [(1,), (5,)]),
}


def counted(model):
    """By a trace of the network itself."""
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in model.items()}
    network = models.build(fields.pop("name"), 7, **fields)
    variables = jax.eval_shape(partial(network.init, train=False), jax.random.key(0), jnp.zeros((1, *SHAPE)))
    return macs.multiply_adds(partial(network.apply, train=False), variables, SHAPE).total


@pytest.mark.parametrize("case", CASES)
def test_other_sizes_are_those_of_their_own_trace(case):
    model, others = CASES[case]
    arithmetic = Arithmetic(model, SHAPE, 7)
    assert arithmetic.own == arithmetic.of(sizes(model))
    assert arithmetic.own.multiply_adds == counted(model)
    for other in others:
        wide = resized(model, other)
        assert sizes(wide) == other
        assert arithmetic.of(other).multiply_adds == counted(wide)
        assert arithmetic.of(other) == Arithmetic(wide, SHAPE, 7).own
        assert num_params(wide, SHAPE, 7) == models.param_count(wide.pop("name"), 7, image_shape=SHAPE, **wide)


def test_outputs_are_those_of_full_vectors():
    work = Arithmetic({"name": "cnn", "channels": [3, 17]}, SHAPE, 7).own
    assert work.outputs == 7 * 10 * 16 + 5 * 8 * 32 + 16
    assert work.layers == 3
