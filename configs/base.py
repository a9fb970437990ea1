"""The configuration that all presets start from: every field that `minjax.config` declares, at its default.

A preset (`configs/<model>.py`) starts from here and sets what it needs; the command line overrides both:

    python -m minjax.main --config=configs/resnet18_s.py --config.optimizer.name=adam --config.epochs=50
    python -m minjax.config      # every field with its default, its meaning and what it may hold; docs/configuration.md

A field that is None takes the named model's or optimizer's own value; `config.json` in the work directory holds what
was used.
"""

from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from minjax import config


def get_config() -> ConfigDict:
    """All fields at their defaults; no field can be added."""
    return ConfigDict(_typed(config.defaults())).lock()


def get_table_config() -> ConfigDict:
    """For task=tables: how a network is trained is left to its preset, until a field is set for all of them."""
    fields = config.defaults()
    for name in config.OPEN:
        *sections, last = name.split(".")
        place = fields
        for section in sections:
            place = place[section]
        place[last] = None
    return ConfigDict(_typed(fields | {"task": "tables"})).lock()


def _typed(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """With a placeholder of the right type for each None."""
    typed: dict[str, Any] = {}
    for key, value in fields.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            typed[key] = _typed(value, f"{name}.")
        else:
            typed[key] = placeholder(config.FIELDS[name].kind.type) if value is None else value
    return typed
