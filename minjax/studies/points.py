"""The points of a study: the choices of a grid applied to a configuration, with their sizes and identities.

A point is identified by what is trained: two names of one network have the same id, and setting a field to the value
that it has anyway does not change the id. Nothing is allocated: sizes come from `jax.eval_shape`.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minjax import models
from minjax.config import plain, roles
from minjax.config.model import ARCHITECTURE
from minjax.errors import UserError
from minjax.findings.samples import equal
from minjax.models.fields import CHECKS
from minjax.records.answer import Demand
from minjax.records.stages import Training
from minjax.studies.arithmetic import num_params
from minjax.studies.grid import Choice

Resolve = Callable[[dict[str, Any]], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Point:
    """One network of a study, to be trained with several seeds.

    Attributes:
        id: 12 hex digits, the hash of what is trained: the resolved configuration without the seed, and the data's
            shape. The same in every process and on every machine.
        name: short, for people.
        family: the model's name.
        fields: the architecture: the model's fields apart from those of initialization and dropout, as JSON has them,
            without those that count as absent.
        labels: its coordinates on the grid's own axes.
        num_params: trainable parameters, exactly.
        overrides: the fields that the grid sets: name with dots -> value, as JSON has it.
        config: the whole resolved configuration.
        names: all names that the network has in the grid, this one among them.
        grid_id: of a variant, the id of the point of the grid; see `variants`.
    """

    id: str
    name: str
    family: str
    fields: dict[str, Any]
    labels: dict[str, Any]
    num_params: int
    overrides: dict[str, Any]
    config: dict[str, Any] = dataclasses.field(repr=False)
    names: tuple[str, ...] = ()
    grid_id: str = ""

    @property
    def root(self) -> str:
        """The id of the point of the grid: its own, or that of the point that it is a variant of."""
        return self.grid_id or self.id

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that the grid sets beside the architecture."""
        architecture = {"model.name", *(f"model.{field}" for field in self.fields)}
        return {field: value for field, value in self.overrides.items() if field not in architecture}


@dataclasses.dataclass(frozen=True)
class Member:
    """A point to be trained with a seed; `fresh` seeds are those that are trained after the choice."""

    point: Point
    seed: int
    fresh: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """What its record is known by: the point's id and the seed."""
        return self.point.id, self.seed


def points(
    choices: Iterable[Choice],
    config: Mapping[str, Any],
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    resolve: Resolve | None = None,
    skip: bool = False,
) -> list[Point]:
    """The points of a grid, in its order; a network with several names appears under each.

    Args:
        choices: from `grid`.
        config: the study's configuration as nested dicts, with all fields; None stands for a default.
        image_shape: height, width, channels.
        num_classes: how many classes the data have.
        resolve: fills in the defaults of a configuration and checks it; None: only the model's are filled in.
        skip: leave out impossible combinations (heads that do not divide the width, more convolutions than the image
            has pixels for). A value that its field never takes is an error in any case.

    Raises:
        UserError: no points at all, a field that is not in the configuration, a value that it cannot take, a field
            that does not change what is trained, an impossible combination unless `skip`, one name for two networks.
    """
    found: dict[str, Point] = {}
    choices, reason = list(choices), ""
    for choice in choices:
        overrides = plain(choice.overrides)
        _check_fields(overrides)
        resolved = plain((resolve or _with_model)(override(config, overrides)))
        fields = dict(resolved["model"])
        name = fields.pop("name")
        _check_values(choice.name, fields)
        try:
            size = num_params(resolved["model"], image_shape, num_classes)
        except UserError as error:
            if skip:
                reason = f"; the last, {choice.name}: {error}"
                continue
            raise UserError(f"point {choice.name} cannot be: {error}") from error
        point = Point(
            id=identity(resolved, image_shape, num_classes),
            name=choice.name,
            family=name,
            fields={key: value for key, value in fields.items() if _stated(key, value)},
            labels=plain(choice.labels),
            num_params=size,
            overrides=overrides,
            config=resolved,
        )
        if found.setdefault(point.name, point).id != point.id:
            raise UserError(f"two different networks of the grid are called {point.name}")
    if not found:
        raise UserError(
            "the grid is empty: it has no points"
            if not choices
            else f"the grid is empty: none of its {len(choices)} points can be{reason}"
        )
    names = {point: tuple(one.name for one in same) for point, same in distinct(found.values()).items()}
    return [dataclasses.replace(point, names=names[point.id]) for point in found.values()]


