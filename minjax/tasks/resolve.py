"""From what the user asked for to what is run: every field left at None gets its value, every value is checked."""

from __future__ import annotations

import copy
import math
from typing import Any

import jax
from ml_collections import ConfigDict

from minjax import models, optim
from minjax.errors import UserError, unknown
from minjax.train.engine import PARALLEL

DTYPES = ("float32", "bfloat16", "float64")
SCHEDULES = ("constant", "multistep", "cosine")


def resolve(config: ConfigDict) -> dict[str, Any]:
    """The configuration as plain JSON values, with the model's and the optimizer's own defaults filled in.

    Everything that can be checked without data is checked here, before anything is read or written.

    Raises:
        UserError: an unknown name, a field that the named model or optimizer does not have, a value out of range.
    """
    return resolve_fields(plain(config.to_dict()))


def resolve_fields(config: dict[str, Any]) -> dict[str, Any]:
    """The same of a configuration as plain JSON values, which is left as it is."""
    resolved = copy.deepcopy(config)
    for other in ("prune", "quantize", "compress", "study", "distributed"):  # of other tasks; of this process alone
        resolved.pop(other, None)
    _check_run(resolved)
    resolved["model"] = _model(resolved["model"])
    resolved["optimizer"] = _optimizer(resolved["optimizer"])
    return resolved


def plain(value: Any) -> Any:
    """Tuples become lists, as JSON will make them, so that a configuration equals what is read back."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _check_run(config: dict[str, Any]) -> None:
    if config["parallel"] not in PARALLEL:
        raise unknown("parallel mode", config["parallel"], PARALLEL)
    if config["dtype"] not in DTYPES:
        raise unknown("dtype", config["dtype"], DTYPES)
    if config["dtype"] == "float64" and not jax.config.read("jax_enable_x64"):
        raise UserError("dtype float64 needs the environment variable JAX_ENABLE_X64=1 (and is slow: it is for tests)")
    if not config["sync_batch_norm"] and config["parallel"] != "pmap":
        raise UserError("sync_batch_norm=False needs parallel=pmap; under jit a batch is one, on all devices")
    least = {"epochs": 1, "batch_size": 1, "checkpoint_every": 1, "early_stop": 0, "seed": 0}
    for field, minimum in least.items():
        if config[field] < minimum:
            raise UserError(f"{field} is {config[field]}; it must be at least {minimum}")
    if config["steps_per_call"] is not None and config["steps_per_call"] < 1:
        raise UserError(
            f"steps_per_call is {config['steps_per_call']}; it must be at least 1, or None to choose by time"
        )
    if config["early_stop"] and not config["dataset"]["validation_fraction"]:
        raise UserError(
            "early_stop needs a validation split to judge by: set dataset.validation_fraction, for example to 0.1 "
            "(stopping on the test split would select on it)"
        )


def _model(fields: dict[str, Any]) -> dict[str, Any]:
    name = fields["name"]
    own = models.fields(name)
    given = {key: value for key, value in fields.items() if key != "name" and value is not None}
    foreign = sorted(set(given) - set(own))
    if foreign:
        raise UserError(
            f"model {name!r} has no field {foreign[0]!r}; it has: {', '.join(sorted(set(own) & set(fields)))}"
        )
    return {"name": name, **{key: plain(given.get(key, own[key])) for key in fields if key in own}}


def _optimizer(fields: dict[str, Any]) -> dict[str, Any]:
    name = fields["name"]
    if name not in optim.NAMES:
        raise unknown("optimizer", name, optim.NAMES)
    presets = {key: value for key, value in fields.pop("preset")[name].items() if value is not None}
    own = {**optim.DEFAULTS[name], **presets}
    every = {key for defaults in optim.DEFAULTS.values() for key in defaults}
    result = {"name": name}
    for key, value in fields.items():
        if key not in every:  # the schedule and clipping: of all optimizers
            result[key] = value
        elif key in own:
            result[key] = own[key] if value is None else value
        elif value is not None:
            raise UserError(f"optimizer {name!r} has no field {key!r}; it has: {', '.join(own)}")
    if result["schedule"] not in SCHEDULES:
        raise unknown("schedule", result["schedule"], SCHEDULES)
    if result["clip_norm"] is not None and not 0 < result["clip_norm"] < math.inf:
        raise UserError(
            f"optimizer.clip_norm is {result['clip_norm']}; it must be greater than 0, or None for no clipping"
        )
    if result["warmup_epochs"] < 0:
        raise UserError(f"optimizer.warmup_epochs is {result['warmup_epochs']}; it must be at least 0")
    return result
