"""compression.json: what follows from the measured points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from minjax.findings.phases import pareto, phases

Line = dict[str, Any]
_FRONT = (
    *("bytes_theoretical", "accuracy", "curve", "method", "amount", "exclude"),
    *("bits", "scheme", "activation_bits", "bn", "series"),
)


def all_phases(lines: list[Line], chance: float) -> list[dict[str, Any]]:
    """The phases of every curve over amounts and over bits."""
    curves: dict[tuple, list[Line]] = defaultdict(list)
    for line in lines:
        if line["curve"] == "pruning" or (line["curve"] == "quantization" and line["bits"] is not None):
            scheme = line["scheme"] if line["curve"] == "quantization" else None
            exclude = tuple(line["exclude"])
            curves[line["curve"], line["method"], exclude, scheme, line["bn"], line["activation_bits"]].append(line)
    found = []
    for (curve, method, exclude, scheme, bn, activation_bits), points in curves.items():
        if len(points) < 2:
            continue  # a format is a point
        place = "amount" if curve == "pruning" else "bits"
        points = sorted(points, key=lambda line: line[place], reverse=curve == "quantization")
        ends = phases([line[place] for line in points], [line["accuracy"] for line in points], chance)
        found.append(
            {
                "curve": curve,
                "method": method,
                "exclude": list(exclude),
                "scheme": scheme,
                "bn": bn,
                "activation_bits": activation_bits,
                "plateau_end": ends.plateau_end,
                "knee": ends.knee,
                "collapse_start": ends.collapse_start,
                "redundancy": ends.plateau_end if curve == "pruning" else None,
            }
        )
    return found


def first_layer(
    lines: list[Line], first: str | None, inputs: int, base: list[str], structured: Sequence[str]
) -> dict[str, Any] | None:
    """Where structured pruning takes the first input plane of the first convolution, with and without that layer.

    Args:
        lines: of the curves.
        first: the leaf of the first convolution.
        inputs: colour planes that it reads.
        base: patterns excluded from pruning anyway.
        structured: the methods that prune whole channels, each layer alone; the first with both curves is taken.
    """
    for method in structured:
        curve = {
            (line["amount"], len(line["exclude"]) > len(base)): line["accuracy"]
            for line in lines
            if line["curve"] == "pruning" and line["method"] == method and line["bn"] == "trained"
        }
        for amount in sorted({amount for amount, _ in curve}):
            if round(amount * inputs) >= 1:
                if (amount, False) not in curve or (amount, True) not in curve:
                    break
                return {
                    "method": method,
                    "amount": amount,
                    "accuracy": curve[amount, False],
                    "accuracy_without_first_layer": curve[amount, True],
                    "layer": first,
                    "lost_inputs": round(amount * inputs),
                    "inputs": inputs,
                }
    return None


def front(lines: list[Line]) -> list[dict[str, Any]]:
    """The points that no other beats in both bytes and accuracy."""
    candidates = [
        line
        for line in lines
        if line["curve"] in ("dense", "pruning", "quantization", "joint", "rounds", "aware")
        and line["bytes_theoretical"]
    ]
    chosen = pareto([c["bytes_theoretical"] for c in candidates], [c["accuracy"] for c in candidates])
    return [{key: candidates[i][key] for key in _FRONT} for i in chosen]


def dense(lines: list[Line]) -> dict[str, float]:
    """Accuracy and loss of the network as it was trained."""
    line = next(line for line in lines if line["curve"] == "dense")
    return {"accuracy": line["accuracy"], "loss": line["loss"]}
