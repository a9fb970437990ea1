"""Pruning, quantization and the sizes that result, as pure functions on pytrees of parameters.

Packed files are records, whose reader is imported when one of its functions is first used.
"""

from typing import TYPE_CHECKING, Any

from minjax.compress.formats import FORMATS, round_to_format, to_format
from minjax.compress.methods import METHODS, Method, method
from minjax.compress.quantize import (
    Quantized,
    Scheme,
    dequantize,
    fake_quantize,
    fake_quantize_array,
    quantize_array,
    straight_through,
)
from minjax.compress.schedules import rounds
from minjax.compress.selection import apply_masks, counts, masks, ranks
from minjax.compress.shrinking import Shrinkage, largest_difference, shrink

if TYPE_CHECKING:
    from minjax.compress.packed import Packed, load_packed, packed_bytes, save_packed

__all__ = [
    "FORMATS",
    "METHODS",
    "Method",
    "Packed",
    "Quantized",
    "Scheme",
    "Shrinkage",
    "apply_masks",
    "counts",
    "dequantize",
    "fake_quantize",
    "fake_quantize_array",
    "largest_difference",
    "load_packed",
    "masks",
    "method",
    "packed_bytes",
    "quantize_array",
    "ranks",
    "round_to_format",
    "rounds",
    "save_packed",
    "shrink",
    "straight_through",
    "to_format",
]


def __getattr__(name: str) -> Any:
    if name not in ("Packed", "load_packed", "packed_bytes", "save_packed"):
        raise AttributeError(f"module 'minjax.compress' has no attribute {name!r}")
    from minjax.compress import packed

    return getattr(packed, name)
