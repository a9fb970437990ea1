"""A member of a population: how it takes its steps, and the metrics that are kept of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from minjax.train.epoch import Input, Totals, run_steps
from minjax.train.evaluate import run_batches
from minjax.train.state import TrainState

Initial = Callable[[jax.Array, Any], TrainState]


@flax.struct.dataclass
class History:
    """Metrics of a member's E epochs.

    Attributes:
        train_loss: [E], summed over the images of an epoch while it trains.
        train_correct: int32 [E], correctly classified images, likewise.
        test_loss: [E], summed over the test images after the epoch.
        test_correct: int32 [E], correctly classified test images.
        bad_step: int32, the first step whose loss was not finite, from 0; -1: none.
    """

    train_loss: jax.Array
    train_correct: jax.Array
    test_loss: jax.Array
    test_correct: jax.Array
    bad_step: jax.Array

    @classmethod
    def none(cls, epochs: int) -> History:
        """The history before the first epoch."""
        zeros, counts = jnp.zeros(epochs), jnp.zeros(epochs, jnp.int32)
        return cls(zeros, counts, zeros, counts, -jnp.ones((), jnp.int32))


@flax.struct.dataclass
class Carry:
    """All that a dispatch passes on to the next about a member, or with leading axes about a population."""

    state: TrainState
    totals: Totals
    history: History


def fresh(initial: Initial, epochs: int, seed: jax.Array, traits: Any) -> Carry:
    """A member before its first step."""
    return Carry(initial(seed, traits), Totals.zero(), History.none(epochs))


def advance(
    carry: Carry,
    seed: jax.Array,
    traits: Any,
    images: jax.Array,
    labels: jax.Array,
    test_images: jax.Array,
    test_labels: jax.Array,
    first: jax.Array,
    last: jax.Array,
    *,
    initial: Initial,
    step: Callable,
    apply: Callable,
    inputs: Input,
    batch_size: int,
    evaluation_batch: int,
) -> Carry:
    """Take a member's steps `first` to `last - 1`, counted over all epochs; at step 0 its state is made."""
    size = len(labels) // batch_size  # steps of an epoch
    epochs = carry.history.train_loss.shape[-1]
    carry = lax.cond(first == 0, lambda: fresh(initial, epochs, seed, traits), lambda: carry)

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
        )

        def ended() -> tuple[Totals, History]:
            predicted, loss = run_batches(
                {"params": state.params, **state.model_state},
                jnp.zeros(len(test_labels), jnp.int32),
                jnp.zeros_like(totals.loss),
                test_images,
                test_labels,
                jnp.int32(0),
                jnp.int32(-(-len(test_labels) // evaluation_batch)),
                apply=apply,
                inputs=inputs,
                batch_size=evaluation_batch,
            )
            old = carry.history
            return Totals.zero(), History(
                train_loss=old.train_loss.at[index].set(totals.loss),
                train_correct=old.train_correct.at[index].set(totals.correct),
                test_loss=old.test_loss.at[index].set(loss),
                test_correct=old.test_correct.at[index].set(jnp.sum(predicted == test_labels, dtype=jnp.int32)),
                bad_step=jnp.where(old.bad_step < 0, totals.bad_step, old.bad_step),
            )

        totals, history = lax.cond(end == size, ended, lambda: (totals, carry.history))
        return Carry(state, totals, history)

    return lax.fori_loop(first // size, (last - 1) // size + 1, epoch, carry)
