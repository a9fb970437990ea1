"""ONNX with int8 weights, a scale for each output channel, and int8 activations of static ranges (QDQ)."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minjax.deploy.formats import onnx as float_onnx
from minjax.deploy.formats.format import Format, Source
from minjax.deploy.graph import PIXELS

# Those with weights, and the sums that join them; normalisation of the pixels stays in float.
QUANTIZED = ("Conv", "Gemm", "MatMul", "Add", "MaxPool", "GlobalAveragePool", "Relu")
BATCH = 64  # calibration images run at once


class _Images:
    """The calibration images as onnxruntime asks for them: a batch at each call, None at the end."""

    def __init__(self, images: np.ndarray):
        self._batches = iter([images[i : i + BATCH] for i in range(0, len(images), BATCH)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {PIXELS: batch}


def write(source: Source, path: Path) -> None:
    """Write the network: input and output as in the float file."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(_Images, CalibrationDataReader):
        pass

    with tempfile.TemporaryDirectory() as directory:
        floating = Path(directory) / "model.onnx"
        float_onnx.write(source, floating)
        with _quiet():
            quantize_static(
                str(floating),
                str(path),
                Reader(source.calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTIZED),
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without onnxruntime's advice to preprocess models that other tools exported; ours needs none."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


FORMAT = Format(
    "onnx_int8",
    "model_int8.onnx",
    "int8",
    (float_onnx.ONNX, float_onnx.ONNXRUNTIME),
    write,
    (float_onnx.CHECKER,),
)
