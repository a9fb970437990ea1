"""The formats by name; each is a file of this package, which says how it is written and what reads it back."""

from minjax.deploy.formats import c, onnx, onnx_int8, safetensors, stablehlo, tflite, torch
from minjax.deploy.formats.format import Format, NotInstalledError, Runtime, Source

FORMATS: dict[str, Format] = {
    kind.name: kind
    for kind in (
        stablehlo.FORMAT,
        safetensors.FORMAT,
        torch.FORMAT,
        onnx.FORMAT,
        onnx_int8.FORMAT,
        tflite.FLOAT,
        tflite.INT8,
        c.FORMAT,
    )
}

__all__ = ["FORMATS", "Format", "NotInstalledError", "Runtime", "Source"]
