"""The checks of the model fields: what `configs/base.py` calls `model.*`, by name."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable

from minjax.errors import UserError
from minjax.models.initializers import INITS

Check = Callable[[str, object], object]


def _refuse(field: str, value: object, allowed: str) -> UserError:
    return UserError(f"model.{field}={value!r}: must be {allowed}")


def _integer(low: int) -> Check:
    def check(field: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < low:
            raise _refuse(field, value, f"an integer of at least {low}")
        return int(value)

    return check


def _integers(fewest: int) -> Check:
    def check(field: str, value: object) -> tuple[int, ...]:
        whole = isinstance(value, tuple | list) and all(
            isinstance(v, numbers.Integral) and not isinstance(v, bool) and int(v) >= 1 for v in value
        )
        if not whole or len(value) < fewest:  # type: ignore[arg-type]
            least = f"{fewest} or more " if fewest else ""
            raise _refuse(field, value, f"a tuple of {least}positive integers, such as (100, 50)")
        return tuple(int(v) for v in value)  # type: ignore[attr-defined]

    return check


def _real(allowed: str, fits: Callable[[float], bool]) -> Check:
    def check(field: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise _refuse(field, value, allowed)
        if not math.isfinite(value) or not fits(float(value)):
            raise _refuse(field, value, allowed)
        return float(value)

    return check


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refuse(field, value, "True or False")
    return value


def _choice(*allowed: str) -> Check:
    def check(field: str, value: object) -> str:
        if value not in allowed:
            raise _refuse(field, value, " or ".join(repr(name) for name in allowed))
        return str(value)

    return check


_rate = _real("a number from 0 up to but not including 1", lambda rate: 0.0 <= rate < 1.0)

CHECKS: dict[str, Check] = {
    "init": _choice(*INITS),
    "dropout": _rate,
    "widths": _integers(0),
    "channels": _integers(1),
    "kernel_size": _integer(1),
    "padding": _choice("SAME", "VALID"),
    "pool": _flag,
    "batch_norm": _flag,
    "width": _integer(1),
    "head_width": _integer(0),
    "patch_size": _integer(1),
    "dim": _integer(1),
    "depth": _integer(1),
    "heads": _integer(1),
    "mlp_dim": _integer(1),
    "embedding_dropout": _rate,
    "attention_scale": _choice("dim", "head_dim"),
    "position_scale": _real("a number of at least 0", lambda scale: scale >= 0.0),
}
