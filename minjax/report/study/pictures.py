"""Every picture of the report by the name of its file; importing this imports matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from minjax.report.study import accuracy, families, learning, phases
from minjax.report.study.evidence import Evidence

PICTURES: dict[str, Callable[[Evidence], list[bytes]]] = {
    "accuracy.png": accuracy.pictures,
    "families.png": families.pictures,
    "learning.png": learning.pictures,
    "pruning.png": partial(phases.curve_pictures, kind="pruning"),
    "quantization.png": partial(phases.curve_pictures, kind="quantization"),
    "resilience.png": phases.end_pictures,
}


def draw(evidence: Evidence) -> dict[str, list[bytes]]:
    """File name -> PNGs of one width, to stand below each other; none where the records have nothing for it."""
    return {name: picture(evidence) for name, picture in PICTURES.items()}
