"""A member of a population: how it takes its steps, and the metrics that are kept of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from minjax.train.epoch import Input, Totals, run_steps
from minjax.train.evaluate import run_batches
from minjax.train.state import TrainState
from minjax.train.step import train_step
from minjax.train.vectors import holding

Initial = Callable[[jax.Array, Any], TrainState]


@flax.struct.dataclass
class Partition:
    """How a member divides the training split, which all members share on the devices.

    Every member of a population has as many images of each kind. Leading axes are those of a population.

    Attributes:
        train: int32 [..., N], indices of the images that it is trained on.
        validation: int32 [..., M], indices of the images that it is evaluated on.
        mean, std: float [..., C], of the channels of the images that it is trained on, for pixels in [0, 1].
    """

    train: jax.Array | np.ndarray
    validation: jax.Array | np.ndarray
    mean: jax.Array | np.ndarray
    std: jax.Array | np.ndarray

    def inputs(self, like: Input) -> Input:
        """The same input, normalised by the images that this member is trained on."""
        return like.replace(mean=self.mean, std=self.std)  # type: ignore[attr-defined]


@flax.struct.dataclass
class History:
    """Metrics of a member's E epochs, and which of its M validation images it classifies correctly.

    Attributes:
        train_loss: [E], summed over the images of an epoch while it trains.
        train_correct: int32 [E], correctly classified images, likewise.
        validation_loss: [E], summed over the member's validation images after the epoch.
        validation_correct: int32 [E], correctly classified validation images.
        bad_step: int32, the first step whose loss was not finite, from 0; -1: none.
        images: uint8 [ceil(M / 8)], a bit for each validation image in the order of the member's division, 1 where it
            is classified correctly after the newest epoch (`numpy.unpackbits(images, count=M)`).
    """

    train_loss: jax.Array
    train_correct: jax.Array
    validation_loss: jax.Array
    validation_correct: jax.Array
    bad_step: jax.Array
    images: jax.Array

    @classmethod
    def none(cls, epochs: int, held: int) -> History:
        """The history before the first epoch, with `held` validation images."""
        zeros, counts = jnp.zeros(epochs), jnp.zeros(epochs, jnp.int32)
        bits = jnp.zeros(-(-held // 8), jnp.uint8)
        return cls(zeros, counts, zeros, counts, -jnp.ones((), jnp.int32), bits)


@flax.struct.dataclass
class Carry:
    """All that a dispatch passes on to the next about a member, or with leading axes about a population."""

    state: TrainState
    totals: Totals
    history: History


def fresh(initial: Initial, epochs: int, held: int, seed: jax.Array, traits: Any) -> Carry:
    """A member before its first step."""
    return Carry(initial(seed, traits), Totals.zero(), History.none(epochs, held))


def advance(
    carry: Carry,
    seed: jax.Array,
    traits: Any,
    part: Partition,
    images: jax.Array,
    labels: jax.Array,
    first: jax.Array,
    last: jax.Array,
    *,
    initial: Initial,
    optimizer: Callable[[Any], optax.GradientTransformation],
    apply: Callable,
    inputs: Input,
    batch_size: int,
    evaluation_batch: int,
    as_vectors: bool,
) -> Carry:
    """Take a member's steps `first` to `last - 1`, counted over all epochs; at step 0 its state is made."""
    size, held = len(part.train) // batch_size, len(part.validation)  # steps of an epoch, images evaluated after it
    inputs = part.inputs(inputs)
    own = optimizer(traits)
    step = partial(train_step, apply=apply, optimizer=own)
    epochs = carry.history.train_loss.shape[-1]
    carry = lax.cond(first == 0, lambda: fresh(initial, epochs, held, seed, traits), lambda: carry)

    def epoch(index: jax.Array, carry: Carry) -> Carry:
        start, end = jnp.maximum(first - index * size, 0), jnp.minimum(last - index * size, size)
        state, totals = run_steps(
            carry.state,
            carry.totals,
            images,
            labels,
            index + 1,
            start,
            end - start,
            step=step,
            inputs=inputs,
            batch_size=batch_size,
            within=part.train,
            vectors=holding(own, as_vectors),
        )

        def ended() -> tuple[Totals, History]:
            predicted, loss = run_batches(
                {"params": state.params, **state.model_state},
                jnp.zeros(held, jnp.int32),
                jnp.zeros_like(totals.loss),
                images,
                labels,
                jnp.int32(0),
                jnp.int32(-(-held // evaluation_batch)),
                apply=apply,
                inputs=inputs,
                batch_size=evaluation_batch,
                within=part.validation,
            )
            right = predicted == labels[part.validation]
            old = carry.history
            return Totals.zero(), History(
                train_loss=old.train_loss.at[index].set(totals.loss),
                train_correct=old.train_correct.at[index].set(totals.correct),
                validation_loss=old.validation_loss.at[index].set(loss),
                validation_correct=old.validation_correct.at[index].set(jnp.sum(right, dtype=jnp.int32)),
                bad_step=jnp.where(old.bad_step < 0, totals.bad_step, old.bad_step),
                images=jnp.packbits(right),
            )

        totals, history = lax.cond(end == size, ended, lambda: (totals, carry.history))
        return Carry(state, totals, history)

    return lax.fori_loop(first // size, (last - 1) // size + 1, epoch, carry)
