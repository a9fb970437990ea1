"""A field of the configuration: its name, default, kind, meaning and role."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from minjax.config.kinds import Kind, OrNone


class Role(enum.StrEnum):
    """What a field decides; everything that depends on "does it change the result?" asks here.

    SCIENCE: what comes out. Resuming with another value is refused, a point of a study is identified by its values,
        and runs that differ in one are not averaged.
    SEED: which of many equally good results comes out. As science, but a point has several, and runs are averaged over
        them.
    TASK: what is done; a work directory is of one task.
    HOW: how the result is reached, watched and kept; it may differ whenever the command is given again.
    WHERE: on which machines, and where things lie on them; it may also differ between the processes of one run.
    NAME: what the run is called.
    """

    SCIENCE = "science"
    SEED = "seed"
    TASK = "task"
    HOW = "how"
    WHERE = "where"
    NAME = "name"


@dataclass(frozen=True)
class Field:
    """A declaration.

    Attributes:
        name: with dots, as on the command line after `--config.`.
        default: of all presets; None for a field that takes the named model's or optimizer's value, or what its meaning
            says.
        kind: the values that it may have.
        meaning: one line for people.
        role: what it decides.
        neutral: the value at which a science field counts as absent: what was done before the field existed. So a new
            field does not change old records and identities. None always counts as absent.
        architecture: whether it is part of a network's architecture, rather than of its initialization or training.
        no_axis: why a study cannot have it as an axis, for a science field of training that changes no single point.
    """

    name: str
    default: Any
    kind: Kind
    meaning: str
    role: Role = Role.SCIENCE
    neutral: Any = None
    architecture: bool = False
    no_axis: str = ""

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return isinstance(self.kind, OrNone)

    @property
    def section(self) -> str:
        """The first part of its name: `optimizer` for `optimizer.name`, and "" for `seed`."""
        return self.name.partition(".")[0] if "." in self.name else ""

    def absent(self, value: Any) -> bool:
        """Whether this value counts as if the field were not there."""
        return value is None or (self.neutral is not None and value == self.neutral)


def within(section: str, fields: Iterable[Field], **changes: Any) -> tuple[Field, ...]:
    """The fields with the section's name in front of theirs, and perhaps other attributes."""
    return tuple(replace(field, name=f"{section}.{field.name}", **changes) for field in fields)
