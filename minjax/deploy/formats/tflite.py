"""TFLite, in float32 and in int8: one image in, its logits out; runs in LiteRT, the int8 file in TFLite Micro too.

The network is written with TensorFlow's own operators and converted in a process of its own (`tflite_conversion`): the
converter can abort the process that it runs in.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from minjax.deploy.formats import tflite_file
from minjax.deploy.formats.format import Checker, Format, Package, Runtime, Source, version
from minjax.deploy.graph import Graph
from minjax.errors import UserError

TENSORFLOW = Package("tensorflow", "tensorflow-cpu")
LITERT = Package("ai_edge_litert", "minjax[tflite]")
MICRO = Package("tflite_micro", "minjax[tflite]", limits="wheels are for Linux on x86-64 only")


def write(source: Source, path: Path) -> None:
    """Write the float32 network: pixels uint8 [1, H, W, C] -> logits float32 [1, classes]."""
    path.write_bytes(_converted(source.graph, None))


def write_int8(source: Source, path: Path) -> None:
    """Write the int8 network: int8 [1, H, W, C] -> int8 logits [1, classes], with their scales in the file.

    `input_table` says which int8 stands for a pixel.
    """
    if "tflite_int8" not in source.converted:
        source.converted["tflite_int8"] = _converted(source.graph, source.inputs)
    path.write_bytes(source.converted["tflite_int8"])


def _converted(graph: Graph, inputs: np.ndarray | None) -> bytes:
    """The file, made by `tflite_conversion.convert` in another process."""
    with tempfile.TemporaryDirectory() as directory:
        job, made = Path(directory) / "job", Path(directory) / "model.tflite"
        job.write_bytes(pickle.dumps((graph, inputs)))
        command = [sys.executable, "-m", "minjax.deploy.formats.tflite_conversion", str(job), str(made)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or not made.is_file():
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            ending = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
            raise UserError(
                f"the TFLite converter failed ({ending}): {lines[-1][:300] if lines else 'it said nothing'}"
            )
        return made.read_bytes()


def micro_lacks(graph: Graph) -> str | None:
    """Why TFLite Micro cannot run a network."""
    return "it has no kernel for GELU, which a vision transformer needs" if graph.family == "vit" else None


def input_table(graph: Graph, scale: float, zero: int) -> np.ndarray:
    """The int8 that stands for each pixel value in each channel: int8 [256, C].

    Args:
        graph: whose normalisation is applied.
        scale, zero: of the file's input, which means (integer - zero) * scale.
    """
    layer = graph.normalize
    values = np.arange(256, dtype=np.float32)[:, None] * layer.scale - layer.shift
    return np.clip(np.round(values / np.float32(scale)) + zero, -128, 127).astype(np.int8)


def file_input_table(path: Path, graph: Graph) -> np.ndarray:
    """`input_table` of a written int8 file."""
    file = tflite_file.read(path)
    given = file.tensors[file.input]
    return input_table(graph, float(given.scales[0]), given.zero)


def operators(path: Path) -> dict[str, int]:
    """How many of each operator the file has."""
    return dict(sorted(Counter(operator.kind for operator in tflite_file.read(path).operators).items()))


def load_litert(path: Path, source: Source) -> Runtime:
    """The file in LiteRT's interpreter, or, where that is not installed, in TensorFlow's, from which it comes."""
    if LITERT.installed:
        from ai_edge_litert.interpreter import Interpreter

        name, release = "LiteRT", version("ai-edge-litert")
    else:
        with _standard_error():  # TensorFlow's greetings
            import tensorflow as tf

        Interpreter, name, release = tf.lite.Interpreter, "TensorFlow Lite", tf.__version__
    with warnings.catch_warnings(), _standard_error():  # what it says of its kernels, TensorFlow's advice to use LiteRT
        warnings.simplefilter("ignore")
        interpreter = Interpreter(model_path=str(path), num_threads=2)
        interpreter.allocate_tensors()
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    logits = _one_by_one(run, source.graph, given, result)
    return Runtime(name, release, logits, operators(path))


def load_micro(path: Path, source: Source) -> Runtime:
    """The file in TFLite Micro's interpreter, with its reference kernels and the arena that it says it uses."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path))
    given, result = interpreter.get_input_details(0), interpreter.get_output_details(0)

    def run(image: np.ndarray) -> np.ndarray:
        interpreter.set_input(image, 0)
        interpreter.invoke()
        return interpreter.get_output(0)

    logits = _one_by_one(run, source.graph, given, result)
    arena = _arena_bytes(interpreter)
    return Runtime("TFLite Micro", version("tflite_micro"), logits, operators(path), arena_bytes=arena, slow=True)


def _arena_bytes(interpreter: Any) -> int | None:
    """What TFLite Micro's allocator says it has used."""
    with _standard_error() as file:
        interpreter.print_allocations()
        file.seek(0)
        found = re.search(rb"Arena allocation total (\d+) bytes", file.read())
    return int(found[1]) if found else None


@contextlib.contextmanager
def _standard_error() -> Iterator[IO[bytes]]:
    """A file that takes what the runtimes write to standard error, past Python."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        try:
            os.dup2(file.fileno(), 2)
            yield file
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _one_by_one(run: Any, graph: Graph, given: dict[str, Any], result: dict[str, Any]) -> Any:
    def scale_and_zero(details: dict[str, Any]) -> tuple[float, int]:
        parameters = details["quantization_parameters"]
        return float(parameters["scales"][0]), int(parameters["zero_points"][0])

    quantized = given["dtype"] == np.int8
    if quantized:
        table = input_table(graph, *scale_and_zero(given))
        channels = np.arange(table.shape[1])
        scale, zero = scale_and_zero(result)

    def logits(pixels: np.ndarray) -> np.ndarray:
        images = table[pixels, channels] if quantized else pixels
        outputs = np.stack([run(image[None])[0] for image in images])
        return (outputs.astype(np.float32) - zero) * np.float32(scale) if quantized else outputs

    return logits


_LITERT = Checker("LiteRT", TENSORFLOW, load_litert)
FLOAT = Format("tflite", "model.tflite", "float", (TENSORFLOW,), write, (_LITERT,))
INT8 = Format(
    "tflite_int8",
    "model_int8.tflite",
    "int8",
    (TENSORFLOW,),
    write_int8,
    (_LITERT, Checker("TFLite Micro", MICRO, load_micro, micro_lacks)),
    input_table=file_input_table,
)
