"""Populations of small fully connected networks on made-up images, and the same runs alone."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from minjax import models, optim
from minjax.data import Split
from minjax.data.dataset import pixel_statistics
from minjax.data.splits import divide
from minjax.models import padded
from minjax.train import state as train_state
from minjax.train.engine import Engine
from minjax.train.epoch import Input, Totals
from minjax.train.member import Partition
from minjax.train.population import Population

EPOCHS, BATCH = 2, 20
SHAPE = (4, 4, 1)
NEVER = lambda: False  # noqa: E731
OPTIMIZERS = {
    "sgdm": partial(optim.build, "sgdm", weight_decay=1e-3, nesterov=True),
    "adam": partial(optim.build, "adam", weight_decay=1e-2),
    "adabound": partial(optim.build, "adabound", weight_decay=1e-3, base_lr=0.05),
}


def split(count: int, seed: int) -> Split:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, count, dtype=np.int32)
    images = (draw.integers(0, 120, (count, *SHAPE)) + 60 * labels[:, None, None, None]).astype(np.uint8)
    return Split(images, labels)


TRAIN = split(157, 0)


def partition(seed: int) -> Partition:
    """110 images to train on and 47 to validate on, others for each seed."""
    kept, held = divide(TRAIN.labels, num_classes=3, validation_fraction=0.3, limit_train=None, seed=seed)
    mean, std = pixel_statistics(TRAIN.images[kept])
    return Partition(kept.astype(np.int32), held.astype(np.int32), np.array(mean), np.array(std))


def partitions(seeds):
    """Those of several members, stacked."""
    return jax.tree.map(lambda *x: np.stack(x), *[partition(int(seed)) for seed in seeds])


IMAGES = len(partition(0).train), len(partition(0).validation)


def network(widths, dtype="float32"):
    return models.build("dnn", 3, widths=widths, dtype=dtype)


def optimizer(name="sgdm"):
    steps = EPOCHS * (IMAGES[0] // BATCH)
    return OPTIMIZERS[name](learning_rate=optim.schedules.build("cosine", 0.05, total_steps=steps))


def inputs(dtype="float32"):
    return Input(mean=(0.4,), std=(0.3,), augment="crop_flip", crop_padding=1, dtype=dtype)


def cast(params, dtype):
    return jax.tree.map(lambda x: x.astype(dtype), params)


def beginning(model, transformation, dtype, live: bool):
    """(seed, traits) -> state in `dtype`; of padded networks from what is live."""

    def initial(seed, traits):
        if live:
            draw = lambda key: cast(padded.initial(model, traits, SHAPE, key), dtype)  # noqa: E731
        else:
            zeros = jnp.zeros((1, *SHAPE))
            draw = lambda key: {"params": cast(model.init({"params": key}, zeros)["params"], dtype)}  # noqa: E731
        return train_state.begin(draw, transformation, seed)

    return initial


def population(wide, *, name="sgdm", dtype="float32", live=True, together=False, capacity=6, epochs=EPOCHS):
    model, transformation = network(wide, dtype), optimizer(name)
    return Population(
        model.apply, lambda traits: transformation, beginning(model, transformation, dtype, live), TRAIN, inputs(dtype),
        images=IMAGES, epochs=epochs, batch_size=BATCH, capacity=capacity, together=together, evaluation_batch=20,
    )  # fmt: skip


def train(population, members, live=True):
    """Histories and final parameters of (widths, seed) members, in their order."""
    lives = [padded.live(network(widths), SHAPE) for widths, _ in members]
    traits = jax.tree.map(lambda *x: np.stack(x), *lives) if live else ()
    return train_traits(population, [seed for _, seed in members], traits)


def train_traits(population, seeds, traits):
    """Histories and final parameters of members, in their order."""
    seeds = np.array(seeds)
    found, params = [], []
    for trained in population.train(seeds, traits, partitions(seeds), stop=NEVER):
        assert trained.first == len(found)
        slots = population.slots(trained.first, trained.count)
        found += [jax.tree.map(lambda x: x[i], trained.history) for i in range(trained.count)]  # noqa: B023
        params += [jax.tree.map(lambda x: np.asarray(x[slot]), trained.carry.state.params) for slot in slots]  # noqa: B023
    assert len(found) == len(seeds)
    return found, params


def alone(widths, seed, name, dtype):
    """The same run by the engine of task=train, on its own images alone."""
    model, transformation, part = network(widths, dtype), optimizer(name), partition(seed)
    kept, held = TRAIN.take(part.train), TRAIN.take(part.validation)
    engine = Engine(model, transformation, kept, part.inputs(inputs(dtype)), batch_size=BATCH, evaluation_batch=20)
    state = engine.place(jax.jit(beginning(model, transformation, dtype, live=False))(seed, ()))
    held = engine.place_split(held)
    losses = []
    for epoch in range(1, EPOCHS + 1):
        state, totals = engine.run(state, engine.place(Totals.zero()), epoch, 0, engine.steps_per_epoch)
        result = engine.evaluate(state, held)
        losses.append((float(totals.loss), int(totals.correct), result["loss"] * IMAGES[1], result["accuracy"]))
    return losses, jax.device_get(state.params)


def classified(widths, params, seed, dtype):
    """Which validation images a network classifies correctly, image by image and without a population: bool [M]."""
    part = partition(seed)
    held = TRAIN.take(part.validation)
    pixels = (held.images / 255 - part.mean) / part.std
    logits = network(widths, dtype).apply({"params": params}, jnp.asarray(pixels, dtype), train=False)
    return np.argmax(logits, axis=-1) == held.labels


def right(history):
    """The same as a population recorded it."""
    return np.unpackbits(history.images, count=IMAGES[1]).astype(bool)


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)
