"""Narrow networks in a wide one's arrays: the same numbers to the bit, and the same training in float64."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import models, tree
from minjax.models import padded

SHAPE = (8, 8, 2)
SEPARABLE = {"separable": True, "padding": "SAME", "batch_norm": True, "global_pool": True, "strides": (2, 1)}
FINDING = {"padding": "SAME", "batch_norm": True, "global_pool": True, "kernel_sizes": (5, 3, 3), "strides": (2, 2, 1)}
CASES = {
    "plain": ("cnn", {"channels": (3, 4)}, {"channels": (5, 8)}, {}),
    "pooled": (
        "cnn",
        {"channels": (2, 5)},
        {"channels": (6, 5)},
        {"pool": True, "padding": "SAME", "batch_norm": True},
    ),
    "separable": ("cnn", {"channels": (2, 3)}, {"channels": (4, 7)}, SEPARABLE),
    "find_min, plain": ("cnn", {"channels": (1, 2, 3)}, {"channels": (2, 4, 4)}, FINDING),
    "find_min, separable": (
        "cnn",
        {"channels": (2, 3, 3)},
        {"channels": (4, 8, 8)},
        {**FINDING, "separable": True},
    ),
    "resnet": ("resnet", {"width": 2}, {"width": 3}, {"depth": 8}),
    "dnn": ("dnn", {"widths": (3, 5)}, {"widths": (8, 6)}, {}),
    "dnn of one unit": ("dnn", {"widths": (1,)}, {"widths": (24,)}, {}),
    "dnn as wide": ("dnn", {"widths": (20, 10, 5, 2)}, {"widths": (20, 10, 5, 2)}, {}),
    "linear": ("dnn", {"widths": ()}, {"widths": ()}, {}),
}


def networks(case, init="paper", dtype="float32"):
    name, narrow, wide, common = CASES[case]
    return (models.build(name, 3, init=init, dtype=dtype, **sizes, **common) for sizes in (narrow, wide))


def drawn(narrow, wide, seed):
    """Variables of the narrow network inside the wide one, and its own."""
    key = jax.random.key(seed)
    inside = jax.jit(lambda live, key: padded.initial(wide, live, SHAPE, key))(padded.live(narrow, SHAPE), key)
    return inside, dict(jax.jit(lambda key: narrow.init({"params": key}, jnp.zeros((1, *SHAPE))))(key))


# Uniform numbers are equal to the bit. Normal ones go through XLA's inverse error function, whose vector code may round
# the last place otherwise for another shape (seen with JAX 0.12).
CLOSE = {"paper": np.testing.assert_array_equal, "he": partial(np.testing.assert_array_max_ulp, maxulp=2)}


@pytest.mark.slow
@pytest.mark.parametrize("init", ["paper", "he"])
@pytest.mark.parametrize("case", CASES)
def test_initial_variables_are_those_of_the_narrow_network(case, init):
    narrow, wide = networks(case, init)
    inside, own = drawn(narrow, wide, 7)
    assert set(own) == set(inside)
    for part in own:
        jax.tree.map(CLOSE[init], dict(own[part]), padded.cut(inside[part], wide, narrow, SHAPE))
    cut = padded.cut(inside["params"], wide, narrow, SHAPE)
    for name, leaf in tree.leaves(inside["params"]).items():
        assert np.count_nonzero(leaf) == np.count_nonzero(tree.leaves(cut)[name]), name
    for name, mark in padded.where_live(wide, padded.live(narrow, SHAPE), SHAPE).items():
        assert mark.shape == tree.leaves(inside["params"])[name].shape
        np.testing.assert_array_equal(tree.leaves(inside["params"])[name][mark], tree.leaves(cut)[name].ravel())


def trained(model, variables, optimizer, steps=11):
    """Parameters, statistics and losses after some steps, in float64."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, (steps, 20))
    images = draw.normal(size=(steps, 20, *SHAPE)) + labels[..., None, None, None]
    params, stats = variables["params"], {key: part for key, part in variables.items() if key != "params"}

    def loss(params, stats, x, y):
        logits, new = model.apply({"params": params, **stats}, x, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits.astype(x.dtype), y).mean(), new

    def step(carry, batch):
        params, stats, state = carry
        (value, new), gradients = jax.value_and_grad(loss, has_aux=True)(params, stats, *batch)
        updates, state = optimizer.update(gradients, state, params)
        return (optax.apply_updates(params, updates), {**stats, **new}, state), value

    (params, stats, _), losses = jax.lax.scan(step, (params, stats, optimizer.init(params)), (images, labels))
    return {"params": params, **stats}, losses


def test_dropout_is_refused():
    narrow, wide = (models.build("dnn", 10, widths=(width,), dropout=0.5) for width in (3, 8))
    with pytest.raises(ValueError, match="dropout"):
        padded.initial(wide, padded.live(narrow, SHAPE), SHAPE, jax.random.key(0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "name"),
    [
        *((case, "sgdm") for case in ("pooled", "separable", "find_min, plain", "find_min, separable", "resnet")),
        *(("dnn", name) for name in ("sgdm", "adam")),
    ],
)
def test_training_is_that_of_the_narrow_network_in_float64(case, name):
    optimizer = {
        "sgdm": optax.chain(optax.add_decayed_weights(1e-2), optax.sgd(0.05, 0.9, nesterov=True)),
        "adam": optax.adamw(0.02, weight_decay=1e-2),
    }[name]
    with jax.enable_x64(True):
        narrow, wide = networks(case, dtype="float64")
        double = partial(jax.tree.map, lambda x: jnp.asarray(x, jnp.float64))
        inside, own = map(double, drawn(narrow, wide, 3))
        alone, losses = jax.jit(lambda v: trained(narrow, v, optimizer))(own)
        beside, others = jax.jit(lambda v: trained(wide, v, optimizer))(inside)
        np.testing.assert_allclose(others, losses, rtol=1e-9)
        for part in alone:
            cut = padded.cut(beside[part], wide, narrow, SHAPE)
            jax.tree.map(partial(np.testing.assert_allclose, atol=1e-9), dict(alone[part]), cut)
        dead = sum(map(np.count_nonzero, jax.tree.leaves(beside["params"])))
        assert dead <= sum(map(np.size, jax.tree.leaves(alone["params"])))
        x = jnp.asarray(np.random.default_rng(1).normal(size=(4, *SHAPE)))
        np.testing.assert_allclose(
            jax.jit(wide.apply)(beside, x), jax.jit(narrow.apply)(alone, x), rtol=1e-8, atol=1e-9
        )
