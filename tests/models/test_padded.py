"""A narrow network's parameters in a wide one's arrays: the same numbers to the bit, and zeros around them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import models, tree
from minjax.models import padded

WIDE = 24
CASES = [(1,), (3,), (7, 5), (24, 24), (20, 10, 5, 2)]


def networks(widths, init):
    narrow = models.build("dnn", 10, widths=widths, init=init)
    wide = models.build("dnn", 10, widths=(WIDE,) * len(widths), init=init)
    return narrow, wide, padded.live(widths, 12, 10, init)


@pytest.mark.parametrize("init", ["paper", "he"])
@pytest.mark.parametrize("widths", CASES)
def test_initial_parameters_are_those_of_the_narrow_network(widths, init):
    narrow, wide, live = networks(widths, init)
    key = jax.random.key(7)
    own = jax.jit(lambda key: narrow.init({"params": key}, jnp.zeros((1, 2, 2, 3)))["params"])(key)
    inside = jax.jit(lambda live, key: padded.initial(wide, live, 12, key))(live, key)
    cut = padded.cut(inside, widths)
    jax.tree.map(np.testing.assert_array_equal, dict(own), cut)
    for name, leaf in tree.leaves(inside).items():
        assert np.count_nonzero(leaf) == np.count_nonzero(tree.leaves(cut)[name]), name  # nothing outside


@pytest.mark.parametrize("widths", CASES)
def test_where_live_marks_the_narrow_network(widths):
    _, wide, live = networks(widths, "paper")
    marks = padded.where_live(wide, live, 12)
    inside = padded.initial(wide, live, 12, jax.random.key(0))
    cut = tree.leaves(padded.cut(inside, widths))
    assert set(marks) == set(cut)
    for name, mark in marks.items():
        assert mark.shape == tree.leaves(inside)[name].shape
        assert int(mark.sum()) == cut[name].size
        np.testing.assert_array_equal(tree.leaves(inside)[name][mark], cut[name].ravel())


def test_logits_are_those_of_the_narrow_network():
    narrow, wide, live = networks((7, 5), "paper")
    inside = padded.initial(wide, live, 12, jax.random.key(0))
    images = jax.random.normal(jax.random.key(1), (9, 2, 2, 3))
    one = narrow.apply({"params": padded.cut(inside, (7, 5))}, images, train=False)
    other = wide.apply({"params": inside}, images, train=False)
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_dropout_is_refused():
    wide = models.build("dnn", 10, widths=(8,), dropout=0.5)
    with pytest.raises(ValueError, match="dropout"):
        padded.initial(wide, padded.live((3,), 12, 10, "paper"), 12, jax.random.key(0))
