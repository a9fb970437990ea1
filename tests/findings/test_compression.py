"""What measurements say of a compressed network, from measurements with known answers."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict, replace

from minjax.findings import compression
from minjax.findings.phases import TOLERANCE
from minjax.records.compression import CompressionSeconds, CompressionSummary, Measurement
from minjax.records.record import Provenance

AMOUNTS = [0.0, 0.25, 0.5, 0.75, 1.0]


def measurement(curve: str, accuracy: float, **fields: Any) -> Measurement:
    numbers: dict[str, Any] = {
        **{"loss": 0.5, "nonzero": 100, "sparsity": 0.0, "bytes_theoretical": 400, "bytes_dense": 400},
        **{"multiply_adds": 1000, "multiply_adds_sparse": 1000},
    }
    return Measurement(curve=curve, accuracy=accuracy, **numbers | fields)  # type: ignore[arg-type]


def pruning(accuracies: list[float], method: str = "l1", **fields: Any) -> list[Measurement]:
    sizes = [400, 300, 200, 100, 0]
    return [
        measurement("pruning", accuracy, method=method, amount=amount, bytes_theoretical=size, **fields)
        for amount, size, accuracy in zip(AMOUNTS, sizes, accuracies, strict=True)
    ]


MEASUREMENTS = [
    measurement("dense", 0.95),
    *pruning([0.95, 0.945, 0.9, 0.5, 0.1]),
    *pruning([0.95, 0.95, 0.945, 0.9, 0.1], batch_norm="re-estimated"),
    measurement("quantization", 0.95),
    *[measurement("quantization", a, bits=b, scheme="s") for b, a in ((2, 0.93), (8, 0.95), (4, 0.941))],
    measurement("quantization", 0.95, bits=16, scheme="bfloat16", bytes_theoretical=200),
    measurement("sensitivity", 0.99, bits=4, scheme="s", layer="head/kernel", bytes_theoretical=None),
]


def test_phases_of_every_curve_and_of_no_format():
    trained, reestimated, bits = compression.curve_phases(MEASUREMENTS, 0.1)
    assert (trained.method, trained.batch_norm, trained.plateau_end) == ("l1", "trained", 0.25)
    assert (reestimated.batch_norm, reestimated.plateau_end, reestimated.collapse_start) == ("re-estimated", 0.5, 1.0)
    assert (bits.curve, bits.method, bits.scheme, bits.plateau_end) == ("quantization", None, "s", 4)
    assert bits.collapse_start is None


def test_the_front_has_what_no_other_beats_and_no_single_leaf():
    front = compression.pareto_front(MEASUREMENTS)
    assert [(m.bytes_theoretical, m.accuracy) for m in front] == [(100, 0.9), (200, 0.95)]
    assert front[1].scheme == "bfloat16"


def test_the_first_layer_where_a_plane_is_lost():
    whole = pruning([0.9, 0.4, 0.3, 0.2, 0.1], "l1_structured")
    spared = pruning([0.9, 0.8, 0.7, 0.6, 0.1], "l1_structured", exclude=("conv1/kernel",))
    ask = {"layer": "conv1/kernel", "inputs": 3, "exclude": (), "structured": ("random_structured", "l1_structured")}
    found = compression.first_layer([*whole, *spared], **ask)
    assert found is not None
    assert (found.method, found.amount, found.lost_inputs) == ("l1_structured", 0.25, 1)
    assert (found.accuracy, found.accuracy_without_first_layer) == (0.4, 0.8)
    assert compression.first_layer(whole, **ask) is None


def summary(measurements: list[Measurement]) -> CompressionSummary:
    about = Provenance(device="cpu", device_count=1, versions={}, git_commit=None, command="minjax")
    return CompressionSummary(
        name="a", model="cnn", dataset="digits", optimizer="sgdm", seed=0, num_params=100, num_classes=10, run="runs/a",
        num_prunable=90, chance=0.1, dense=compression.dense(measurements), test_images=360,
        phases=compression.curve_phases(measurements, 0.1), first_layer=None, pareto=[], packed=[], shrink=[],
        status="completed", seconds=CompressionSeconds(train=1, evaluate=1, compile=1, total=3), compilations=1,
        images_per_second=None, **asdict(about),
    )  # fmt: skip


def test_the_headline_says_how_far_one_can_go_and_for_which_loss(monkeypatch):
    assert TOLERANCE == 0.01
    assert compression.headline(summary(MEASUREMENTS)) == (
        "95.00 % test accuracy before compression; at most 1 point less with 50 % of the weights pruned (l1, batch "
        "norm re-estimated) or with 4 bits per weight (s)"
    )
    one_bit = [replace(m, bits=1) if m.bits == 4 else m for m in MEASUREMENTS if m.curve != "pruning"]
    monkeypatch.setattr(compression, "TOLERANCE", 0.02)
    assert compression.headline(summary(one_bit)).endswith("at most 2 points less with 1 bit per weight (s)")
    assert compression.headline(summary(MEASUREMENTS[:1])) == "95.00 % test accuracy before compression"
