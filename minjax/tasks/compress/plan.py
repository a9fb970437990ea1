"""Which points a configuration asks for, in the order in which they are measured."""

from __future__ import annotations

from typing import Any

from minjax.compress import METHODS, Scheme
from minjax.curves import versions as curve
from minjax.curves.versions import parse_scheme
from minjax.records.compression import TRAINED, Statistics, Version


def plan(config: dict[str, Any], leaves: list[str], first: str | None, has_statistics: bool) -> list[Version]:
    """The dense network, then all points of the curves, the grid and the sensitivities.

    Args:
        config: of `settings.settle`.
        leaves: the prunable ones.
        first: the leaf of the first convolution, None where there is none.
        has_statistics: whether the network has batch norm; without it nothing can be re-estimated.
    """
    prune, quantize, compress = config["prune"], config["quantize"], config["compress"]
    statistics = compress["batch_norm"] if has_statistics else [TRAINED]
    base = tuple(prune["exclude"])
    points = [Version(curve="dense")]
    amounts = curve.amounts(prune["amounts"]) if prune["amounts"] else []
    if amounts:
        points += curve.pruning(prune["methods"], amounts, statistics, base)
        if prune["without_first"] and first and first not in base and len(leaves) > 1:
            structured = [name for name in prune["methods"] if METHODS[name].unit == "channel"]
            points += curve.pruning(structured, amounts, statistics, (*base, first))
    points += quantization(quantize, statistics)
    scheme = integer_scheme(quantize)
    if amounts and compress["joint_method"] and scheme:
        points += curve.joint(compress["joint_method"], amounts, [None, *compress["joint_bits"]], scheme, statistics[0])
    method = compress["joint_method"] or (prune["methods"] or ["l1"])[0]
    if METHODS[method].selection == "global":
        method = "l1"  # one leaf alone has nothing to be compared with
    points += curve.sensitivity(
        leaves,
        method,
        compress["sensitivity_amounts"],
        compress["sensitivity_bits"] if scheme else [],
        str(scheme),
        statistics[0],
    )
    return points


def integer_scheme(quantize: dict[str, Any]) -> str | None:
    """The first of the schemes that has bits to choose, None where only formats are asked for."""
    return next((name for name in quantize["schemes"] if isinstance(parse_scheme(name), Scheme)), None)


def quantization(quantize: dict[str, Any], statistics: list[Statistics]) -> list[Version]:
    """The curves over bits: with float32 activations, and with quantized ones where that is asked for."""
    if not quantize["bits"]:
        return []
    points = curve.quantization(quantize["bits"], quantize["schemes"], statistics)
    if quantize["activation_bits"] is not None:
        points += curve.quantization(
            quantize["bits"], quantize["schemes"][:1], statistics[:1], quantize["activation_bits"]
        )
    return points
