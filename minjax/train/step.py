"""One gradient step, pure: no configuration, no logging, no compression in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from minjax.train.state import TrainState
from minjax.train.vectors import Vectors


def train_step(
    state: TrainState,
    batch: tuple[jax.Array, jax.Array],
    key: jax.Array,
    *,
    apply: Callable[..., Any],
    optimizer: optax.GradientTransformation,
    reparametrize: Callable[[Any], Any] | None = None,
    axis_name: str | None = None,
    vectors: Vectors | None = None,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Take one gradient step: forward, backward, update.

    Args:
        state: the state before the step.
        batch: images [B, H, W, C], already augmented and normalised, and labels int32 [B].
        key: for dropout; an image's mask is a function of it and of the image's position in the global batch.
        apply: `model.apply`.
        optimizer: the transformation whose state `state` holds.
        reparametrize: makes of the parameters, which are updated, those that the model uses, such as rounded ones in
            quantization-aware training; gradients pass through it. None: the same parameters.
        axis_name: the `pmap` axis to average gradients and sum metrics over, or None.
        vectors: how the arrays of `state` are held as vectors; None: they are trees.

    Returns:
        The state after the step, and `loss` (mean cross-entropy over the global batch), `correct` (int32, images
        whose largest logit is the label's).
    """
    images, labels = batch
    params, before = state.params, state.model_state
    if vectors is not None:
        params, before = vectors.params.tree(params), vectors.unpack_model_state(before)

    def loss_fn(params):
        used = params if reparametrize is None else reparametrize(params)
        logits, model_state = apply(
            {"params": used, **before}, images, train=True, rngs={"dropout": key}, mutable=list(before)
        )
        losses = cross_entropy(logits, labels)
        return losses.mean(), (logits, model_state)

    (loss, (logits, model_state)), gradients = jax.value_and_grad(loss_fn, has_aux=True)(params)
    if vectors is not None:
        model_state = jax.lax.platform_dependent(
            model_state, tpu=lambda tree: tree, default=jax.lax.optimization_barrier
        )
        gradients, model_state = vectors.params.vector(gradients), vectors.pack_model_state(model_state)
    correct = jnp.sum(jnp.argmax(logits, axis=-1) == labels, dtype=jnp.int32)
    if axis_name is not None:
        loss, gradients, model_state = jax.lax.pmean((loss, gradients, model_state), axis_name)
        correct = jax.lax.psum(correct, axis_name)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    state = dataclasses.replace(
        state,
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        model_state=model_state,
        opt_state=opt_state,
    )
    return state, {"loss": loss, "correct": correct}


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """The cross-entropy of each image, [B], from logits [B, classes] and labels int [B]: Optax's.

    Optax gathers the labels' logits. The gradient of a gather is a scatter, for which an accelerator launches two more
    kernels, so there they are selected instead; the values are equal, the gradients to rounding.
    """
    return jax.lax.platform_dependent(
        logits, labels, cpu=optax.softmax_cross_entropy_with_integer_labels, default=_cross_entropy
    )


def _cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    chosen = jnp.where(jnp.arange(logits.shape[-1]) == labels[:, None], logits, 0).sum(-1)
    return jax.nn.logsumexp(logits, axis=-1) - chosen
