"""The grid of a study: named overrides of the configuration, and how axes and families are combined.

Nothing is built here, and no data is needed.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minjax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Axis:
    """One field of the configuration and the values that it takes: ``Axis("optimizer.learning_rate", (0.1, 0.01))``.

    Raises:
        UserError: no values, or one of them twice.
    """

    field: str
    values: Sequence[Any]

    def __post_init__(self):
        object.__setattr__(self, "values", values_of(self.field, self.values))


@dataclasses.dataclass(frozen=True)
class Choice:
    """One point of a grid before it is applied to a configuration.

    Attributes:
        name: short, for people.
        labels: its coordinates on the grid's own axes, such as {"depth": 2, "shape": "equal", "width": 50}.
        overrides: the fields that it sets: name with dots -> value.
    """

    name: str
    labels: Mapping[str, Any]
    overrides: Mapping[str, Any]


def sweep(axes: Mapping[str, Sequence[Any]] | Iterable[Axis | tuple[str, Sequence[Any]]]) -> list[Choice]:
    """Every combination of the values of some fields, the last axis fastest.

    >>> [choice.name for choice in sweep({"model.widths": [(20,), (50, 25)], "epochs": [9]})]
    ['widths=20-epochs=9', 'widths=50x25-epochs=9']

    Labels and names have the last part of a field's name, or all of it where two axes share the last part.

    Raises:
        UserError: no axis, an axis without values or with one twice, or two axes of one field.
    """
    pairs = axes.items() if isinstance(axes, Mapping) else axes
    listed = [axis if isinstance(axis, Axis) else Axis(*axis) for axis in pairs]
    fields = [axis.field for axis in listed]
    if not fields:
        raise UserError("the grid is empty: it has no axis; for example {'model.widths': [(20,), (50,)]}")
    for field in fields:
        if fields.count(field) > 1:
            raise UserError(f"the axis {field} is given twice")
    last = [field.rpartition(".")[2] for field in fields]
    keys = [short if last.count(short) == 1 else field for short, field in zip(last, fields, strict=True)]
    return [
        Choice(
            "-".join(f"{key}={_short(value)}" for key, value in zip(keys, values, strict=True)),
            dict(zip(keys, values, strict=True)),
            dict(zip(fields, values, strict=True)),
        )
        for values in itertools.product(*(axis.values for axis in listed))
    ]


def product(first: Sequence[Choice], second: Sequence[Choice]) -> list[Choice]:
    """Every choice of the first with every one of the second: a family at three learning rates, say.

    Raises:
        UserError: both set one field, or have one label.
    """
    for part in ("overrides", "labels"):
        one, other = (set().union(*(getattr(choice, part) for choice in side)) for side in (first, second))
        if one & other:
            raise UserError(f"the axis {min(one & other)} is given twice")
    return [
        Choice(f"{a.name}-{b.name}", {**a.labels, **b.labels}, {**a.overrides, **b.overrides})
        for a, b in itertools.product(first, second)
    ]


def fixed(choices: Iterable[Choice], overrides: Mapping[str, Any]) -> list[Choice]:
    """The same choices with further fields set that are not axes: a patch size for the transformers alone, say.

    Raises:
        UserError: a field that a choice sets itself.
    """
    listed = list(choices)
    for choice in listed:
        if both := set(overrides) & set(choice.overrides):
            raise UserError(f"{min(both)} is fixed, and an axis of the grid too ({choice.name})")
    return [dataclasses.replace(choice, overrides={**overrides, **choice.overrides}) for choice in listed]


def values_of(name: str, values: Any) -> tuple[Any, ...]:
    """The values of an axis as a tuple.

    Raises:
        UserError: no list of values, an empty one, or a value twice.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise UserError(f"the axis {name} is {values!r}; it must be a list of values")
    listed = tuple(values)
    if not listed:
        raise UserError(f"the grid is empty: the axis {name} has no values")
    for value in listed:
        if listed.count(value) > 1:
            raise UserError(f"the axis {name} has {value!r} twice")
    return listed


def _short(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "x".join(map(_short, value)) or "none"
    return "none" if value is None else str(value)
