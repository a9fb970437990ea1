"""States held as vectors, and the other forms that accelerators run, give the numbers of the plain ones.

Accelerators' branches are chosen when a program is lowered for them; here they are run on CPU, in float64.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import models, optim
from minjax.train import state as train_state
from minjax.train.epoch import Input, Totals, run_steps
from minjax.train.step import train_step
from minjax.train.vectors import holding, layout, vectors

SHAPE, CLASSES, IMAGES, BATCH = (8, 8, 3), 3, 24, 8
SMALL = {
    "cnn": {"channels": (3, 4), "kernel_size": 3, "padding": "SAME", "global_pool": True, "batch_norm": True},
    "resnet": {"depth": 8, "width": 2},
    "vit": {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 6, "patch_size": 4},
    "dnn": {"widths": (5, 4), "dropout": 0.3},
}
OPTIMIZERS = {
    "sgdm": lambda: optim.build("sgdm", 0.05, 1e-3, nesterov=True),
    "adam": lambda: optim.build("adam", optim.schedules.build("cosine", 0.01, total_steps=9), 1e-2, decoupled=True),
    "amsbound": lambda: optim.build("amsbound", 1e-2, 1e-3),
    "clipped": lambda: optax.chain(optax.clip_by_global_norm(0.1), optim.build("sgdm", 0.05, 1e-3)),
}


@pytest.fixture
def as_on_accelerators(monkeypatch):
    """Take the branches of accelerators."""
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, default, **platforms: default(*args))


def network(name: str, dtype="float64"):
    return models.build(name, CLASSES, dtype=dtype, **SMALL[name])


def begin(model, optimizer, seed=0):
    return train_state.in_float64(train_state.init(model, optimizer, SHAPE, seed))


def after_steps(model, optimizer, start, held, count=4):
    """The state and the totals after some steps, as one program."""
    draw = np.random.default_rng(3)
    images = jnp.asarray(draw.integers(0, 256, (IMAGES, *SHAPE)), jnp.uint8)
    labels = jnp.asarray(draw.integers(0, CLASSES, IMAGES), jnp.int32)
    inputs = Input(mean=(0.5,) * 3, std=(0.3,) * 3, augment="crop_flip", crop_padding=1, dtype="float64")
    step = partial(train_step, apply=model.apply, optimizer=optimizer)
    run = partial(run_steps, step=step, inputs=inputs, batch_size=BATCH, vectors=held)
    return jax.jit(run)(start, Totals.zero(), images, labels, 1, 0, count)


def agree(one, other, atol=1e-9):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=atol), one, other)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_state_is_unpacked_as_it_was_packed(optimizer):
    built = OPTIMIZERS[optimizer]()
    state = train_state.init(network("cnn", "float32"), built, SHAPE, 1)
    held = vectors(state, built)
    packed = held.pack(state)
    assert {leaf.ndim for leaf in jax.tree.leaves(packed)} <= {0, 1}
    assert len(jax.tree.leaves(packed)) < len(jax.tree.leaves(state)) / 2
    jax.tree.map(np.testing.assert_array_equal, held.unpack(packed), state)


def test_kernels_are_stored_output_by_output():
    kernel = jnp.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    found = layout({"kernel": kernel})
    vector = found.vector({"kernel": kernel})
    np.testing.assert_array_equal(vector, np.asarray(kernel).transpose(3, 0, 1, 2).ravel())
    np.testing.assert_array_equal(found.tree(vector)["kernel"], kernel)


def test_masks_of_single_leaves_and_mixed_types_have_no_vectors():
    params = {"a": jnp.ones(3), "b": jnp.ones(2)}
    masks = {"a": jnp.array([True, False, True]), "b": jnp.ones(2, bool)}
    pruned = optax.chain(optim.build("sgdm", 0.1), optim.keep_zeros(masks))
    state = train_state.begin(lambda key: {"params": params}, pruned, 0)
    assert vectors(state, pruned) is None
    assert layout({"a": jnp.ones(3), "b": jnp.ones(2, jnp.bfloat16)}) is None
    assert layout({}) is None


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_on_vectors_are_those_on_trees(optimizer):
    with jax.enable_x64(True):
        model, built = network("dnn"), OPTIMIZERS[optimizer]()
        start = begin(model, built)
        plain = after_steps(model, built, start, lambda state: None)
        agree(after_steps(model, built, start, holding(built, True)), plain)
        assert not np.allclose(jax.tree.leaves(plain[0].params)[0], jax.tree.leaves(start.params)[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_what_accelerators_run_gives_the_same_steps(name, as_on_accelerators, monkeypatch):
    with jax.enable_x64(True):
        model, built = network(name), OPTIMIZERS["sgdm"]()
        start = begin(model, built)
        fast = after_steps(model, built, start, holding(built, True))
        monkeypatch.undo()
        jax.clear_caches()
        agree(fast, after_steps(model, built, start, holding(built, False)))


@pytest.mark.slow
def test_members_in_groups_are_members_one_by_one(as_on_accelerators):
    with jax.enable_x64(True):
        model, built = network("cnn"), OPTIMIZERS["sgdm"]()
        starts = [begin(model, built, seed) for seed in (0, 1)]
        alone = [after_steps(model, built, start, holding(built, True), 3) for start in starts]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *starts)
        together = jax.vmap(lambda start: after_steps(model, built, start, holding(built, True), 3))(stacked)
        for place, one in enumerate(alone):
            agree(jax.tree.map(lambda x: x[place], together), one)  # noqa: B023
