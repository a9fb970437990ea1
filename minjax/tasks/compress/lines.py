"""A measurement as a line of compression.jsonl has it today."""

from __future__ import annotations

from typing import Any

import msgspec

from minjax.records.compression import Measurement


def as_line(measurement: Measurement) -> dict[str, Any]:
    """The fields by their names in the first record format."""
    line = {("bn" if k == "batch_norm" else k): v for k, v in msgspec.structs.asdict(measurement).items()}
    line["exclude"] = list(line["exclude"])
    if line["status"] is None:
        del line["status"]
    return line
