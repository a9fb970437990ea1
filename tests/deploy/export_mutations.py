"""An export's record, damaged or written by somebody else, for `tests/fuzz.py`."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path

import numpy as np

from minjax.records.export import EXPORT, Check, Export, ExportedFile, Input, read_export
from minjax.records.record import builtins
from minjax.records.run import DataSheet
from minjax.report.device import export_sections
from tests.fuzz import Target
from tests.records.record_mutations import changed_bytes, changed_json, same
from tests.report.runs import ORIGIN

FILE = f"export/{EXPORT}"


@functools.cache
def written() -> bytes:
    """export.json of a small export in two formats, one of which failed."""
    check = Check(
        runtime="TFLite Micro", version="0.1", status="verified", images=360, accuracy=0.97, original_accuracy=0.97,
        agreement=0.99, largest_difference=0.01, arena_bytes=3000, object_bytes={"x86_64": 9000}, operators={"ADD": 2},
    )  # fmt: skip
    record = Export(
        run="runs/a", model="dnn", dataset="digits", test_images=360, accuracy=0.97, calibration_images=200,
        max_accuracy_drop=0.005, input=Input(image_shape=(8, 8, 1), mean=[0.3], std=[0.4], classes=["0", "1"]),
        sheet=DataSheet(num_params=90, macs=80, peak_activations=70, ram_bytes_float32=280, ram_bytes_int8=70),
        files=[
            ExportedFile(
                format="tflite_int8", kind="int8", status="verified", file="model_int8.tflite", bytes=2000,
                sha256="0" * 64, input_table=np.arange(6).reshape(2, 3).tolist(), checks=[check],
            ),
            ExportedFile(format="onnx", kind="float", status="failed", reason="onnxruntime: no"),
        ],
        **ORIGIN,
    )  # fmt: skip
    return json.dumps(builtins(record), indent=2).encode()


def mutate(draw: random.Random) -> dict[str, bytes]:
    """The file, changed."""
    if draw.random() < 0.3:
        return {FILE: changed_bytes(written(), draw)}
    return {FILE: changed_json(written(), draw, draw.choice([None, 2]))}


def read(folder: Path) -> Export:
    """The record, once a run's page could be made of it."""
    export_sections(folder)
    return read_export(folder / "export")


def judge(files: dict[str, bytes], value: Export) -> tuple[str, int]:
    """Whether what was read is what the file says, by Python's own reader of JSON."""
    assert same(json.loads(files[FILE]), builtins(value))
    return "identical" if files[FILE] == written() else "as the file says", len(files[FILE])


TARGET = Target(mutate, read, judge)
