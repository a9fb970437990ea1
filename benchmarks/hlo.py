"""What a step of a compiled program does, read from XLA's text: kernels, bytes, convolutions, collectives."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "f32": 4, "s32": 4, "u32": 4}
BYTES |= {"f64": 8, "s64": 8, "u64": 8, "c64": 8, "c128": 16, "token": 0}
# Instructions that run as kernels of their own; the others name, pack or unpack buffers.
KERNELS = ("fusion", "custom-call", "dot", "convolution", "copy", "sort", "reduce", "transpose", "reduce-window")
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
PARTIAL = ("slice", "dynamic-slice", "gather")  # what reads a part of an operand
# A fusion of nothing but these brings numbers into another place or type.
REARRANGING = {"parameter", "constant", "slice", "dynamic-slice", "convert", "bitcast", "reverse", "transpose", "copy"}
REARRANGING |= {"broadcast", "concatenate", "pad", "reshape", "tuple", "get-tuple-element"}
SAME = ("bitcast", "convert")  # they read what their users read
_SCRATCH = re.compile(r", s8\[\d+\]\{0\}\)$")  # where a library may put what it likes, such as cuBLAS's 4 MB
_INSTRUCTION = re.compile(r"\s+(?:ROOT )?%([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*?)\)(.*)")


@dataclass(frozen=True)
class Instruction:
    """A line of a computation.

    Attributes:
        shape: of its result, in XLA's notation.
        operands: names of the instructions that it reads.
        rest: attributes and metadata.
    """

    name: str
    shape: str
    kind: str
    operands: tuple[str, ...]
    rest: str

    def attribute(self, pattern: str) -> str:
        """What a pattern's group matches among the attributes; empty where nothing does."""
        match = re.search(pattern, self.rest)
        return match.group(1) if match else ""


@dataclass(frozen=True)
class Kernel:
    """A kernel of the step.

    Attributes:
        kind: what sort of instruction it is; for a custom call, the function that is called.
        group: what it is for, see `_group`.
        bytes: read and written; of an operand that the kernel reads in parts, those parts.
        tiled_bytes: the same with the padding that a TPU's tiles add to arrays.
        window: height and width of a convolution's window, where the text says so.
        source: the operation that it was made from.
    """

    kind: str
    group: str
    bytes: int
    tiled_bytes: int
    window: tuple[int, int] | None
    source: str


def size(shape: str) -> int:
    """Bytes of the numbers of all arrays in a shape."""
    return sum(BYTES[kind] * math.prod(dims) for kind, dims, *_ in _arrays(shape))


