"""Every picture of the report by the name of its file; importing this imports matplotlib."""

from __future__ import annotations

from collections.abc import Callable

from minjax.report.compression import heat, pruning, quantization, trade
from minjax.report.compression.record import CompressionRecord

PICTURES: dict[str, Callable[[CompressionRecord], bytes | None]] = {
    "pruning.png": pruning.picture,
    "quantization.png": quantization.picture,
    "joint.png": heat.joint_picture,
    "sensitivity.png": heat.sensitivity_picture,
    "pareto.png": trade.pareto_picture,
    "rounds.png": trade.rounds_picture,
    "aware.png": quantization.aware_picture,
}


def draw(record: CompressionRecord) -> dict[str, bytes | None]:
    """File name -> PNG, None where the records have nothing for it."""
    return {name: picture(record) for name, picture in PICTURES.items()}
