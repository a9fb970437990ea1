"""From what the user asked for to what is run: every field at None gets its value, every value is checked.

Each field is checked against its declaration; what several fields must be together is checked here for training, and
in the settings of the other tasks for those.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jax
from ml_collections import ConfigDict

from minjax import models, optim
from minjax.config.optimizer import HYPER
from minjax.config.table import TRAINING, check, plain, sections
from minjax.errors import UserError


def resolve(config: ConfigDict) -> dict[str, Any]:
    """The configuration of a training as plain JSON values, with the model's and the optimizer's own defaults.

    Everything that can be checked without data is checked here, before anything is read or written.

    Raises:
        UserError: an unknown name, a field that the named model or optimizer does not have, a value out of range.
    """
    return resolve_fields(plain(config.to_dict()))


def resolve_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """As `resolve`, of a configuration as nested dicts, which is left as it is."""
    resolved = copy.deepcopy(sections(config, TRAINING))
    check(resolved, TRAINING)
    _check_together(resolved)
    resolved["model"] = _model(resolved["model"])
    resolved["optimizer"] = resolve_optimizer(resolved["optimizer"])
    return resolved


def resolve_optimizer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the named optimizer with its own values where none is set, those of its preset first.

    Args:
        fields: the section `optimizer`, checked.

    Raises:
        UserError: a field is set that the named optimizer does not have.
    """
    name = fields["name"]
    presets = {key: value for key, value in fields.get("preset", {}).get(name, {}).items() if value is not None}
    own = {**optim.DEFAULTS[name], **presets}
    hyper = {field.name for field in HYPER}
    result = {}
    for key, value in fields.items():
        if key == "preset":
            continue
        if key not in hyper:  # the schedule and clipping, which every optimizer has
            result[key] = value
        elif key in own:
            result[key] = own[key] if value is None else value
        elif value is not None:
            raise UserError(f"optimizer {name!r} has no field {key!r}; it has: {', '.join(own)}")
    return result


def recorded_study(config: Mapping[str, Any]) -> dict[str, Any]:
    """A study's configuration as its config.json states it: the optimizer with the values that were used.

    The model's fields stay as they were asked for, because each family of a study has its own. A preset's values for
    other optimizers are kept where they are set: a family or an axis may name another optimizer.

    Args:
        config: of a study, checked. One that is recorded already stays as it is.
    """
    optimizer = config["optimizer"]
    kept = {
        name: {key: value for key, value in fields.items() if value is not None}
        for name, fields in optimizer.get("preset", {}).items()
    }
    kept = {name: fields for name, fields in kept.items() if fields}
    return {**config, "optimizer": resolve_optimizer(optimizer) | ({"preset": kept} if kept else {})}


def _check_together(config: Mapping[str, Any]) -> None:
    if config["dtype"] == "float64" and not jax.config.read("jax_enable_x64"):
        raise UserError("dtype float64 needs the environment variable JAX_ENABLE_X64=1 (and is slow: it is for tests)")
    if not config["sync_batch_norm"] and config["parallel"] != "pmap":
        raise UserError(
            "sync_batch_norm=False needs parallel=pmap; with jit the devices share one batch and its statistics"
        )
    if config["early_stop"] and not config["dataset"]["validation_fraction"]:
        raise UserError(
            "early_stop needs a validation split to judge by: set dataset.validation_fraction, for example to 0.1 "
            "(stopping on the test split would select on it)"
        )


def _model(fields: Mapping[str, Any]) -> dict[str, Any]:
    name = fields["name"]
    own = models.fields(name)
    given = {key: value for key, value in fields.items() if key != "name" and value is not None}
    foreign = sorted(set(given) - set(own))
    if foreign:
        raise UserError(
            f"model {name!r} has no field {foreign[0]!r}; it has: {', '.join(sorted(set(own) & set(fields)))}"
        )
    return {"name": name, **{key: plain(given.get(key, own[key])) for key in fields if key in own}}
