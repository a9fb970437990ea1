"""`build`: names, defaults, and what a user can get wrong."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import optim
from minjax.errors import UserError


def test_defaults_are_the_paper_s():
    assert optim.NAMES == ("sgdm", "adam", "adabound", "amsbound")
    picked = {name: (d["learning_rate"], d["weight_decay"]) for name, d in optim.DEFAULTS.items()}
    assert picked == {"sgdm": (0.1, 1e-3), "adam": (1e-3, 1e-3), "adabound": (1e-3, 5e-4), "amsbound": (1e-3, 5e-4)}
    assert optim.DEFAULTS["sgdm"]["momentum"] == 0.9
    assert not any(d["decoupled"] for d in optim.DEFAULTS.values())


@pytest.mark.parametrize("name", optim.NAMES)
def test_what_is_not_given_is_the_default(name):
    hyper = dict(optim.DEFAULTS[name])
    del hyper["learning_rate"], hyper["weight_decay"]
    implicit, explicit = optim.build(name, 0.01), optim.build(name, 0.01, 0.0, **hyper)
    param = jnp.array([1.0, -3.0])
    states = implicit.init(param), explicit.init(param)
    for _ in range(3):
        one, state = implicit.update(param, states[0], param)
        other, other_state = explicit.update(param, states[1], param)
        np.testing.assert_array_equal(one, other)
        states = state, other_state


def test_building_leaves_the_defaults_alone():
    before = {name: dict(hyper) for name, hyper in optim.DEFAULTS.items()}
    optim.build("adabound", 1e-3, final_lr=3.0, base_lr=None)
    assert before == optim.DEFAULTS


def test_unknown_name():
    with pytest.raises(UserError, match=r"unknown optimizer 'adm' \(did you mean 'adam'\?\); known: adabound, adam"):
        optim.build("adm", 0.1)


@pytest.mark.parametrize(
    ("name", "key", "own"),
    [
        ("sgdm", "b1", "momentum, nesterov, decoupled"),
        ("adam", "momentum", "b1, b2, eps, decoupled"),
        ("adam", "base_lr", "b1, b2, eps, decoupled"),
        ("adabound", "amsbound", "b1, b2, eps, final_lr, gamma, decoupled, base_lr"),
    ],
)
def test_a_hyperparameter_of_another_optimizer(name, key, own):
    with pytest.raises(UserError, match=f"{name} has no hyperparameter '{key}'; it has {own}"):
        optim.build(name, 0.1, **{key: 0.5})


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("sgdm", "learning_rate", -0.1, "sgdm: learning_rate is -0.1; it must be at least 0"),
        ("sgdm", "learning_rate", float("inf"), "learning_rate is inf; it must be a number of at least 0, and finite"),
        ("sgdm", "learning_rate", None, "learning_rate is None; it must be a number"),
        ("adam", "learning_rate", "1e-3", "learning_rate is '1e-3'; it must be a number"),
        ("adam", "weight_decay", -1, "weight_decay is -1; it must be at least 0"),
        ("adam", "weight_decay", True, "weight_decay is True; it must be a number"),
        (
            "adam",
            "weight_decay",
            np.float64("nan"),
            "weight_decay is nan; it must be .* finite",
        ),
        ("sgdm", "momentum", 1.0, "momentum is 1.0; it must be below 1"),
        ("sgdm", "nesterov", 1, "nesterov is 1; it must be True or False"),
        ("adam", "b1", 1.0, "b1 is 1.0; it must be below 1"),
        ("adabound", "b2", -0.5, "b2 is -0.5; it must be at least 0"),
        ("adam", "eps", 0.0, "eps is 0.0; it must be greater than 0"),
        ("adabound", "final_lr", 0.0, "final_lr is 0.0; it must be greater than 0"),
        ("amsbound", "gamma", -1e-3, "gamma is -0.001; it must be at least 0"),
        ("adabound", "base_lr", 0.0, "base_lr is 0.0; it must be greater than 0"),
        ("adam", "decoupled", "yes", "decoupled is 'yes'; it must be True or False"),
    ],
)
def test_bad_values(name, key, value, message):
    arguments = {"learning_rate": 0.1, key: value}
    with pytest.raises(UserError, match=message):
        optim.build(name, **arguments)


def test_arrays_are_not_read():
    """A check that reads a traced value would end in an error; one that reads a concrete array makes it wait."""
    jax.jit(lambda bad: optim.build("adam", bad, weight_decay=bad).init(jnp.ones(2)))(jnp.float32(-1))
    optim.build("adabound", jnp.float32(1e-3), gamma=jnp.float32(-1))


@pytest.mark.parametrize(
    "module", ["minjax.tree", *(m.name for m in pkgutil.iter_modules(optim.__path__, "minjax.optim."))]
)
def test_examples_in_docstrings(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_examples_in_the_room_s_docstring():
    result = doctest.testmod(optim)
    assert result.attempted
    assert result.failed == 0
