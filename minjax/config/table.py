"""The table of all fields, and what needs nothing else: defaults, look-up, checks of single fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minjax.config.compression import COMPRESS, PRUNE, QUANTIZE
from minjax.config.dataset import DATASET
from minjax.config.deployment import EXPORT, PREDICT
from minjax.config.field import Field, Role
from minjax.config.model import MODEL
from minjax.config.optimizer import OPTIMIZER
from minjax.config.run import DISTRIBUTED, RUN
from minjax.config.study import STUDY
from minjax.config.tables import TABLES

FIELDS: dict[str, Field] = {
    declared.name: declared
    for section in (
        RUN,
        DISTRIBUTED,
        DATASET,
        MODEL,
        OPTIMIZER,
        PRUNE,
        QUANTIZE,
        COMPRESS,
        STUDY,
        TABLES,
        EXPORT,
        PREDICT,
    )
    for declared in section
}

SECTIONS = frozenset(declared.section for declared in FIELDS.values()) - {""}

# The sections that a task reads; "" are the fields of no section. The others are left out of its config.json, and so
# is `distributed`, which is about processes and not about the run.
TRAINING = ("", "dataset", "model", "optimizer")
SECTIONS_OF: dict[str, tuple[str, ...]] = {
    "train": TRAINING,
    "compress": (*TRAINING, "prune", "quantize", "compress"),
    "study": (*TRAINING, "study"),
    "tables": (*TRAINING, "tables"),
    "report": ("",),
    "export": ("", "export"),
    "predict": ("", "predict"),
}

# Fields of a training that task=tables leaves to the presets of its networks where they are None.
OPEN = frozenset(
    name
    for name, declared in FIELDS.items()
    if declared.section in TRAINING and declared.role in (Role.SCIENCE, Role.HOW) and name != "deterministic"
)


def defaults() -> dict[str, Any]:
    """All defaults as nested dicts, tuples as tuples."""
    tree: dict[str, Any] = {}
    for declared in FIELDS.values():
        *sections, last = declared.name.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = declared.default
    return tree


def sections(config: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The part of a configuration that lies in these sections; what is not declared stays."""
    wanted = set(names)
    return {key: value for key, value in config.items() if key not in SECTIONS or key in wanted}


def leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of nested dicts as (name with dots, value)."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def check(config: Mapping[str, Any], only: Iterable[str] | None = None) -> None:
    """Check that every declared field holds a value that its kind allows.

    Args:
        config: nested dicts; a field may be missing, and one of `OPEN` may be None under task=tables.
        only: the sections to look at, "" for the fields of none; None: all.

    Raises:
        UserError: one does not; names the field, the value and what is allowed.
    """
    wanted = None if only is None else set(only)
    left_open = OPEN if config.get("task") == "tables" else frozenset()
    for name, value in leaves(config):
        if value is None and name in left_open:
            continue
        declared = FIELDS.get(name)
        if declared is not None and (wanted is None or declared.section in wanted):
            declared.kind.check(name, value)


def plain(value: Any) -> Any:
    """A value as JSON has it: tuples become lists, NumPy's numbers Python's."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
