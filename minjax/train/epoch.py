"""An epoch, or any part of one, as one program: order, augmentation, steps and running metrics on the device.

The number of steps is traced, so one compiled program serves however an epoch is split into dispatches, and splitting
changes no bit. The order of the images is a function of (key, epoch) alone; crop, flip and dropout are functions of
(key, step, position in the global batch).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from minjax.data.augment import augment, preprocess
from minjax.train.state import TrainState
from minjax.train.vectors import Vectors

ORDER, AUGMENT, DROPOUT = range(3)  # each has its own stream of random numbers


@flax.struct.dataclass
class Totals:
    """Sums over the steps of an epoch so far.

    Attributes:
        loss: summed over images.
        correct: int32, correctly classified images.
        images: int32, images seen.
        bad_step: int32, the first step of the epoch whose loss was not finite, counted from 0 over the run; -1: none.
    """

    loss: jax.Array
    correct: jax.Array
    images: jax.Array
    bad_step: jax.Array

    @classmethod
    def zero(cls) -> Totals:
        """The totals before the first step."""
        return cls(
            loss=jnp.asarray(0.0),
            correct=jnp.zeros((), jnp.int32),
            images=jnp.zeros((), jnp.int32),
            bad_step=-jnp.ones((), jnp.int32),
        )


@flax.struct.dataclass
class Input:
    """How uint8 images become the model's input.

    Attributes:
        mean: mean of each channel, for pixels in [0, 1].
        std: standard deviation of each channel, likewise.
        augment: none | crop | flip | crop_flip.
        crop_padding: pixels of zeros added around an image before the crop.
        dtype: type of the model's input.
    """

    mean: tuple[float, ...] = flax.struct.field(pytree_node=False)
    std: tuple[float, ...] = flax.struct.field(pytree_node=False)
    augment: str = flax.struct.field(pytree_node=False, default="none")
    crop_padding: int = flax.struct.field(pytree_node=False, default=4)
    dtype: str = flax.struct.field(pytree_node=False, default="float32")


def image_order(key: jax.Array, epoch: jax.Array, size: int) -> jax.Array:
    """The permutation int32 [size] in which `epoch` (from 1) sees the images: a function of the run's key and epoch.

    Sorts once, by 32 random bits per image. `jax.random.permutation` sorts several times to rule out ties, which takes
    longer than a small network's whole epoch; here tied images (0.3 pairs in 50,000) keep their order.
    """
    bits = jax.random.bits(jax.random.fold_in(jax.random.fold_in(key, ORDER), epoch), (size,), jnp.uint32)
    return jax.lax.sort((bits, jax.lax.iota(jnp.int32, size)), num_keys=1)[1]


def run_steps(
    state: TrainState,
    totals: Totals,
    images: jax.Array,
    labels: jax.Array,
    epoch: jax.Array,
    first: jax.Array,
    count: jax.Array,
    *,
    step: Callable,
    inputs: Input,
    batch_size: int,
    within: jax.Array | np.ndarray | None = None,
    skip: int = 0,
    axis_name: str | None = None,
    devices: int = 1,
    constrain: Callable[[jax.Array], jax.Array] = lambda x: x,
    vectors: Callable[[TrainState], Vectors | None] = lambda state: None,
) -> tuple[TrainState, Totals]:
    """Take steps `first` to `first + count - 1` of an epoch.

    Args:
        state: the state before these steps.
        totals: the sums over the epoch so far.
        images: uint8 [N, H, W, C], the whole training split.
        labels: int32 [N].
        epoch: int32, counted from 1.
        first: int32, index of the first step in the epoch, from 0.
        count: int32, how many steps to take.
        step: `(state, (images, labels), key) -> (state, metrics)`, such as a partial of `train_step`.
        inputs: how images are augmented and normalised.
        batch_size: images in a global batch.
        within: int32 [M], the images to train on, as indices; None: all.
        skip: images in the order before step 0 (the program for the incomplete last batch skips all the others).
        axis_name: the `pmap` axis, or None; each device then takes its own part of the global batch.
        devices: how many the axis has.
        constrain: applied to each batch of images, for example a sharding constraint.
        vectors: how to hold the arrays of a state as vectors inside the loop; returns None to leave them as they are.

    Returns:
        The state and the totals after these steps.
    """
    key = jax.random.wrap_key_data(state.key)
    order = image_order(key, epoch, len(images) if within is None else len(within))
    local = batch_size // devices
    offset = 0 if axis_name is None else jax.lax.axis_index(axis_name) * local
    positions = offset + jnp.arange(local)
    held = vectors(state)
    if held is not None:
        state, step = held.pack(state), partial(step, vectors=held)

    def body(i, carry):
        state, totals = carry
        chosen = jax.lax.dynamic_slice_in_dim(order, skip + (first + i) * batch_size + offset, local)
        if within is not None:
            chosen = within[chosen]
        draw = jax.random.fold_in(jax.random.fold_in(key, AUGMENT), state.step)
        x = augment(draw, positions, constrain(images[chosen]), kind=inputs.augment, crop_padding=inputs.crop_padding)
        x = preprocess(x, mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)
        drop = jax.random.fold_in(jax.random.fold_in(key, DROPOUT), state.step)
        before = state.step
        state, metrics = step(state, (x, labels[chosen]), drop)
        first_bad = (totals.bad_step < 0) & ~jnp.isfinite(metrics["loss"])
        totals = Totals(
            loss=totals.loss + metrics["loss"].astype(totals.loss.dtype) * batch_size,
            correct=totals.correct + metrics["correct"],
            images=totals.images,
            bad_step=jnp.where(first_bad, before, totals.bad_step),
        )
        return state, totals

    state, totals = jax.lax.fori_loop(0, count, body, (state, totals))
    totals = totals.replace(images=totals.images + count * batch_size)  # type: ignore[attr-defined]
    return (state if held is None else held.unpack(state)), totals
