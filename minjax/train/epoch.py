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
from minjax.errors import UserError
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

    def add(self, loss: jax.Array, correct: jax.Array, batch_size: int, step: jax.Array) -> Totals:
        """The totals after a step with this mean loss and this number of correctly classified images."""
        first_bad = (self.bad_step < 0) & ~jnp.isfinite(loss)
        return Totals(
            loss=self.loss + loss.astype(self.loss.dtype) * batch_size,
            correct=self.correct + correct,
            images=self.images,
            bad_step=jnp.where(first_bad, step, self.bad_step),
        )


@flax.struct.dataclass
class Words:
    """Totals as one vector, to which an accelerator adds with one kernel instead of three.

    Attributes:
        words: int32 [3], the bits of the loss, `correct` and `bad_step`.
        images: as in `Totals`.
    """

    words: jax.Array
    images: jax.Array

    @classmethod
    def of(cls, totals: Totals) -> Words:
        """Totals whose loss is float32."""
        loss = jax.lax.bitcast_convert_type(totals.loss, jnp.int32)
        return cls(jnp.stack([loss, totals.correct, totals.bad_step]), totals.images)

    def totals(self) -> Totals:
        """The totals again, bit for bit."""
        loss, correct, bad_step = self.words
        return Totals(jax.lax.bitcast_convert_type(loss, jnp.float32), correct, self.images, bad_step)

    def add(self, loss: jax.Array, correct: jax.Array, batch_size: int, step: jax.Array) -> Words:
        """As `Totals.add`; a word depends on its old value alone, so that XLA writes it where it was."""
        old, place = self.words, jnp.arange(3)
        summed = jax.lax.bitcast_convert_type(old, jnp.float32) + loss * batch_size
        bad = jnp.where((old < 0) & ~jnp.isfinite(loss), step, old)
        counts = jnp.where(place == 1, old + correct, bad)
        return Words(jnp.where(place == 0, jax.lax.bitcast_convert_type(summed, jnp.int32), counts), self.images)


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


def check_batch(batch_size: int, size: int, devices: int) -> None:
    """Check that a split of `size` images can be trained on in batches of `batch_size` on `devices` devices.

    Raises:
        UserError: it cannot; names the nearest batch sizes that work.
    """
    if not 1 <= batch_size <= size:
        raise UserError(f"batch_size is {batch_size}; the training split has {size} images, so it must be 1 to {size}")
    if batch_size % devices == 0:
        return
    below = batch_size // devices * devices
    near = [str(batch) for batch in (below, below + devices) if 0 < batch <= size]
    nearest = f"the nearest {'is' if len(near) == 1 else 'are'} {' and '.join(near)}"
    reason = nearest if near else f"the training split has only {size} images"
    raise UserError(f"batch_size {batch_size} is not a multiple of {devices}, the number of devices; {reason}")


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
    constrain: Callable[[jax.Array], jax.Array] | None = None,
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
        constrain: applied to each batch of images, for example a sharding constraint; None: the batch is on one device
            or, with an `axis_name`, divided already.
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

    start = state.step
    # Where devices share a batch, a number of its own may wait for the end of the loop before they add theirs up.
    shared = constrain is not None or axis_name is not None
    in_words = held is not None and not shared and totals.loss.dtype == jnp.float32

    def body(i, carry):
        state, sums = carry
        chosen = jax.lax.dynamic_slice_in_dim(order, skip + (first + i) * batch_size + offset, local)
        if within is not None:
            chosen = within[chosen]
        draw = jax.random.fold_in(jax.random.fold_in(key, AUGMENT), state.step)
        x = images[chosen] if constrain is None else constrain(images[chosen])
        x = augment(draw, positions, x, kind=inputs.augment, crop_padding=inputs.crop_padding)
        x = preprocess(x, mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)
        drop = jax.random.fold_in(jax.random.fold_in(key, DROPOUT), state.step)
        state, metrics = step(state, (x, labels[chosen]), drop)
        return state, sums.add(metrics["loss"], metrics["correct"], batch_size, start + i)

    state, sums = jax.lax.fori_loop(0, count, body, (state, Words.of(totals) if in_words else totals))
    totals = sums.totals() if in_words else sums
    totals = totals.replace(images=totals.images + count * batch_size)  # type: ignore[attr-defined]
    return (state if held is None else held.unpack(state)), totals
