"""The few images of a run that its page shows: surest mistakes, and training images as the network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from minjax.data import Dataset, Split
from minjax.data.augment import augment
from minjax.data.splits import stratified
from minjax.records.run import Predictions
from minjax.records.samples import INPUTS, MISTAKES, SIDE, Samples
from minjax.train.epoch import Input


def of_run(dataset: Dataset, predictions: Predictions, inputs: Input, seed: int) -> Samples:
    """The samples of a training run.

    Args:
        dataset: of the run.
        predictions: of its test split.
        inputs: how its images are augmented.
        seed: of the run: which training images, and how they are cropped and flipped.
    """
    places = mistakes(predictions)
    images, labels = _inputs(dataset.train, inputs, seed)
    return Samples(fitted(dataset.test.images[places]), places, fitted(images), labels.astype(np.int64))


def mistakes(predictions: Predictions) -> np.ndarray:
    """int64 [M], the misclassified images, at most `MISTAKES`: the surest first, or the first ones."""
    wrong = np.flatnonzero(predictions.labels != predictions.predicted)
    if predictions.confidence is not None:
        wrong = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")]
    return wrong[:MISTAKES]


def _inputs(train: Split, inputs: Input, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training images of all classes, cropped and flipped at random as in training, and their labels."""
    chosen = stratified(train.labels, min(INPUTS, len(train)), seed=seed, purpose="samples")
    part = train.take(np.asarray(chosen))
    if inputs.augment == "none":
        return part.images, part.labels
    shifted = jax.jit(partial(augment, kind=inputs.augment, crop_padding=inputs.crop_padding))
    images = shifted(jax.random.key(seed), jnp.arange(len(part)), jnp.asarray(part.images))
    return np.asarray(images), part.labels


def fitted(images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C], no side longer than `SIDE` pixels."""
    pixels = np.asarray(images)
    height, width, channels = pixels.shape[1:]
    if max(height, width) <= SIDE or not len(pixels):
        return pixels[:, :SIDE, :SIDE]
    share = SIDE / max(height, width)
    size = (max(1, round(share * width)), max(1, round(share * height)))
    smaller = [Image.fromarray(image[..., 0] if channels == 1 else image).resize(size) for image in pixels]
    return np.stack([np.asarray(image) for image in smaller]).reshape(-1, size[1], size[0], channels)
