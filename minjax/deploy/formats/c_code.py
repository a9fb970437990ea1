"""The C99 source of an exported network, from its int8 TFLite file: constants, a plan of the memory, a call a layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import minjax
from minjax.deploy.formats import tflite
from minjax.deploy.formats.c_kernels import KERNELS, ROUNDING
from minjax.deploy.formats.format import Source
from minjax.deploy.formats.tflite_file import File, Operator, Tensor
from minjax.errors import UserError


@dataclass(frozen=True)
class Multiplier:
    """A real number as multiplier * 2^(shift - 31), the multiplier an int32."""

    value: int
    shift: int

    @classmethod
    def of(cls, real: float) -> Multiplier:
        """The nearest one, as TFLite's QuantizeMultiplier finds it."""
        mantissa, shift = math.frexp(real)
        value = math.floor(mantissa * 2**31 + 0.5)
        if value == 2**31:
            value, shift = value // 2, shift + 1
        return cls(0, 0) if shift < -31 else cls(value, shift)

    def over(self, count: int) -> Multiplier:
        """This number over `count`, with the digits that TFLite Micro's mean keeps of it."""
        shift = min(count.bit_length() - 1, 31 + self.shift)
        return Multiplier((self.value << shift) // count, self.shift - shift)


class Code:
    """The C files of one network."""

    def __init__(self, file: File, source: Source):
        self.file, self.source_ = file, source
        self.storage = _storage(file)
        self.offsets, self.bytes = _plan(file, self.storage)
        self.constants: list[str] = []
        self.calls = [call for operator in file.operators if (call := self._call(operator))]

    def source(self) -> str:
        """model.c."""
        file, graph = self.file, self.source_.graph
        used = [KERNELS[kind] for kind in KERNELS if any(operator.kind == kind for operator in file.operators)]
        given, result = file.tensors[file.input], file.tensors[file.output]
        table = tflite.input_table(graph, float(given.scales[0]), given.zero)
        names = ", ".join(map(literal, self.source_.network.classes))
        calls = "\n".join(f"  {call}" for call in self.calls)
        count, channels = graph.layers[0].size, graph.image_shape[2]
        return f"""\
/* Made by minjax {minjax.__version__}. Right shifts of negative integers must be arithmetic, as everywhere they are. */
#include "model.h"

#include <stddef.h>
#include <string.h>

const char *const model_class_names[MODEL_CLASSES] = {{{names}}};

/* Working memory: every activation, where no later one lies. */
static int8_t memory[MODEL_MEMORY_BYTES];

/* The integer that stands for each pixel value in each channel, normalised. */
static const int8_t input_table[{channels}][256] = {{
{",".join("{" + _numbers(table[:, channel]) + "}" for channel in range(channels))}}};

{"".join(self.constants)}
{ROUNDING}
{"".join(kernel + chr(10) for kernel in used)}\
void model_run(const uint8_t *pixels, int8_t *logits) {{
  for (int i = 0; i < {count}; i++) memory[{self._at(file.input)} + i] = input_table[i % {channels}][pixels[i]];
{calls}
  memcpy(logits, memory + {self._at(file.output)}, {math.prod(result.shape)});
}}

int model_predict(const uint8_t *pixels) {{
  int8_t logits[MODEL_CLASSES];
  int best = 0;
  model_run(pixels, logits);
  for (int i = 1; i < MODEL_CLASSES; i++)
    if (logits[i] > logits[best]) best = i;
  return best;
}}
"""

    def header(self) -> str:
        """model.h."""
        height, width, channels = self.source_.graph.image_shape
        result, name = self.file.tensors[self.file.output], self.source_.network.about["model"]["name"]
        return f"""\
/* Made by minjax {minjax.__version__}: {name} in int8. Nothing is allocated; the working memory is static, so that
 * one image is classified at a time. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_HEIGHT {height}
#define MODEL_WIDTH {width}
#define MODEL_CHANNELS {channels}
#define MODEL_CLASSES {self.source_.graph.num_classes}
#define MODEL_MEMORY_BYTES {self.bytes}

/* A logit is (integer - MODEL_LOGIT_ZERO) * MODEL_LOGIT_SCALE. */
#define MODEL_LOGIT_ZERO ({result.zero})
#define MODEL_LOGIT_SCALE {float(result.scales[0])!r}f

extern const char *const model_class_names[MODEL_CLASSES];

/* Pixels from 0 to 255, row by row, the channels of a pixel side by side; a logit for each class. */
void model_run(const uint8_t *pixels, int8_t *logits);

/* The class with the largest logit, the first of equal ones. */
int model_predict(const uint8_t *pixels);

#endif
"""

    def _at(self, tensor: int) -> int:
        return self.offsets[self.storage[tensor]]

    def _constant(self, kind: str, name: str, values: Any) -> str:
        full = f"{name}_{len(self.constants)}"
        numbers = np.asarray(values).ravel()
        self.constants.append(f"static const {kind} {full}[{len(numbers)}] = {{\n{_numbers(numbers)}}};\n")
        return full

    def _multipliers(self, reals: np.ndarray) -> tuple[str, str]:
        found = [Multiplier.of(float(real)) for real in reals]
        values = self._constant("int32_t", "multipliers", [m.value for m in found])
        return values, self._constant("int8_t", "shifts", [m.shift for m in found])

    def _call(self, operator: Operator) -> str:
        """One operator as a call, or nothing where it does nothing."""
        tensors, kind = self.file.tensors, operator.kind
        if kind == "RESHAPE":
            return ""
        if kind not in KERNELS:
            raise UserError(f"the C code has no kernel for TFLite's {kind}")
        x, y = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
        given, result = (f"memory + {self._at(index)}" for index in (operator.inputs[0], operator.outputs[0]))
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            return self._weighted(operator, x, y, given, result)
        if kind == "MAX_POOL_2D":
            return f"max_pool({given}, {_list(x.shape[1:])}, {result});"
        if kind == "ADD":
            return self._add(operator, x, y, given, result)
        if kind == "PAD":
            pads = tensors[operator.inputs[1]].value
            assert pads is not None
            return f"pad({given}, {_list(x.shape[1:])}, {_list(pads[1:3].ravel())}, {y.zero}, {result});"
        pixels, channels = math.prod(x.shape[1:3]), x.shape[3]
        m = Multiplier.of(float(x.scales[0]) / float(y.scales[0])).over(pixels)
        return f"mean({given}, {pixels}, {channels}, {x.zero}, {result}, {y.zero}, {m.value}, {m.shift});"

    def _weighted(self, operator: Operator, x: Tensor, y: Tensor, given: str, result: str) -> str:
        kernel = self.file.tensors[operator.inputs[1]]
        assert kernel.value is not None
        depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        outputs = kernel.shape[3] if depthwise else kernel.shape[0]
        bias: Any = np.zeros(outputs, np.int32)
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            bias = self.file.tensors[operator.inputs[2]].value
        scales = np.broadcast_to(kernel.scales.astype(np.float64), outputs)
        reals = float(x.scales[0]) * scales / float(y.scales[0])
        weights, biases = self._constant("int8_t", "kernel", kernel.value), self._constant("int32_t", "bias", bias)
        values, shifts = self._multipliers(reals)
        ends = _list([y.zero, *_clamp(operator, y)])
        if operator.kind == "FULLY_CONNECTED":
            inputs = kernel.shape[1]
            return (
                f"linear({given}, {inputs}, {x.zero}, {weights}, {biases}, {values}, {shifts}, {result}, {outputs}, "
                f"{ends});"
            )
        stride, rows, columns = operator.options["strideH"], *kernel.shape[1:3]
        same = operator.options["padding"] == 0
        top, left = (
            max((out - 1) * stride + window - side, 0) // 2 if same else 0
            for out, window, side in zip(y.shape[1:3], (rows, columns), x.shape[1:3], strict=True)
        )
        function = "depthwise" if depthwise else "convolution"
        return (
            f"{function}({given}, {_list(x.shape[1:])}, {x.zero}, {weights}, {biases}, "
            f"{_list([rows, columns, stride, top, left])}, {values}, {shifts}, {result}, {_list(y.shape[1:])}, {ends});"
        )

    def _add(self, operator: Operator, x: Tensor, y: Tensor, given: str, result: str) -> str:
        other = self.file.tensors[operator.inputs[1]]
        first, second, last = (float(tensor.scales[0]) for tensor in (x, other, y))
        twice = 2 * max(first, second)
        a, b, m = (Multiplier.of(real) for real in (first / twice, second / twice, twice / (2**20 * last)))
        return (
            f"add({given}, {_list([x.zero, a.value, a.shift])}, memory + {self._at(operator.inputs[1])}, "
            f"{_list([other.zero, b.value, b.shift])}, {result}, {math.prod(y.shape)}, {y.zero}, {m.value}, {m.shift}, "
            f"{_list(_clamp(operator, y))});"
        )


def _clamp(operator: Operator, y: Tensor) -> tuple[int, int]:
    """The least and the largest output: a ReLU begins at the integer that stands for 0."""
    return (max(-128, y.zero), 127) if operator.options["fusedActivationFunction"] == 1 else (-128, 127)


def _storage(file: File) -> dict[int, int]:
    """Activation -> the one whose memory it is: that of a reshaped one is its input's."""
    storage = {file.input: file.input}
    for operator in file.operators:
        (output,) = operator.outputs
        storage[output] = storage[operator.inputs[0]] if operator.kind == "RESHAPE" else output
    return storage


def _plan(file: File, storage: dict[int, int]) -> tuple[dict[int, int], int]:
    """The offset of each activation and the bytes of all: those alive at the same time do not overlap."""
    alive = {file.input: [0, 0]}
    for step, operator in enumerate(file.operators):
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor in storage:
                alive.setdefault(storage[tensor], [step, step])[1] = step
    alive[storage[file.output]][1] = len(file.operators)
    sizes = {tensor: math.prod(file.tensors[tensor].shape) for tensor in alive}
    placed: dict[int, int] = {}
    for tensor in sorted(alive, key=lambda tensor: -sizes[tensor]):
        begin, end = alive[tensor]
        taken = sorted(
            (offset, offset + sizes[other])
            for other, offset in placed.items()
            if alive[other][0] <= end and begin <= alive[other][1]
        )
        offset = 0
        for low, high in taken:
            if offset + sizes[tensor] <= low:
                break
            offset = max(offset, high)
        placed[tensor] = offset
    return placed, max(offset + sizes[tensor] for tensor, offset in placed.items())


def literal(name: str) -> str:
    """A string literal of C with the UTF-8 bytes of a name, which may be that of any folder.

    What is not plain ASCII is written in octal, and so are question marks, of which C99 makes trigraphs.
    """
    kept = frozenset(range(32, 127)) - frozenset(b'"\\?')
    octets = name.encode(errors="surrogateescape")
    return '"' + "".join(chr(octet) if octet in kept else f"\\{octet:03o}" for octet in octets) + '"'


def _list(values: Any) -> str:
    return ", ".join(str(int(value)) for value in values)


def _numbers(values: Any) -> str:
    """Numbers, 24 to a line."""
    text = [str(int(value)) for value in np.asarray(values).ravel()]
    return ",\n".join(",".join(text[i : i + 24]) for i in range(0, len(text), 24))


def test(image: np.ndarray, logits: np.ndarray) -> str:
    """test.c."""
    return f"""\
/* cc -std=c99 model.c test.c -o test && ./test: one image, and the logits that must come out. */
#include <stdio.h>
#include <string.h>

#include "model.h"

static const uint8_t pixels[{image.size}] = {{
{_numbers(image)}}};
static const int8_t expected[MODEL_CLASSES] = {{{_list(logits)}}};

int main(void) {{
  int8_t logits[MODEL_CLASSES];
  model_run(pixels, logits);
  if (memcmp(logits, expected, sizeof logits) != 0) {{
    printf("wrong logits\\n");
    return 1;
  }}
  printf("the expected logits; class: %s\\n", model_class_names[model_predict(pixels)]);
  return 0;
}}
"""
