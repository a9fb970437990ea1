"""Arguments of the documented command for small compressions, and what they leave."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from minjax.records.compression import Measurement, read_measurements

PRESET = "configs/compress/full.py"
MODEL = (
    "--config.model.name=cnn",
    "--config.model.channels=(6,8)",
    "--config.model.padding=SAME",
    "--config.model.batch_norm=True",
    "--config.epochs=3",
)
SMALL = (
    "--config.compress.recommend=False",
    "--config.prune.amounts=5",
    "--config.quantize.bits=(8,4,2)",
    "--config.quantize.schemes=('symmetric_channel_minmax','bfloat16')",
    "--config.compress.joint_bits=(4,2)",
    "--config.compress.sensitivity_amounts=(0.5,)",
    "--config.compress.sensitivity_bits=(2,)",
    "--config.compress.shrink_amounts=(0.5,)",
    "--config.compress.calibration_images=200",
)
NONE = (
    "--config.compress.recommend=False",
    "--config.prune.amounts=0",
    "--config.quantize.bits=()",
    "--config.compress.joint_method=",
    "--config.compress.sensitivity_amounts=()",
    "--config.compress.sensitivity_bits=()",
    "--config.compress.pack_bits=()",
    "--config.compress.shrink_method=",
)


def timeless(directory: Path) -> list[Measurement]:
    """The measurements of a compression without the seconds they took."""
    return [replace(m, seconds=None) for m in read_measurements(directory)]
