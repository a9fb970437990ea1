"""The hyperparameters that are numbers: what range each may have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minjax.errors import UserError

# name: (least, whether the least itself is allowed, the bound above that is never reached)
RANGES = {
    "learning_rate": (0.0, True, math.inf),
    "base_lr": (0.0, False, math.inf),
    "weight_decay": (0.0, True, math.inf),
    "momentum": (0.0, True, 1.0),
    "b1": (0.0, True, 1.0),
    "b2": (0.0, True, 1.0),
    "eps": (0.0, False, math.inf),
    "final_lr": (0.0, False, math.inf),
    "gamma": (0.0, True, math.inf),
    "decay_factor": (0.0, False, math.inf),
}
FLAGS = ("nesterov", "decoupled")


def check(owner: str, **values: Any) -> None:
    """Refuse numbers outside their range, and what is no number at all.

    JAX arrays pass unread: they may be traced, and reading one would stop `jit` and `vmap` over it.

    Raises:
        UserError: naming `owner`, the hyperparameter, its value and what is allowed.
    """
    for name, value in values.items():
        if name in FLAGS:
            if not isinstance(value, (bool, np.bool_)):
                raise UserError(f"{owner}: {name} must be True or False, not {value!r}")
            continue
        if isinstance(value, (bool, str)) or value is None:
            raise UserError(f"{owner}: {name} must be a number, not {value!r}")
        if isinstance(value, (int, float, np.number)):
            least, closed, bound = RANGES[name]
            if not (least < value < bound or (closed and value == least)):  # not: NaN fails every comparison
                raise UserError(f"{owner}: {name} must be {_range(name)}, not {value!r}")


def _range(name: str) -> str:
    least, closed, bound = RANGES[name]
    lower = f"{'at least' if closed else 'above'} {least:g}"
    return f"{lower} and finite" if bound == math.inf else f"{lower} and below {bound:g}"
