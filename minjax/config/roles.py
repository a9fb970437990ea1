"""What follows from the roles of the fields: what a directory compares, what identifies a point, what can be an axis.

A name that is not declared counts as science: a difference that nobody has thought of is noticed, not passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from minjax.config.field import Role
from minjax.config.table import FIELDS, SECTIONS, TRAINING, leaves, plain

RESUMED = frozenset({Role.SCIENCE, Role.SEED, Role.TASK})  # these must be as they were for a run to go on
SHARED = frozenset({*RESUMED, Role.HOW, Role.NAME})  # these must be the same in all processes of a run
TRAINED_INSIDE = "training."  # config.json of a compression states under this name how its network was trained


def role(name: str) -> Role:
    """The role of a field by its name with dots; science for what is not declared."""
    declared = FIELDS.get(name.removeprefix(TRAINED_INSIDE))
    return Role.SCIENCE if declared is None else declared.role


def absent(name: str, value: Any) -> bool:
    """Whether a field with this value counts as if it were not there."""
    declared = FIELDS.get(name.removeprefix(TRAINED_INSIDE))
    return value is None if declared is None else declared.absent(value)


def trains(name: str) -> bool:
    """Whether a field decides what comes out of training, apart from the seed."""
    declared = FIELDS.get(name)
    return declared is None or (declared.role == Role.SCIENCE and declared.section in TRAINING)


def science(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that decide what comes out of training, as name with dots -> value; those that count as absent are
    left out, and so is the seed.

    Args:
        config: nested dicts, as resolved.
    """
    return {name: plain(value) for name, value in leaves(config) if trains(name) and not absent(name, value)}


def identity(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The same as `science`, nested as the configuration is."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if prefix or key not in SECTIONS or key in TRAINING:
                found[key] = identity(value, f"{name}.")
        elif trains(name) and not absent(name, value):
            found[key] = plain(value)
    return found


def training_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """How a network was trained: the science that is neither its data nor its architecture.

    Args:
        config: as resolved, of a run or of a point of a study.

    Returns:
        Name with dots -> value, such as {"epochs": 30, "batch_size": 128, "optimizer.learning_rate": 0.1, ...}.
    """
    return {
        name: value
        for name, value in science(config).items()
        if name in FIELDS and not name.startswith("dataset.") and name != "model.name" and not FIELDS[name].architecture
    }


def differences(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    roles: Collection[Role] = RESUMED,
    words: tuple[str, str] = ("there", "asked for"),
) -> list[str]:
    """`field: there X, asked for Y`, for every field of these roles that differs."""
    before, now = dict(leaves(plain(old))), dict(leaves(plain(new)))
    lines = []
    for name in sorted({*before, *now}):
        if role(name) not in roles or (name.startswith("data.") and "data" not in new):  # the data are not loaded yet
            continue
        values = [None if absent(name, side.get(name)) else side[name] for side in (before, now)]
        if values[0] != values[1]:
            shown = [side.get(name) for side in (before, now)]
            lines.append(f"{name}: {words[0]} {shown[0]!r}, {words[1]} {shown[1]!r}")
    return lines


def why_no_axis(name: str) -> str | None:
    """Why a field cannot be an axis of a study; None where it can. Names that are not declared are not judged."""
    declared = FIELDS.get(name)
    if declared is None:
        inside = name.partition(".")[0]
        return "it does not change what is trained" if inside in SECTIONS and inside not in TRAINING else None
    if declared.no_axis:
        return declared.no_axis
    if declared.role == Role.SEED:
        return "study.seeds says how many seeds each point has"
    return None if trains(name) else "it does not change what is trained"
