"""Self-contained C99: int8 weights, inference, a test vector; no heap, no dependency.

Written from the int8 TFLite file, operator by operator, so that the integers are those that TFLite Micro would use.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from minjax.deploy.formats import c_code, tflite, tflite_file
from minjax.deploy.formats.format import Checker, Format, Logits, Runtime, Source
from minjax.deploy.graph import Graph
from minjax.errors import UserError

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O2")
COMPILERS = ("cc", "gcc", "clang")
# What is measured where it is installed: compiler, its `size`, flags.
PROCESSORS = {
    "this machine": ("cc", "size", ()),
    "Cortex-M4": ("arm-none-eabi-gcc", "arm-none-eabi-size", ("-mcpu=cortex-m4", "-mthumb")),
}


def compiler() -> str:
    """The C compiler's path.

    Raises:
        UserError: there is none.
    """
    found = next(filter(None, map(shutil.which, COMPILERS)), None)
    if found is None:
        raise UserError(f"export.formats=c needs a C compiler ({', '.join(COMPILERS)}); install gcc or clang")
    return found


def refuses(graph: Graph) -> str | None:
    """Why a network is not written in C."""
    if graph.family == "vit":
        return "the C code has no layer norm, softmax or GELU, which a vision transformer needs"
    return None


def write(source: Source, directory: Path) -> None:
    """Write model.h, model.c and test.c, which holds an image and the logits that must come out for it."""
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "model.tflite"
        tflite.write_int8(source, path)
        file = tflite_file.read(path)
    directory.mkdir()
    code = c_code.Code(file, source)
    (directory / "model.c").write_text(code.source())
    (directory / "model.h").write_text(code.header())
    image = np.ascontiguousarray(source.calibration[0])
    with _Library(directory) as run:
        logits = run(image[None])[0]
    (directory / "test.c").write_text(c_code.test(image, logits))


class _Library:
    """The code compiled as a shared library: pixels uint8 [N, H, W, C] -> int8 [N, classes]."""

    def __init__(self, directory: Path):
        self.directory = directory

    def __enter__(self) -> Logits:
        self.aside = tempfile.TemporaryDirectory()
        built = Path(self.aside.name) / "model.so"
        compiled(["-shared", "-fPIC", str(self.directory / "model.c"), "-o", str(built)])
        library = ctypes.CDLL(str(built))
        classes = int(_defined(self.directory / "model.h", "MODEL_CLASSES"))

        def run(pixels: np.ndarray) -> np.ndarray:
            logits = np.zeros((len(pixels), classes), np.int8)
            for image, row in zip(np.ascontiguousarray(pixels), logits, strict=True):
                library.model_run(image.ctypes.data_as(ctypes.c_void_p), row.ctypes.data_as(ctypes.c_void_p))
            return logits

        return run

    def __exit__(self, *error: Any) -> None:
        self.aside.cleanup()


def compiled(arguments: list[str]) -> None:
    """Run the compiler with `FLAGS`.

    Raises:
        UserError: it found something to complain about.
    """
    done = subprocess.run([compiler(), *FLAGS, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"the C compiler refused the code: {' '.join(done.stderr.split())[:300]}")


def _defined(header: Path, name: str) -> str:
    line = next(line for line in header.read_text().splitlines() if line.startswith(f"#define {name} "))
    return line.split()[2].strip("()")


def load(path: Path, source: Source) -> Runtime:
    """The code compiled and run, after its own test."""
    with tempfile.TemporaryDirectory() as aside:
        built = Path(aside) / "test"
        compiled([str(path / "model.c"), str(path / "test.c"), "-o", str(built)])
        done = subprocess.run([str(built)], capture_output=True, text=True)
        if done.returncode != 0:
            raise UserError(f"{path / 'test.c'} fails: {done.stdout.strip()}")
    zero, scale = (_defined(path / "model.h", f"MODEL_LOGIT_{part}") for part in ("ZERO", "SCALE"))
    calls = Counter(line.split("(")[0].strip() for line in _body(path / "model.c"))
    released = subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout.splitlines()[0]

    def logits(pixels: np.ndarray) -> np.ndarray:
        with _Library(path) as run:
            return (run(pixels).astype(np.float32) - int(zero)) * np.float32(scale.removesuffix("f"))

    memory = int(_defined(path / "model.h", "MODEL_MEMORY_BYTES"))
    sizes = {named(name): size for name in PROCESSORS if (size := object_bytes(path, name)) is not None}
    return Runtime("C", released, logits, dict(sorted(calls.items())), arena_bytes=memory, object_bytes=sizes)


def named(processor: str) -> str:
    """A processor with the version of its cross compiler; that of this machine's stands with the runtime."""
    build, _, flags = PROCESSORS[processor]
    if not flags:
        return processor
    released = subprocess.run([build, "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
    return f"{processor}, {build} {released}"


def object_bytes(path: Path, processor: str) -> int | None:
    """Code and constants of model.c compiled for size; None where there is no compiler for the processor.

    Raises:
        UserError: the compiler found something to complain about.
    """
    build, size, flags = PROCESSORS[processor]
    if shutil.which(build) is None or shutil.which(size) is None:
        return None
    with tempfile.TemporaryDirectory() as aside:
        made = str(Path(aside) / "model.o")
        command = [build, *FLAGS, "-Os", *flags, "-c", str(path / "model.c"), "-o", made]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise UserError(f"the C compiler for {processor} refused the code: {' '.join(done.stderr.split())[:300]}")
        columns = subprocess.run([size, made], capture_output=True, text=True).stdout.splitlines()[1].split()
    return int(columns[0]) + int(columns[1])  # text, which holds the constants, and initialised data


def _body(path: Path) -> list[str]:
    """The calls of `model_run`."""
    inner = path.read_text().partition("void model_run(")[2].partition("\n}")[0]
    names = ("convolution(", "depthwise(", "linear(", "max_pool(", "add(", "pad(", "mean(")
    return [line for line in inner.splitlines() if line.strip().startswith(names)]


def load_beside_micro(path: Path, source: Source) -> Runtime:
    """The code beside TFLite Micro's reference kernels, whose integers it must give for every image."""
    ours = load(path, source)
    with tempfile.TemporaryDirectory() as aside:
        file = Path(aside) / "model.tflite"
        tflite.write_int8(source, file)
        micro = tflite.load_micro(file, source)

    def logits(pixels: np.ndarray) -> np.ndarray:
        given, wanted = ours.logits(pixels), micro.logits(pixels)
        others = np.count_nonzero((given != wanted).any(axis=1))
        if others:
            raise ValueError(f"{others:,} of {len(pixels):,} images have other logits in TFLite Micro")
        return given

    return Runtime("C, same integers as TFLite Micro", micro.version, logits, ours.operators, slow=True)


FORMAT = Format(
    "c",
    "c",
    "int8",
    (tflite.TENSORFLOW,),
    write,
    (Checker("C", None, load), Checker("C beside TFLite Micro", tflite.MICRO, load_beside_micro)),
    refuses,
)
