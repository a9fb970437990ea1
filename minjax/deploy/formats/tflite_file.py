"""What stands in a TFLite file: its tensors with their scales, and its operators in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_DTYPES = {0: np.float32, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor.

    Attributes:
        name, shape: as in the file.
        scales: float32 [channels] or [1], empty where it is not quantized; a number is (integer - zero) * scale.
        zero: integer that stands for 0.
        value: of a constant; None for an activation.
    """

    name: str
    shape: tuple[int, ...]
    scales: np.ndarray
    zero: int
    value: np.ndarray | None = field(repr=False)


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator: its kind, the indices of its tensors (-1: not given) and its options, by the schema's names."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True, eq=False)
class File:
    """A file with one subgraph, one input and one output."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    input: int
    output: int


def read(path: Path) -> File:
    """Read a file; TensorFlow or LiteRT has the schema."""
    schema = _schema()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    (graph,) = model.subgraphs
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    operators = tuple(
        Operator(
            names[codes[operator.opcodeIndex]],
            tuple(operator.inputs),
            tuple(operator.outputs),
            vars(operator.builtinOptions) if operator.builtinOptions is not None else {},
        )
        for operator in graph.operators
    )
    tensors = tuple(_tensor(tensor, model.buffers) for tensor in graph.tensors)
    (given,), (result,) = graph.inputs, graph.outputs
    return File(tensors, operators, int(given), int(result))


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        from tensorflow.lite.python import schema_py_generated as schema
    return schema


def _tensor(tensor: Any, buffers: Any) -> Tensor:
    shape = tuple(int(n) for n in tensor.shape) if tensor.shape is not None else ()
    quantization = tensor.quantization
    scales = np.zeros(0, np.float32)
    zero = 0
    if quantization is not None and quantization.scale is not None:
        scales = np.asarray(quantization.scale, np.float32)
        zero = int(quantization.zeroPoint[0])
    data = buffers[tensor.buffer].data
    value = None
    if data is not None and len(data):
        value = np.frombuffer(bytes(data), _DTYPES[tensor.type]).reshape(shape)
    return Tensor(tensor.name.decode(), shape, scales, zero, value)
