"""An epoch on the device: order, cutting, the incomplete batch, and what depends on what."""

from __future__ import annotations

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import models, optim
from minjax.data import Split
from minjax.train import state as train_state
from minjax.train.engine import Engine
from minjax.train.epoch import Input, Totals, Words, image_order, run_steps
from minjax.train.step import train_step

SHAPE = (6, 6, 1)


def split(size: int) -> Split:
    random = np.random.default_rng(0)
    return Split(
        images=random.integers(0, 256, (size, *SHAPE)).astype(np.uint8),
        labels=random.integers(0, 3, size).astype(np.int32),
    )


def engine(size: int = 50, **fields) -> tuple[Engine, train_state.TrainState]:
    model = models.build("dnn", 3, widths=(7,), dropout=fields.pop("dropout", 0.3))
    optimizer = optim.build("sgdm", 0.1)
    inputs = Input(mean=(0.5,), std=(0.25,), augment="crop_flip", crop_padding=2)
    made = Engine(model, optimizer, split(size), inputs, batch_size=8, **fields)
    return made, made.place(train_state.init(model, optimizer, SHAPE, 0))


def test_order_is_a_permutation_that_depends_on_seed_and_epoch():
    orders = [np.asarray(image_order(jax.random.key(s), jnp.int32(e), 100)) for s in (0, 1) for e in (1, 2)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(100))
    assert len({order.tobytes() for order in orders}) == 4
    np.testing.assert_array_equal(orders[0], image_order(jax.random.key(0), jnp.int32(1), 100))


@pytest.mark.parametrize("cuts", [[1, 1, 1, 1, 1, 1], [2, 4], [5, 1]])
def test_cutting_an_epoch_changes_no_bit(cuts):
    made, start = engine()
    assert made.steps_per_epoch == 6
    whole = made.fetch(made.run(jax.tree.map(jnp.copy, start), made.place(Totals.zero()), 1, 0, 6))
    state, totals, first = start, made.place(Totals.zero()), 0
    for count in cuts:
        state, totals = made.run(state, totals, 1, first, count)
        first += count
    chex.assert_trees_all_equal(whole, made.fetch((state, totals)))
    assert made.compilations == 1


def test_the_incomplete_batch_is_dropped_or_trained_on():
    made, start = engine(50)
    _, totals = made.run(start, made.place(Totals.zero()), 1, 0, made.steps_per_epoch)
    assert int(totals.images) == 48
    made, start = engine(50, drop_last=False)
    assert made.steps_per_epoch == 7
    state, totals = made.run(start, made.place(Totals.zero()), 1, 0, 7)
    assert (int(totals.images), int(state.step)) == (50, 7)


def test_every_image_is_seen_once_in_an_epoch():
    seen = []

    def step(state, batch, key):
        jax.debug.callback(lambda labels: seen.extend(np.asarray(labels)), batch[1])
        return state.replace(step=state.step + 1), {"loss": jnp.float32(1.0), "correct": jnp.int32(0)}

    size = 24
    state = train_state.TrainState(jnp.int32(0), {}, {}, {}, jax.random.key_data(jax.random.key(3)))
    run = partial(run_steps, step=step, inputs=Input(mean=(0.0,), std=(1.0,)), batch_size=8)
    images, labels = jnp.zeros((size, *SHAPE), jnp.uint8), jnp.arange(size, dtype=jnp.int32)
    _, totals = jax.jit(run)(state, Totals.zero(), images, labels, 1, 0, 3)
    jax.effects_barrier()
    assert sorted(seen) == list(range(size))
    assert float(totals.loss) == size


def test_the_first_step_with_an_infinite_loss_is_named():
    def step(state, batch, key):
        loss = jnp.where(state.step >= 4, jnp.inf, 1.0)
        return state.replace(step=state.step + 1), {"loss": loss, "correct": jnp.int32(0)}

    state = train_state.TrainState(jnp.int32(2), {}, {}, {}, jax.random.key_data(jax.random.key(3)))
    run = partial(run_steps, step=step, inputs=Input(mean=(0.0,), std=(1.0,)), batch_size=4)
    images, labels = jnp.zeros((24, *SHAPE), jnp.uint8), jnp.zeros(24, jnp.int32)
    assert int(run(state, Totals.zero(), images, labels, 1, 0, 2)[1].bad_step) == -1
    assert int(run(state, Totals.zero(), images, labels, 1, 0, 5)[1].bad_step) == 4


def test_totals_in_words_have_the_same_bits():
    plain = Totals.zero()
    words = Words.of(plain)
    steps = [(0.7, 3), (1e-9, 0), (2.3, 8), (jnp.inf, 1), (1.1, 2), (jnp.nan, 0)]
    for step, (loss, correct) in enumerate(steps, start=5):
        plain, words = (sums.add(jnp.float32(loss), jnp.int32(correct), 8, jnp.int32(step)) for sums in (plain, words))
        chex.assert_trees_all_equal(words.totals(), plain)
    assert int(plain.bad_step) == 8


def test_golden_step():
    """One step of a small network on fixed input; if a change of the numbers is meant, put in the new ones."""
    random = np.random.default_rng(1)
    images = jnp.asarray(random.normal(size=(8, *SHAPE)), jnp.float32)
    labels = jnp.asarray(random.integers(0, 3, 8), jnp.int32)
    model = models.build("dnn", 3, widths=(7,), dropout=0.0)
    optimizer = optim.build("adabound", 1e-3, 5e-4)
    state = train_state.init(model, optimizer, SHAPE, 0)
    step = jax.jit(partial(train_step, apply=model.apply, optimizer=optimizer))
    losses = []
    for _ in range(3):
        state, metrics = step(state, (images, labels), jax.random.key(0))
        losses.append(float(metrics["loss"]))
    np.testing.assert_allclose(losses, GOLDEN_LOSSES, rtol=1e-5)
    assert int(state.step) == 3


GOLDEN_LOSSES = [1.149494, 1.143386, 1.137356]
