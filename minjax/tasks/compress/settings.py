"""The configuration of task=compress, checked before anything is read or written."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from minjax.compress import METHODS, rounds
from minjax.compress.methods import method
from minjax.curves.versions import parse_scheme
from minjax.errors import UserError, unknown
from minjax.records.compression import REESTIMATED, TRAINED
from minjax.tasks import resolve

SERIES = ("one_shot", "iterative", "lottery", "random_init", "random_mask")
FROM = ("trained", "scratch")


def settle(config: ConfigDict) -> dict[str, Any]:
    """The resolved configuration: what is asked of compression, and of training where no run is given.

    Raises:
        UserError: an unknown name, a number out of range.
    """
    asked = resolve.plain(config.to_dict())
    prune, quantize, compress = asked["prune"], asked["quantize"], asked["compress"]
    _check_prune(prune)
    _check_quantize(quantize)
    _check_compress(compress)
    training = None
    if not asked["run"]:
        training = resolve.resolve(config) | {"task": "train"}
    return {
        "task": "compress",
        "name": asked["name"],
        "seed": asked["seed"],
        "run": asked["run"],
        "prune": prune,
        "quantize": quantize,
        "compress": compress,
        "training": training,
    }


def _check_prune(prune: dict[str, Any]) -> None:
    for name in prune["methods"]:
        if method(name).group:
            raise UserError(
                f"prune.methods names {name!r}, which prunes one amount only and has no curve; give it as "
                "prune.round_method or compress.pack_method"
            )
    method(prune["round_method"])
    if prune["amounts"] == 1 or prune["amounts"] < 0:
        raise UserError(f"prune.amounts is {prune['amounts']}; it must be 0 (no curves) or at least 2")
    for name in prune["series"]:
        if name not in SERIES:
            raise unknown("prune.series", name, SERIES)
    rounds(prune["schedule"], prune["round_amount"], prune["rounds"])
    _least(prune, "prune", epochs=1, rewind_epoch=0)
    _positive(prune, "prune", "learning_rate")


def _check_quantize(quantize: dict[str, Any]) -> None:
    for field in ("bits", "aware_bits"):
        _bits(f"quantize.{field}", quantize[field])
    if quantize["activation_bits"] is not None:
        _bits("quantize.activation_bits", [quantize["activation_bits"]])
    if quantize["bits"] and not quantize["schemes"]:
        raise UserError("quantize.bits without quantize.schemes: name at least one scheme, or leave bits empty")
    for name in quantize["schemes"]:
        parse_scheme(name)
    if quantize["aware_from"] not in FROM:
        raise unknown("quantize.aware_from", quantize["aware_from"], FROM)
    _least(quantize, "quantize", aware_epochs=1)
    _positive(quantize, "quantize", "aware_learning_rate")


def _check_compress(compress: dict[str, Any]) -> None:
    for name in compress["batch_norm"]:
        if name not in (TRAINED, REESTIMATED):
            raise unknown("compress.batch_norm", name, (TRAINED, REESTIMATED))
    if not compress["batch_norm"]:
        raise UserError(f"compress.batch_norm is empty; give {TRAINED!r}, {REESTIMATED!r} or both")
    for field in ("joint_method", "shrink_method"):
        if compress[field] and (compress[field] not in METHODS):
            raise unknown(f"compress.{field}", compress[field], METHODS)
    method(compress["pack_method"])
    for field in ("joint_bits", "sensitivity_bits", "pack_bits"):
        _bits(f"compress.{field}", compress[field])
    for field in ("sensitivity_amounts", "shrink_amounts"):
        for amount in compress[field]:
            _fraction(f"compress.{field}", amount)
    _fraction("compress.pack_amount", compress["pack_amount"])
    if compress["shrink_axis"] not in ("in", "out"):
        raise unknown("compress.shrink_axis", compress["shrink_axis"], ("in", "out"))
    _least(compress, "compress", calibration_images=1, latency_batch=1)
    if compress["limit_test"] is not None:
        _least(compress, "compress", limit_test=1)


def _bits(field: str, widths: list[int]) -> None:
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= 16:
            raise UserError(f"{field} has {width!r}; bits are integers from 1 to 16")


def _fraction(field: str, amount: float) -> None:
    if not 0 <= amount <= 1:
        raise UserError(f"{field} has {amount}; an amount is a fraction from 0 to 1")


def _least(fields: dict[str, Any], block: str, **least: int) -> None:
    for field, minimum in least.items():
        if fields[field] < minimum:
            raise UserError(f"{block}.{field} is {fields[field]}; it must be at least {minimum}")


def _positive(fields: dict[str, Any], block: str, field: str) -> None:
    if fields[field] is not None and not fields[field] > 0:
        raise UserError(f"{block}.{field} is {fields[field]}; it must be greater than 0")
