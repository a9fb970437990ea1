"""The versions that a configuration asks for, in the order in which they are measured."""

from __future__ import annotations

from typing import Any

from minjax.compress import METHODS, Scheme
from minjax.curves import versions as curve
from minjax.curves.versions import parse_scheme
from minjax.records.compression import TRAINED, Statistics, Version

DEFAULT_SCHEME = "symmetric_channel_minmax"  # where no integer scheme is asked for and one is needed


def plan(config: dict[str, Any], leaves: list[str], first: str | None, has_statistics: bool) -> list[Version]:
    """The dense network, then the curves, the joint grid and the sensitivities.

    Args:
        config: from `settings.settle`.
        leaves: the prunable leaves.
        first: the leaf of the first convolution; None: there is none, or it is not prunable.
        has_statistics: whether the network has batch norm; without it nothing can be re-estimated.
    """
    prune, quantize, compress = config["prune"], config["quantize"], config["compress"]
    statistics: list[Statistics] = compress["batch_norm"] if has_statistics else [TRAINED]
    exclude = tuple(prune["exclude"])
    versions = [Version(curve="dense")]
    amounts = curve.amounts(prune["amounts"]) if prune["amounts"] else []
    if amounts:
        versions += curve.pruning(prune["methods"], amounts, statistics, exclude)
        if prune["without_first"] and first and first not in exclude and len(leaves) > 1:
            structured = [name for name in prune["methods"] if METHODS[name].unit == "channel"]
            versions += curve.pruning(structured, amounts, statistics, (*exclude, first))
    versions += _quantization(quantize, statistics)
    scheme = integer_scheme(quantize)
    if amounts and compress["joint_method"] and scheme:
        bits = [None, *compress["joint_bits"]]
        versions += curve.joint(compress["joint_method"], amounts, bits, scheme, statistics[0])
    method = compress["joint_method"] or (prune["methods"] or ["l1"])[0]
    if METHODS[method].selection == "global":
        method = "l1"  # within one leaf there is nothing to compare globally
    versions += curve.sensitivity(
        leaves,
        method,
        compress["sensitivity_amounts"],
        compress["sensitivity_bits"] if scheme else [],
        str(scheme),
        statistics[0],
    )
    return versions


def integer_scheme(quantize: dict[str, Any]) -> str | None:
    """The first scheme that has bits to choose; None where only number formats are asked for."""
    return next((name for name in quantize["schemes"] if isinstance(parse_scheme(name), Scheme)), None)


def _quantization(quantize: dict[str, Any], statistics: list[Statistics]) -> list[Version]:
    """The curves over bits: with float32 activations, and with quantized ones where they are asked for."""
    if not quantize["bits"]:
        return []
    versions = curve.quantization(quantize["bits"], quantize["schemes"], statistics)
    if quantize["activation_bits"] is not None:
        versions += curve.quantization(
            quantize["bits"], quantize["schemes"][:1], statistics[:1], quantize["activation_bits"]
        )
    return versions
