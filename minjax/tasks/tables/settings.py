"""The configuration of task=tables, checked before anything is read or written: networks, data sets, seeds."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from minjax import presets
from minjax.config import SECTIONS_OF, check, plain
from minjax.config.kinds import MOST
from minjax.config.table import sections
from minjax.errors import UserError
from minjax.records.table import TableData

# What a cell has of its own, by the field of the table that says it.
OWN = {
    "model.name": "tables.networks",
    "optimizer.name": "tables.optimizers",
    "dataset.name": "tables.datasets",
    "dataset.path": "tables.datasets",
}
_TFDS = re.compile(r"[\w.\-+*/:]+")
_LABEL = re.compile(r"\w[\w.\-+ ()]*")


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


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set: what the table calls it, and the fields that name it."""

    label: str
    name: str
    path: str = ""

    @property
    def record(self) -> TableData:
        """As the record of a table has it."""
        return TableData(label=self.label, name=self.name)

    @property
    def slug(self) -> str:
        """The label as a part of a directory's name."""
        return re.sub(r"[^\w.+-]", "-", self.label)


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
            f"seed is {asked['seed']}; with tables.seeds={asked['tables']['seeds']} the last would be above {MOST}"
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
            file = presets.find(name)
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
    found = []
    for text in asked["tables"]["datasets"]:
        label, equals, path = (part.strip() for part in text.partition("="))
        if equals and _LABEL.fullmatch(label) and path:
            found.append(Source(label, "folder", path))
        elif not equals and label != "folder" and _TFDS.fullmatch(label):
            found.append(Source(label, label))
        else:
            raise UserError(
                f"tables.datasets has {text!r}; each must be digits, the name of a TFDS set, or label=folder, such as "
                "CIFAR-10=my-cifar10"
            )
    check_distinct("datasets", [source.slug for source in found])
    return found


def check_distinct(field: str, labels: Sequence[str]) -> None:
    """Check that no two networks, optimizers or data sets have one name.

    Raises:
        UserError: two have.
    """
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise UserError(f"tables.{field} has {twice[0]!r} twice; each must have a name of its own")