def override(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a configuration with some fields set.

    Args:
        config: nested dicts.
        overrides: field with dots -> value.

    Raises:
        UserError: a field that the configuration does not have, or a whole section.
    """
    changed = plain(config)
    for field, value in overrides.items():
        *sections, last = field.split(".")
        inner: Any = changed
        for section in sections:
            inner = inner.get(section) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            near = difflib.get_close_matches(field, _field_names(changed), n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UserError(f"unknown field {field!r}{hint}; an axis is a field of the configuration")
        if isinstance(inner[last], dict):
            raise UserError(f"{field} is a section of the configuration; an axis is one of its fields")
        inner[last] = plain(value)
    return changed


def identity(config: Mapping[str, Any], image_shape: Sequence[int], num_classes: int) -> str:
    """12 hex digits: the hash of what is trained, whatever the order of fields, and 1 or 1.0, tuple or list.

    A field at None or at its neutral value counts as absent, so that a new field leaves the ids as they were.

    Raises:
        UserError: a value that JSON does not have, such as NaN.
    """
    what = {"config": roles.identity(config), "image_shape": plain(image_shape), "num_classes": plain(num_classes)}
    try:
        text = json.dumps(_canonical(what), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(f"a configuration with a value that JSON does not have: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def distinct(points: Iterable[Point]) -> dict[str, list[Point]]:
    """Id -> the points that are the same network, in their order; the first stands for all of them."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.id, []).append(point)
    return groups


def has_curves(point: Point, which: str) -> bool:
    """Whether a point is pruned and quantized: "all" are, "none", or those of "equal" shapes, which are compared."""
    return which == "all" or (which == "equal" and equal(point.fields, point.labels))


def training(points: Iterable[Point]) -> list[Training]:
    """The ways in which the networks of a study are trained: an entry for each set of settings that differs."""
    found: dict[str, list[Point]] = {}
    for same in distinct(points).values():
        found.setdefault(json.dumps(roles.training_settings(same[0].config), sort_keys=True), []).append(same[0])
    return [
        Training(
            families=sorted({point.family for point in alike}),
            points=len(alike),
            settings=roles.training_settings(alike[0].config),
        )
        for alike in found.values()
    ]


def table(points: Iterable[Point], demand: Callable[[Point], Demand]) -> list[str]:
    """The lines of a dry run: a header, each network by its size with what it asks for and its names, and a sum."""
    groups = sorted(distinct(points).values(), key=lambda group: (group[0].num_params, group[0].name))
    if not groups:
        return ["no points"]
    rows = [("name", "parameters", "bytes", "RAM bytes", "multiply-adds")]
    for point, *_ in groups:
        asks = demand(point)
        numbers = (point.num_params, asks.bytes, asks.ram_bytes, asks.macs)
        rows.append((point.name, *(f"{number:,}" for number in numbers)))  # type: ignore[arg-type]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row, group in zip(rows, [None, *groups], strict=True):
        also = "also" if group is None else ", ".join(point.name for point in group[1:])
        cells = [f"{row[0]:<{widths[0]}}", *(f"{cell:>{wide}}" for cell, wide in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join([*cells, also]).rstrip())
    listed = sum(map(len, groups))
    return [*lines, f"{listed} points, {len(groups)} distinct networks, {rows[1][1]} to {rows[-1][1]} parameters"]


def _check_fields(overrides: Mapping[str, Any]) -> None:
    for field in overrides:
        reason = roles.why_no_axis(field)
        if reason is not None:
            raise UserError(f"{field} cannot be an axis: {reason}")


def _stated(field: str, value: Any) -> bool:
    """Whether a field of the model is among what a record states of an architecture."""
    return field in ARCHITECTURE and not roles.absent(f"model.{field}", value)


def _check_values(name: str, fields: Mapping[str, Any]) -> None:
    """Check each field of a model by itself; `skip` does not excuse what is wrong here."""
    for field, value in fields.items():
        try:
            if value is not None:
                CHECKS[field](value)
        except UserError as error:
            raise UserError(f"point {name} cannot be: {error}") from error


def _with_model(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the model's own defaults for its fields that are None."""
    given = {key: value for key, value in config["model"].items() if value is not None}
    own = models.fields(given["name"])
    foreign = sorted(set(given) - set(own) - {"name"})
    if foreign:
        raise UserError(f"model {given['name']!r} has no field {foreign[0]!r}; it has: {', '.join(sorted(own))}")
    return {**config, "model": {**{key: value for key, value in own.items() if key in config["model"]}, **given}}


def _field_names(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in config.items():
        names += _field_names(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return names


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
