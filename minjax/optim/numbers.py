"""The hyperparameters that are numbers or flags, each checked as the configuration declares it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minjax.config.kinds import Kind, Number, OrNone
from minjax.config.optimizer import HYPER, OPTIMIZER

_FIELDS = {field.name.rpartition(".")[2]: field.kind for field in (*HYPER, *OPTIMIZER) if "preset" not in field.name}
KINDS: dict[str, Kind] = {name: kind.kind if isinstance(kind, OrNone) else kind for name, kind in _FIELDS.items()} | {
    "base_lr": Number(above=0)
}  # which no configuration has: it is the learning rate


def check(owner: str, **values: Any) -> None:
    """Refuse values outside their range or of another type.

    JAX arrays pass unread: they may be traced, and reading one would stop `jit` and `vmap` over it.

    Raises:
        UserError: a value is refused; names `owner`, the hyperparameter, the value and what is allowed.
    """
    for name, value in values.items():
        if value is None or isinstance(value, bool | int | float | str | np.generic):
            plain = value.item() if isinstance(value, np.generic) else value
            KINDS[name].check(f"{owner}: {name}", plain)
