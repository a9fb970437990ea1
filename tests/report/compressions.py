"""Directories of compressions with plausible curves, without a network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from minjax.findings.phases import pareto
from minjax.records.compression import (
    MEASUREMENTS,
    REESTIMATED,
    SUMMARY,
    TRAINED,
    CompressionSeconds,
    CompressionSummary,
    CurvePhases,
    Dense,
    FirstLayer,
    Measurement,
    PackedFile,
    ShrunkNetwork,
)
from minjax.records.record import write, write_config, write_lines
from tests.report.runs import ORIGIN

DENSE, CHANCE, PARAMS = 0.9172, 0.1, 701_466
AMOUNTS = np.linspace(0, 1, 21).tolist()
FIRST = "stem/kernel"
LEAVES = (FIRST, *(f"stage_{s}/block_{b}/conv_{c}/kernel" for s in range(4) for b in range(2) for c in range(2)))
LEAVES += tuple(f"stage_{s}/block_0/shortcut/kernel" for s in (1, 2, 3))
SCHEMES = (
    *(f"{kind}_{channel}_minmax" for kind in ("symmetric", "asymmetric") for channel in ("channel", "tensor")),
    *("symmetric_channel_percentile", "symmetric_channel_mse"),
)
# Where a method has lost half of what it can lose, and how steep it falls.
HALVES = {
    **{("l1", ()): (0.82, 22), ("l1_structured", (FIRST,)): (0.36, 14), ("global_l1", ()): (0.9, 30)},
    **{("random", ()): (0.22, 18), ("random_structured", ()): (0.1, 20), ("global_random", ()): (0.28, 18)},
}
CURVES = ("pruning", "quantization", "joint", "sensitivity", "rounds", "aware")


def point(curve: str, accuracy: float, **fields: Any) -> Measurement:
    """A measurement; fields that are not given follow from the others."""
    accuracy = round(10_000 * min(max(accuracy, 0.0), 1.0)) / 10_000
    amount, bits = fields.get("amount") or 0.0, fields.get("bits") or 32
    known: dict[str, Any] = {
        "loss": 0.3 + 2.2 * (DENSE - accuracy) ** 2 * (4 if accuracy < 0.2 else 1),
        "accuracy": accuracy,
        "nonzero": round(PARAMS * (1 - 0.99 * amount)),
        "sparsity": amount,
        "bytes_theoretical": round(PARAMS * bits / 8 * (1 - 0.98 * amount)) + 4_000,
        "bytes_dense": 4 * PARAMS,
        "multiply_adds": 35_220_992,
        "multiply_adds_sparse": round(35_220_992 * (1 - amount)),
        "seconds": 0.4,
    }
    return Measurement(curve=curve, **known | fields)


def fallen(amount: float, half: float, steep: float) -> float:
    """A smooth fall from the dense network to chance."""
    return CHANCE + (DENSE - CHANCE) * (1 - 1 / (1 + math.exp(-steep * (amount - half))))


def pruning() -> list[Measurement]:
    """Six methods and one that spares the first layer, 21 amounts, both kinds of batch-norm statistics."""
    lines = []
    for kind, later in ((TRAINED, 0.0), (REESTIMATED, 0.12)):
        for (method, exclude), (half, steep) in HALVES.items():
            for amount in AMOUNTS:
                value = DENSE if amount == 0 else CHANCE if amount == 1 else fallen(amount, half + later, steep)
                about = {"method": method, "amount": amount, "batch_norm": kind}
                lines.append(point("pruning", value, exclude=exclude, **about))
                if exclude:  # whole, the same method falls where round(3 * amount) is 1
                    value = value if amount < 0.2 - 1e-9 else CHANCE + 0.5 * (value - CHANCE)
                    lines.append(point("pruning", value, **about))
        lines.append(point("pruning", 0.88 + later / 10, method="2:4", amount=0.5, batch_norm=kind))
    return lines


def quantization() -> list[Measurement]:
    """Six schemes at 16 to 1 bits and four number formats."""
    lines = [
        point("quantization", fallen(1 / bits, 0.24 + 0.06 * place, 40), bits=bits, scheme=scheme)
        for place, scheme in enumerate(reversed(SCHEMES))
        for bits in range(16, 0, -1)
    ]
    lines.append(point("quantization", DENSE))
    formats = {"float16": (16, 0.0), "bfloat16": (16, 0.0003), "float8_e4m3": (8, 0.004), "float8_e5m2": (8, 0.021)}
    lines += [point("quantization", DENSE - lost, bits=bits, scheme=name) for name, (bits, lost) in formats.items()]
    return lines


def joint() -> list[Measurement]:
    """21 amounts by 8 widths and the unquantized row."""
    return [
        point(
            "joint",
            CHANCE + (fallen(amount, 0.88, 30) - CHANCE) * (fallen(1 / (bits or 32), 0.3, 40) - CHANCE) / 0.8172,
            method="global_l1",
            amount=amount,
            bits=bits,
            scheme=bits and SCHEMES[0],
        )
        for bits in (None, 8, 7, 6, 5, 4, 3, 2, 1)
        for amount in AMOUNTS
    ]


def sensitivity() -> list[Measurement]:
    """Each of twenty leaves alone, at ten amounts and at five widths."""
    lines = []
    for place, leaf in enumerate(LEAVES):
        half = 0.5 + 0.6 * place / len(LEAVES)
        for amount in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
            lines.append(point("sensitivity", fallen(amount, half, 14), method="l1", amount=amount, layer=leaf))
        for bits in (8, 6, 4, 3, 2):
            value = fallen(1 / bits, half, 14)
            lines.append(point("sensitivity", value, bits=bits, scheme=SCHEMES[0], layer=leaf))
    return lines


def rounds() -> list[Measurement]:
    """Five series over twelve rounds that each take a fifth of the weights."""
    halves = {"iterative": 0.99, "lottery": 0.97, "random re-initialisation": 0.9, "random mask": 0.86}
    halves["fine-tuned one-shot"] = 0.95
    return [
        point(
            "rounds",
            fallen(sparsity, half, 25),
            method="global_l1",
            amount=sparsity,
            series=series,
            round=number,
        )
        for series, half in halves.items()
        for number, sparsity in ((n, 1 - 0.8**n) for n in range(1, 21))
    ]


def aware() -> list[Measurement]:
    """Quantized in training at four widths, by two schemes."""
    return [
        point("aware", fallen(1 / bits, 0.55 + 0.08 * place, 20), bits=bits, scheme=scheme)
        for place, scheme in enumerate(SCHEMES[:2])
        for bits in (8, 4, 3, 2)
    ]


def phases() -> list[CurvePhases]:
    """Those of every method and every scheme."""
    found = []
    for kind, later in ((TRAINED, 0.0), (REESTIMATED, 0.1)):
        for (method, exclude), (half, _) in HALVES.items():
            knee, start = min(round(half + later, 1), 1.0), round(half + later + 0.2, 1)
            turns = {"plateau_end": round(max(knee - 0.15, 0), 2), "knee": knee}
            turns["collapse_start"] = start if start <= 1 else None
            found.append(phase("pruning", turns, method=method, exclude=exclude, batch_norm=kind))
    for place, scheme in enumerate(SCHEMES):
        turns = {"plateau_end": 5, "knee": 4, "collapse_start": None if place else 2}
        found.append(phase("quantization", turns, scheme=scheme))
    return found


def phase(curve: str, turns: dict[str, Any], **fields: Any) -> CurvePhases:
    """One entry of `phases`."""
    names = {"method": None, "exclude": (), "scheme": None, "batch_norm": TRAINED, "activation_bits": None}
    return CurvePhases(curve=curve, **names | fields, **turns)


def packed() -> list[PackedFile]:
    """Three files."""
    rows = [(None, 0.0, None, None, 1.0), ("global_l1", 0.8, None, None, 0.23), ("global_l1", 0.8, 4, SCHEMES[0], 0.05)]
    return [
        PackedFile(
            file=f"packed/{place}.mjx",
            method=method,
            amount=amount,
            bits=bits,
            scheme=scheme,
            share=share,
            bytes_measured=round(4 * PARAMS * share) + 900,
            bytes_theoretical=round(4 * PARAMS * share),
            bytes_entropy=round(3.7 * PARAMS * share),
            same_predictions=place < 2,
            accuracy=DENSE,
        )
        for place, (method, amount, bits, scheme, share) in enumerate(rows)
    ]


def shrink() -> list[ShrunkNetwork]:
    """Two networks made smaller."""
    return [
        ShrunkNetwork(
            method="l1_structured",
            axis="in",
            amount=amount,
            params_before=PARAMS,
            params_after=round(PARAMS * (1 - amount) ** 2),
            multiply_adds_before=35_220_992,
            multiply_adds_after=round(35_220_992 * (1 - amount) ** 2),
            latency_before_ms=41.26,
            latency_after_ms=41.26 * (1 - amount),
            batch=128,
            largest_difference=3.2e-6,
            images=360,
            layers={},
            kept=["stem/kernel: its inputs are the image", "head/kernel: its outputs are the classes"],
        )
        for amount in (0.25, 0.5)
    ]


def fall(lines: list[Measurement]) -> FirstLayer:
    """Where the first convolution loses an input."""

    def there(line: Measurement) -> bool:
        what = (line.curve, line.method, line.exclude, line.batch_norm)
        return what == ("pruning", "l1_structured", (), TRAINED) and abs((line.amount or 0) - 0.2) < 1e-9

    return FirstLayer(
        method="l1_structured",
        amount=0.2,
        accuracy=next((line.accuracy for line in lines if there(line)), 0.5),
        accuracy_without_first_layer=0.8371,
        layer=FIRST,
        lost_inputs=1,
        inputs=3,
    )


def summary(lines: list[Measurement], **changes: Any) -> CompressionSummary:
    """compression.json of these measurements."""
    known = [line for line in lines if line.curve != "sensitivity"]
    front = pareto([line.bytes_theoretical for line in known], [line.accuracy for line in known]) if known else []
    fields: dict[str, Any] = {
        "name": "resnet18_s",
        "model": "resnet18_s",
        "dataset": "cifar10",
        "optimizer": "adabound",
        "seed": 42,
        "run": "runs/resnet18_s-cifar10-adabound-s42",
        "num_params": PARAMS,
        "num_prunable": 696_112,
        "num_classes": 10,
        "chance": CHANCE,
        "dense": Dense(accuracy=DENSE, loss=0.3),
        "test_images": 10_000,
        "status": "completed",
        "phases": phases(),
        "first_layer": fall(lines),
        "pareto": [known[place] for place in front],
        "packed": packed(),
        "shrink": shrink(),
        "seconds": CompressionSeconds(train=3661.0, evaluate=312.0, compile=41.0, total=4033.2),
        "compilations": 14,
        "images_per_second": 40123.4,
        **ORIGIN,
    }
    return CompressionSummary(**fields | changes)


def make_compression(
    path: Path, curves: tuple[str, ...] = CURVES, *, lines: list[Measurement] | None = None, **changes: Any
) -> Path:
    """Write a compression's directory with these curves, or these lines; `changes` replace fields of its summary."""
    config = {
        "task": "compress",
        "name": "resnet18_s",
        "seed": 42,
        "run": "runs/resnet18_s-cifar10-adabound-s42",
        "dataset": {"name": "cifar10"},
        "model": {"name": "resnet18_s", "width": None},
        "optimizer": {"name": "adabound", "learning_rate": 0.001},
        "prune": {"methods": ["l1", "global_l1"], "steps": 21},
    }
    makers = {f.__name__: f for f in (pruning, quantization, joint, sensitivity, rounds, aware)}
    if lines is None:
        lines = [line for curve in curves for line in makers[curve]()]
    path.mkdir(parents=True, exist_ok=True)
    write_config(path, config)
    write_lines(path / MEASUREMENTS, lines)
    write(path / SUMMARY, summary(lines, **changes))
    return path
