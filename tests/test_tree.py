"""Names of parameters, counts and selections by pattern."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import tree
from minjax.errors import UserError

PARAMS = {
    "stem": {"kernel": np.ones((3, 3, 3, 8)), "bias": np.ones(8)},
    "stage1": [{"conv": {"kernel": np.ones((1, 1, 8, 4))}}, {"norm": {"scale": np.ones(4)}}],
    "head": {"kernel": np.ones((4, 10)), "bias": np.ones(10)},
}
NAMES = ["head/bias", "head/kernel", "stage1/0/conv/kernel", "stage1/1/norm/scale", "stem/bias", "stem/kernel"]


def chosen(*args, **kwargs) -> list[str]:
    return [name for name, meant in tree.leaves(tree.select(PARAMS, *args, **kwargs)).items() if meant]


def test_names_are_paths_in_the_order_of_the_leaves():
    named = tree.leaves(PARAMS)
    assert list(named) == NAMES
    assert all(one is other for one, other in zip(named.values(), jax.tree.leaves(PARAMS), strict=True))


def test_count():
    assert tree.count(PARAMS) == 216 + 8 + 32 + 4 + 40 + 10
    assert tree.count(jax.eval_shape(lambda: jax.tree.map(jnp.asarray, PARAMS))) == tree.count(PARAMS)
    assert tree.count({}) == 0
    assert tree.count(jnp.float32(1)) == 1


def test_the_default_is_convolution_kernels():
    assert chosen() == ["stage1/0/conv/kernel", "stem/kernel"]
    assert tree.leaves(tree.select({"head": PARAMS["head"]})) == {"head/bias": False, "head/kernel": False}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ("*/kernel", (), ["head/kernel", "stage1/0/conv/kernel", "stem/kernel"]),
        (["*/kernel", "stem/bias"], "head/*", ["stage1/0/conv/kernel", "stem/bias", "stem/kernel"]),
        (None, ["stem/*"], ["stage1/0/conv/kernel"]),
        ("*", ["*/bias", "stage?/*"], ["head/kernel", "stem/kernel"]),
        ((), (), []),
    ],
)
def test_patterns(include, exclude, expected):
    assert chosen(include, exclude) == expected


def test_a_selection_has_the_structure_of_the_parameters():
    selection = tree.select(PARAMS, "stem/*")
    assert jax.tree.structure(selection) == jax.tree.structure(PARAMS)
    assert all(type(leaf) is bool for leaf in jax.tree.leaves(selection))


@pytest.mark.parametrize("arguments", [{"include": "*/kernal"}, {"exclude": ["head/*", "Stem/*"]}])
def test_a_pattern_that_matches_nothing(arguments):
    with pytest.raises(UserError) as error:
        tree.select(PARAMS, **arguments)
    assert str(error.value).startswith("the pattern ")
    assert all(name in str(error.value) for name in NAMES)
    assert "kernal" in str(error.value) or "Stem" in str(error.value)
    assert "head/*" not in str(error.value)


def test_no_parameters():
    with pytest.raises(UserError, match=r"'\*' matches no parameter; there are: none"):
        tree.select({}, "*")
