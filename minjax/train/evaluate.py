"""Loss and accuracy over a whole split: one function for dense, pruned and quantized networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from minjax.data.augment import preprocess
from minjax.train.epoch import Input


def run_batches(
    variables: Any,
    predicted: jax.Array,
    loss: jax.Array,
    images: jax.Array,
    labels: jax.Array,
    first: jax.Array,
    count: jax.Array,
    *,
    apply: Callable[..., Any],
    inputs: Input,
    batch_size: int,
    within: jax.Array | np.ndarray | None = None,
    constrain: Callable[[jax.Array], jax.Array] = lambda x: x,
    confidence: jax.Array | None = None,
) -> tuple[jax.Array, ...]:
    """Evaluate batches `first` to `first + count - 1`.

    The last batch starts early so that it is full; images that an earlier batch has already seen get weight 0, so
    every image counts once. There must be at least `batch_size` images.

    Args:
        variables: the model's variables.
        predicted: int32 [N], or [M] with `within`, the predicted classes, filled in batch by batch.
        loss: scalar, the sum of the losses so far.
        images: uint8 [N, H, W, C].
        labels: int32 [N].
        first: int32, index of the first batch.
        count: int32, how many batches.
        apply: `model.apply`.
        inputs: how images are normalised (they are not augmented).
        batch_size: images per batch.
        within: int32 [M], the images to evaluate, as indices; None: all.
        constrain: applied to each batch of images, for example a sharding constraint.
        confidence: float32, as long as `predicted`: the probability of the predicted class, filled in batch by batch;
            None: it is not wanted.

    Returns:
        `predicted` and `loss` after these batches, and `confidence` where it is wanted.
    """
    total = len(predicted)

    def body(i, carry):
        predicted, loss, *sure = carry
        wanted = (first + i) * batch_size
        start = jnp.minimum(wanted, total - batch_size)
        if within is None:
            x, y = (jax.lax.dynamic_slice_in_dim(of, start, batch_size) for of in (images, labels))
        else:
            chosen = jax.lax.dynamic_slice_in_dim(within, start, batch_size)
            x, y = images[chosen], labels[chosen]
        x = preprocess(constrain(x), mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)
        logits = apply(variables, x, train=False)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        new = start + jnp.arange(batch_size) >= wanted
        classes = jnp.argmax(logits, axis=-1).astype(predicted.dtype)
        predicted = jax.lax.dynamic_update_slice_in_dim(predicted, classes, start, 0)
        if sure:
            largest = 1 / jnp.sum(jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True)), axis=-1)
            sure = [jax.lax.dynamic_update_slice_in_dim(sure[0], largest.astype(sure[0].dtype), start, 0)]
        return predicted, loss + jnp.sum(jnp.where(new, losses, 0)).astype(loss.dtype), *sure

    return jax.lax.fori_loop(0, count, body, (predicted, loss, *([] if confidence is None else [confidence])))


def evaluate(apply: Callable[..., Any], variables: Any, images, labels, inputs: Input, batch_size: int = 500) -> dict:
    """Evaluate a network on a split, in one dispatch.

    Args:
        apply: `model.apply`; each new function is compiled again.
        variables: the model's variables.
        images: uint8 [N, H, W, C].
        labels: int32 [N].
        inputs: how images are normalised.
        batch_size: images per batch; no image is dropped or counted twice.

    Returns:
        `loss` (mean cross-entropy), `accuracy` (a fraction), `predicted` (int32 [N]).
    """
    batch_size = min(batch_size, len(images))
    count = -(-len(images) // batch_size)
    program = _evaluation(apply, inputs, batch_size)
    predicted, loss = program(
        variables, jnp.zeros(len(images), jnp.int32), jnp.asarray(0.0), images, labels, jnp.int32(0), jnp.int32(count)
    )
    return summarize(predicted, loss, labels)


def _evaluation(apply, inputs, batch_size):
    return jax.jit(partial(run_batches, apply=apply, inputs=inputs, batch_size=batch_size))


def summarize(predicted, loss, labels, confidence=None) -> dict:
    """Loss, accuracy and predictions of a split.

    Args:
        predicted: int32 [N], the predicted classes.
        loss: the sum over its images.
        labels: int32 [N], the true classes.
        confidence: float32 [N], the probability of each predicted class; None: it is not known.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    return {
        "loss": float(loss) / len(labels),
        "accuracy": float(np.mean(predicted == labels)),
        "predicted": predicted,
        **({} if confidence is None else {"confidence": np.asarray(confidence)}),
    }
