"""The configuration of task=tables, checked before anything is read or written: networks, data sets, seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from minjax import presets
from minjax.config import SECTIONS_OF, check, plain
from minjax.config.kinds import MOST
from minjax.config.table import sections
from minjax.errors import UserError
from minjax.tasks.sources import Source
from minjax.tasks.sources import sources as named

# What a cell has of its own, by the field of the table that says it.
OWN = {
    "model.name": "tables.networks",
    "optimizer.name": "tables.optimizers",
    "dataset.name": "tables.datasets",
    "dataset.path": "tables.datasets",
}


@dataclasses.dataclass(frozen=True)
class Network:
    """A preset of a network.

    Attributes:
        name: as it was asked for.
        label: what its runs are called after.
        fields: its configuration.
    """

    name: str
    label: str
    fields: dict[str, Any]


def settle(config: ConfigDict) -> dict[str, Any]:
    """The configuration as plain JSON values, checked as far as that needs no data.

    Raises:
        UserError: an unknown name, a number out of range, a field that every cell has of its own.
    """
    asked = sections(plain(config.to_dict()), SECTIONS_OF["tables"])
    check(asked)
    for field, by in OWN.items():
        section, _, name = field.partition(".")
        if asked[section][name]:
            raise UserError(
                f"{field} is {asked[section][name]!r}, but {by} says what a table has; leave it unset (a preset of a "
                "table begins with base.get_table_config())"
            )
    last = seeds(asked)[-1]
    if last > MOST:
        raise UserError(
            f"seed is {asked['seed']}; with tables.seeds={asked['tables']['seeds']} the last seed would be above {MOST}"
        )
    check_distinct("optimizers", asked["tables"]["optimizers"])
    return asked


def seeds(asked: dict[str, Any]) -> list[int]:
    """The seeds of every network under every optimizer on every data set."""
    return [asked["seed"] + index for index in range(asked["tables"]["seeds"])]


def networks(asked: dict[str, Any]) -> list[Network]:
    """The presets that `tables.networks` names.

    Raises:
        UserError: there is none of a name, it does something else than to train, or two have one label.
    """
    found = []
    for name in asked["tables"]["networks"]:
        try:
            file = presets.find(name, "train")
        except UserError as error:
            raise UserError(f"tables.networks: {error}") from error
        fields = plain(presets.load(file).to_dict())
        if fields.get("task") != "train":
            raise UserError(
                f"tables.networks has {name!r}, a preset of task={fields.get('task')}; each must be one of task=train"
            )
        found.append(Network(name, presets.label(file), fields))
    check_distinct("networks", [network.label for network in found])
    return found


def sources(asked: dict[str, Any]) -> list[Source]:
    """The data sets that `tables.datasets` names.

    Raises:
        UserError: a text that names none, or two with one label.
    """
    return named(asked["tables"]["datasets"], "tables.datasets")


def check_distinct(field: str, labels: Sequence[str]) -> None:
    """Check that no two networks, optimizers or data sets have one name.

    Raises:
        UserError: two have.
    """
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise UserError(f"tables.{field} has {twice[0]!r} twice; each must have a name of its own")
