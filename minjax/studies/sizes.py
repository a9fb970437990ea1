"""How many bytes a network of a study takes: as trained, quantized, pruned.

The bytes are theoretical: the arithmetic of the packed file (`minjax.compress.sizes`), without its header. Findings
know neither models nor compression, so this is handed to them (`findings.certificate.Sizes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minjax import models
from minjax.compress import sizes
from minjax.records.finding import CertificateBytes


def theoretical_bytes(
    family: str,
    fields: Mapping[str, Any],
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    redundancy: float | None = None,
    bits: int | None = None,
) -> CertificateBytes:
    """The bytes of one network.

    Args:
        family: the model's name.
        fields: its architecture, as records have it.
        image_shape: height, width, channels.
        num_classes: classes that it tells apart.
        redundancy: the fraction of the kernels' weights that is pruned; None: `pruned` is not asked for.
        bits: bits per weight of the kernels; None: `quantized` is not asked for.
    """
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    shapes = models.parameter_shapes(family, num_classes, image_shape=image_shape, **given)
    layout = sizes.layout(shapes.pop("params"), shapes, include="*kernel")
    quantized = None if bits is None else int(layout.theoretical_bytes(bits=bits))
    pruned = None
    if redundancy is not None:
        left = layout.counts - np.round(redundancy * layout.counts).astype(int)
        pruned = int(layout.theoretical_bytes(np.where(layout.quantized, left, layout.counts)))
    return CertificateBytes(float32=layout.dense_bytes(), quantized=quantized, pruned=pruned)
