"""The checks of the fields that a network is built from, by name: as `minjax.config.model` declares them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from minjax.config.kinds import OrNone
from minjax.config.model import MODEL

# field -> value -> the value as plain Python; UserError where it is not allowed, None included
CHECKS: dict[str, Callable[[Any], Any]] = {
    declared.name.removeprefix("model."): partial(declared.kind.kind.check, declared.name)
    for declared in MODEL
    if isinstance(declared.kind, OrNone)
}