def tiled_size(shape: str) -> int:
    """Bytes of all arrays in a shape, padded to whole tiles where the layout has them.

    ``bf16[128,32,32,16]{3,2,1,0:T(8,128)(2,1)}`` has 16 channels along the 128 lanes of its tiles: eight times the
    bytes of its numbers. Further tiles pack small types, without padding.
    """
    total = 0
    for kind, dims, order, tile in _arrays(shape):
        sides = [dims[axis] for axis in order]  # from the fastest axis on
        for place, length in enumerate(reversed(tile[-len(sides) :]) if sides else ()):
            sides[place] = -(-sides[place] // length) * length
        total += BYTES[kind] * math.prod(sides)
    return total


def _arrays(shape: str) -> list[tuple[str, list[int], list[int], list[int]]]:
    """The arrays in a shape: type, sizes, axes from the fastest on, tile (its last number is of the fastest axis)."""
    found = []
    for kind, *lists in re.findall(r"\b([a-z]+\d*)\[([\d,]*)\](?:\{([\d,]*)(?::T\(([\d,]+)\))?)?", shape):
        dims, order, tile = ([int(n) for n in filter(None, text.split(","))] for text in lists)
        found.append((kind, dims, order or list(range(len(dims)))[::-1], tile))
    return found


def computations(text: str) -> dict[str, dict[str, Instruction]]:
    """The computations of a module by name, each its instructions by name."""
    found: dict[str, dict[str, Instruction]] = {}
    for block in re.split(r"\n\n(?=%|ENTRY)", text):
        head = re.match(r"(?:ENTRY )?%?([\w.\-]+)", block)
        rows = {}
        for line in block.split("\n"):
            match = _INSTRUCTION.match(line)
            if match:
                name, shape, kind, inside, rest = match.groups()
                operands = inside if kind != "parameter" else ""
                index = f" parameter({inside})" if kind == "parameter" else ""
                rows[name] = Instruction(name, shape, kind, tuple(re.findall(r"%([\w.\-]+)", operands)), rest + index)
        if head and rows:
            found[head.group(1)] = rows
    return found


def step(text: str) -> list[Instruction]:
    """The instructions of a step: those of the loop's body with the most kernels, or of any computation without loops.

    What packs and unpacks a state beside the loop may have more kernels than a step.
    """
    every = computations(text)
    loops = [every[name] for name in re.findall(r" while\(.*body=%([\w.\-]+)", text) if name in every]
    bodies = loops or list(every.values())
    return list(max(bodies, key=lambda rows: sum(row.kind in KERNELS for row in rows.values())).values())


def kernels(text: str) -> list[Kernel]:
    """The kernels of a step, in their order."""
    every = computations(text)
    rows = {row.name: row for row in step(text)}
    found = []
    for row in rows.values():
        if row.kind not in KERNELS:
            continue
        inner = every.get(row.attribute(r"calls=%([\w.\-]+)"), {})
        results = _SCRATCH.sub(")", row.shape) if row.kind == "custom-call" else row.shape
        moved = [
            measure(results)
            + sum(_read(index, rows[name], inner, measure) for index, name in enumerate(row.operands) if name in rows)
            for measure in (size, tiled_size)
        ]
        window = re.search(r"window=\{[^}]*size=(\d+)x(\d+)", row.rest)
        kind = row.attribute(r'custom_call_target="([^"]*)"') or row.kind
        found.append(
            Kernel(
                kind=kind,
                group=_group(kind, {one.kind for one in inner.values()}),
                bytes=moved[0],
                tiled_bytes=moved[1],
                window=(int(window.group(1)), int(window.group(2))) if window else None,
                source=row.attribute(r'op_name="([^"]*)"').split("while/body/")[-1],
            )
        )
    return found


def _group(kind: str, inner: set[str]) -> str:
    """What a kernel is for: convolutions, products, sums (or maxima), moves (also to another type) or arithmetic."""
    for group, parts in (("convolutions", ("convolution", "conv")), ("products", ("dot", "matmul", "fmha"))):
        if parts[0] in inner or any(part in kind for part in parts):
            return group
    if "reduce" in inner or kind.startswith("reduce"):
        return "sums"
    return "moves" if inner <= REARRANGING and kind != "sort" else "arithmetic"


def summary(text: str) -> dict[str, Any]:
    """What a step does, in numbers: the fields of a record that follow from the text."""
    rows = kernels(text)
    sources = Counter(re.sub(r"\d+", "", row.source)[:90] for row in rows)
    return {
        "kernels": len(rows),
        "kinds": dict(Counter(row.kind for row in rows).most_common()),
        "groups": dict(Counter(row.group for row in rows).most_common()),
        "bytes": sum(row.bytes for row in rows),
        "tiled_bytes": sum(row.tiled_bytes for row in rows),
        "padding": padding(text),
        "collectives": collectives(text),
        "reduced": reduced(text),
        "wide_windows": sum(row.window is not None and max(row.window) > 7 for row in rows),
        "copies": sum(row.kind == "copy" for row in rows),
        "sources": dict(sources.most_common(20)),
    }


def padding(text: str, most: int = 3) -> dict[str, int]:
    """Bytes of padding in the results of a step's kernels, by shape, of the shapes that have most of it."""
    wasted: Counter[str] = Counter()
    for row in step(text):
        if row.kind in KERNELS:
            for shape in re.findall(r"[a-z]+\d*\[[\d,]*\]\{[^}]*\}", row.shape):
                wasted[re.sub(r"S\(\d+\)", "", shape)] += tiled_size(shape) - size(shape)
    return {shape: count for shape, count in wasted.most_common(most) if count}


def _read(index: int, operand: Instruction, inner: dict[str, Instruction], measure: Callable[[str], int]) -> int:
    """Bytes that a kernel reads of an operand: all of it, unless the fused computation takes parts of it alone."""
    own = next((row.name for row in inner.values() if f" parameter({index})" in row.rest), None)
    if own is None:
        return measure(operand.shape)
    return min(measure(operand.shape), _parts(own, inner, measure) or measure(operand.shape))


def _parts(name: str, inner: dict[str, Instruction], measure: Callable[[str], int]) -> int:
    """Bytes of the parts that are read of an array, in its own type; 0: it is read whole."""
    users = [row for row in inner.values() if name in row.operands]
    total = 0
    for row in users:
        if row.kind in SAME:
            part = _parts(row.name, inner, measure) * _width(inner[name]) // _width(row)
        elif row.kind in PARTIAL and row.operands[0] == name:
            part = measure(row.shape)
        else:
            part = 0
        if not part:
            return 0
        total += part
    return total


def _width(array: Instruction) -> int:
    """Bytes of a number of an array."""
    return BYTES.get(array.shape.split("[")[0], 1)


def collectives(text: str) -> dict[str, int]:
    """How many collective operations a step has, by kind."""
    counts: dict[str, int] = {}
    for row in step(text):
        kind = row.kind.removesuffix("-start")
        if kind in COLLECTIVES:
            counts[kind] = counts.get(kind, 0) + 1
    return counts


def reduced(text: str) -> dict[str, list[int]]:
    """How many all-reduces a step has and their bytes: forward, backward, and the largest, that of the gradients."""
    rows = [row for row in step(text) if row.kind.removesuffix("-start") == "all-reduce"]
    largest = max(rows, key=lambda row: size(row.shape), default=None)
    found: dict[str, list[int]] = {}
    for row in rows:
        backward = "transpose(" in row.attribute(r'op_name="([^"]*)"')
        place = "gradients" if row is largest else "backward" if backward else "forward"
        count, total = found.get(place, [0, 0])
        found[place] = [count + 1, total + size(row.shape)]
    return found
