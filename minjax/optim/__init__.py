"""Optimizers by name, as optax transformations with PyTorch's semantics.

`build("adam", 1e-3)` builds one; `DEFAULTS["adam"]` lists its hyperparameters with the values of paper 1. To add an
optimizer, write a file with a function of (learning_rate, weight_decay, **hyper) and add a line to `_BUILDERS` and one
to `DEFAULTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import optax
from jax.typing import ArrayLike

from minjax.errors import UserError, unknown
from minjax.optim import schedules
from minjax.optim.adabound import adabound, scale_by_adabound
from minjax.optim.adam import adam
from minjax.optim.keep_zeros import keep_zeros, with_masks
from minjax.optim.numbers import check
from minjax.optim.sgdm import sgdm

__all__ = [
    "DEFAULTS",
    "NAMES",
    "adabound",
    "adam",
    "build",
    "keep_zeros",
    "scale_by_adabound",
    "schedules",
    "sgdm",
    "with_masks",
]

_MOMENTS = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
_BOUND = {"learning_rate": 1e-3, "weight_decay": 5e-4, **_MOMENTS, "final_lr": 0.1, "gamma": 1e-3, "decoupled": False}

DEFAULTS: dict[str, dict[str, Any]] = {
    "sgdm": {"learning_rate": 0.1, "weight_decay": 1e-3, "momentum": 0.9, "nesterov": False, "decoupled": False},
    "adam": {"learning_rate": 1e-3, "weight_decay": 1e-3, **_MOMENTS, "decoupled": False},
    "adabound": dict(_BOUND),
    "amsbound": dict(_BOUND),
}

_BUILDERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "sgdm": sgdm,
    "adam": adam,
    "adabound": adabound,
    "amsbound": partial(adabound, amsbound=True),
}

NAMES = tuple(DEFAULTS)


def build(
    name: str, learning_rate: optax.ScalarOrSchedule, weight_decay: ArrayLike = 0.0, **hyper: Any
) -> optax.GradientTransformation:
    """Build the named optimizer; hyperparameters that are not given have the values of paper 1.

    Args:
        name: one of `NAMES`.
        learning_rate: a number, a traced scalar or an optax schedule over steps.
        weight_decay: a number or a traced scalar; 0 by default, whatever `DEFAULTS` has.
        **hyper: those in `DEFAULTS[name]`, and `base_lr` for AdaBound and AMSBound (see `adabound`). `final_lr`,
            `gamma` and the decays of the moments may be traced scalars, so that runs can be vmapped over them.

    Raises:
        UserError: an unknown name, a hyperparameter that the optimizer does not have, or a number out of range (JAX
            arrays are not checked: they may be traced).

    >>> import jax.numpy as jnp
    >>> build("sgdm", 0.1, weight_decay=1e-3, nesterov=True).init({"w": jnp.zeros(2)})[1].trace
    {'w': Array([0., 0.], dtype=float32)}
    """
    if name not in _BUILDERS:
        raise unknown("optimizer", name, NAMES)
    own = [key for key in DEFAULTS[name] if key not in ("learning_rate", "weight_decay")]
    if "final_lr" in own:
        own.append("base_lr")
    for key in hyper:
        if key not in own:
            raise UserError(f"{name} has no hyperparameter {key!r}; it has {', '.join(own)}")
    if hyper.get("base_lr", 0) is None:
        del hyper["base_lr"]  # None: from the learning rate
    if not callable(learning_rate):
        check(name, learning_rate=learning_rate)
    check(name, weight_decay=weight_decay, **hyper)
    defaults = {key: DEFAULTS[name][key] for key in own if key != "base_lr"}
    return _BUILDERS[name](learning_rate, weight_decay, **{**defaults, **hyper})
