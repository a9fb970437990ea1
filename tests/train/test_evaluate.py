"""Evaluation counts every image once, whatever the batch."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from minjax import models
from minjax.train.epoch import Input
from minjax.train.evaluate import evaluate


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, 8, 23, 100])
def test_no_image_is_dropped_or_counted_twice(batch_size):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (23, 6, 6, 1)).astype(np.uint8)
    labels = random.integers(0, 3, 23).astype(np.int32)
    model = models.build("dnn", 3, widths=(5,))
    variables = model.init(jax.random.key(0), np.zeros((1, 6, 6, 1), np.float32), train=False)
    result = evaluate(model.apply, variables, images, labels, Input(mean=(0.5,), std=(0.2,)), batch_size)
    logits = model.apply(variables, (images / np.float32(255) - 0.5) / np.float32(0.2), train=False)
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    np.testing.assert_allclose(result["loss"], expected.mean(), rtol=1e-5)
    np.testing.assert_array_equal(result["predicted"], logits.argmax(-1))
    assert result["accuracy"] == pytest.approx(np.mean(logits.argmax(-1) == labels))
