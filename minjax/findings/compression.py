"""What the measurements of a compressed network say: phases, first layer, Pareto front, headline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from minjax.findings.phases import TOLERANCE, pareto, phases
from minjax.findings.words import percent, points
from minjax.records.compression import (
    TRAINED,
    CompressionSummary,
    CurvePhases,
    Dense,
    FirstLayer,
    Measurement,
)

WHOLE_NETWORK = ("dense", "pruning", "quantization", "joint", "rounds", "aware")  # curves that can be on the front


def dense(measurements: Iterable[Measurement]) -> Dense:
    """The network before compression."""
    measurement = next(m for m in measurements if m.curve == "dense")
    return Dense(accuracy=measurement.accuracy, loss=measurement.loss)


def curve_phases(measurements: Iterable[Measurement], chance: float) -> list[CurvePhases]:
    """The phases of every curve over amounts or bits, in the order of their first measurements.

    Args:
        measurements: of all curves.
        chance: the accuracy of guessing.
    """
    curves: dict[tuple[Any, ...], list[Measurement]] = defaultdict(list)
    for m in measurements:
        if m.curve == "pruning":
            curves[m.curve, m.method, m.exclude, None, m.batch_norm, m.activation_bits].append(m)
        if m.curve == "quantization" and m.bits is not None:
            curves[m.curve, m.method, m.exclude, m.scheme, m.batch_norm, m.activation_bits].append(m)
    # A number format has a single measurement, which is not a curve.
    return [_phases(curve, chance) for curve in curves.values() if len(curve) > 1]


def _phases(curve: Sequence[Measurement], chance: float) -> CurvePhases:
    first = curve[0]
    pruning = first.curve == "pruning"
    axis = "amount" if pruning else "bits"
    ordered = sorted(curve, key=lambda m: getattr(m, axis), reverse=not pruning)
    found = phases([getattr(m, axis) for m in ordered], [m.accuracy for m in ordered], chance, tolerance=TOLERANCE)
    return CurvePhases(
        curve="pruning" if pruning else "quantization",
        method=first.method,
        exclude=first.exclude,
        scheme=None if pruning else first.scheme,
        batch_norm=first.batch_norm,
        activation_bits=first.activation_bits,
        plateau_end=found.plateau_end,
        knee=found.knee,
        collapse_start=found.collapse_start,
    )


def first_layer(
    measurements: Sequence[Measurement],
    layer: str | None,
    inputs: int,
    exclude: Sequence[str],
    structured: Sequence[str],
) -> FirstLayer | None:
    """Where structured pruning takes an input plane of the first convolution, and what sparing that layer saves.

    Args:
        measurements: of all curves.
        layer: the leaf of the first convolution.
        inputs: colour planes that it reads.
        exclude: patterns that pruning spares anyway.
        structured: methods that prune whole channels of each layer; the first that was measured with and without
            the first convolution is taken.
    """
    for method in structured:
        accuracy = {
            (m.amount or 0.0, len(m.exclude) > len(exclude)): m.accuracy
            for m in measurements
            if m.curve == "pruning" and m.method == method and m.batch_norm == TRAINED
        }
        lost = next((amount for amount in sorted({a for a, _ in accuracy}) if round(amount * inputs) >= 1), None)
        if lost is not None and (lost, False) in accuracy and (lost, True) in accuracy:
            return FirstLayer(
                method=method,
                amount=lost,
                accuracy=accuracy[lost, False],
                accuracy_without_first_layer=accuracy[lost, True],
                layer=layer,
                lost_inputs=round(lost * inputs),
                inputs=inputs,
            )
    return None


def pareto_front(measurements: Iterable[Measurement]) -> list[Measurement]:
    """The versions that no other beats in both bytes and accuracy, smallest first."""
    candidates = [(m.bytes_theoretical, m) for m in measurements if m.curve in WHOLE_NETWORK and m.bytes_theoretical]
    front = pareto([size for size, _ in candidates], [m.accuracy for _, m in candidates])
    return [candidates[i][1] for i in front]


def headline(summary: CompressionSummary) -> str:
    """One line: the accuracy before compression, and how far the network can be pruned and quantized.

    "97.50 % test accuracy before compression; at most 1 point less with 95 % of the weights pruned (global_l1, batch
    norm re-estimated) or with 2 bits per weight (symmetric_channel_minmax)"
    """
    possible = []
    pruned = [p for p in summary.phases if p.curve == "pruning" and p.plateau_end is not None]
    if pruned:
        best = max(pruned, key=lambda p: p.plateau_end or 0)
        possible.append(f"{percent(best.plateau_end or 0, 0)} of the weights pruned ({_how(best)})")
    quantized = [p for p in summary.phases if p.curve == "quantization" and p.plateau_end is not None]
    if quantized:
        best = min(quantized, key=lambda p: p.plateau_end or 0)
        bits = f"{best.plateau_end:.0f} bit{'' if best.plateau_end == 1 else 's'}"
        possible.append(f"{bits} per weight ({_how(best)})")
    text = f"{percent(summary.dense.accuracy)} test accuracy before compression"
    return f"{text}; at most {points(TOLERANCE)} less with {' or with '.join(possible)}" if possible else text


def _how(curve: CurvePhases) -> str:
    parts = [str(curve.method or curve.scheme)]
    parts += [f"{curve.activation_bits}-bit activations"] if curve.activation_bits else []
    parts += [] if curve.batch_norm == TRAINED else [f"batch norm {curve.batch_norm}"]
    return ", ".join(parts)
