"""ONNX: pixels in, logits out, any batch; runs in onnxruntime and wherever else ONNX runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minjax
from minjax.deploy import graph as layers
from minjax.deploy.formats.format import Checker, Format, Package, Runtime, Source, batched, version
from minjax.deploy.graph import PIXELS, Graph

OPSET, IR_VERSION = 17, 8
ONNX = Package("onnx", "minjax[onnx]")
ONNXRUNTIME = Package("onnxruntime", "minjax[onnx]")


def write(source: Source, path: Path) -> None:
    """Write the network: input `pixels` uint8 [batch, H, W, C], output `logits` float32 [batch, classes].

    The file's metadata names the classes.
    """
    import onnx

    about = {"classes": json.dumps(source.network.classes), "producer": f"minjax {minjax.__version__}"}
    onnx.save(model(source.graph, about), str(path))


def model(graph: Graph, about: dict[str, str]) -> Any:
    """The graph as an `onnx.ModelProto`, checked."""
    import onnx
    from onnx import TensorProto, helper

    writer = _Writer()
    for layer in graph.layers:
        _EMIT[type(layer)](writer, layer)
    writer.nodes[-1].output[0] = "logits"
    made = helper.make_model(
        helper.make_graph(
            writer.nodes,
            graph.family,
            [helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, ["batch", *graph.image_shape])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", graph.num_classes])],
            writer.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="minjax",
        producer_version=minjax.__version__,
    )
    made.ir_version = IR_VERSION  # the oldest that the opset allows: old runtimes read it
    helper.set_model_props(made, about)
    onnx.checker.check_model(made, full_check=True)
    return made


class _Writer:
    """Nodes and constants in the making. Images are NCHW here; `images` names the layers that hold some."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.images: dict[str, tuple[int, ...]] = {}  # layer -> its shape [H, W, C] in the graph

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def activate(self, x: str, activation: str, output: str) -> None:
        """ReLU or exact GELU, x / 2 * (1 + erf(x / sqrt(2))), under the output's name."""
        if activation == "relu":
            self.node("Relu", [x], output)
        elif activation == "gelu":
            one, root = self.constant(f"{output}/one", np.float32(1)), np.float32(np.sqrt(2))
            scaled = self.node("Div", [x, self.constant(f"{output}/root", root)], f"{output}/scaled")
            factor = self.node("Add", [self.node("Erf", [scaled], f"{output}/erf"), one], f"{output}/factor")
            half = self.constant(f"{output}/half", np.float32(0.5))
            self.node("Mul", [self.node("Mul", [x, half], f"{output}/halved"), factor], output)


def _normalize(writer: _Writer, layer: layers.Normalize) -> None:
    floats = writer.node("Cast", [PIXELS], f"{layer.name}/float", to=1)
    scale = writer.constant(f"{layer.name}/scale", layer.scale)
    shift = writer.constant(f"{layer.name}/shift", layer.shift)
    scaled = writer.node("Mul", [floats, scale], f"{layer.name}/scaled")
    shifted = writer.node("Sub", [scaled, shift], f"{layer.name}/shifted")
    writer.node("Transpose", [shifted], layer.name, perm=[0, 3, 1, 2])
    writer.images[layer.name] = layer.shape


def _convolution(writer: _Writer, layer: layers.Convolution) -> None:
    kernel = writer.constant(f"{layer.name}/kernel", layer.kernel.transpose(3, 2, 0, 1).copy())
    bias = writer.constant(f"{layer.name}/bias", layer.bias)
    (top, bottom), (left, right) = layer.pads
    writer.node(
        "Conv",
        [layer.inputs[0], kernel, bias],
        f"{layer.name}/conv" if layer.relu else layer.name,
        kernel_shape=list(layer.kernel.shape[:2]),
        strides=[layer.stride] * 2,
        pads=[top, left, bottom, right],
        group=layer.shape[-1] if isinstance(layer, layers.Depthwise) else 1,
    )
    if layer.relu:
        writer.activate(f"{layer.name}/conv", "relu", layer.name)
    writer.images[layer.name] = layer.shape


def _linear(writer: _Writer, layer: layers.Linear) -> None:
    kernel, (source,) = layer.kernel, layer.inputs
    if source in writer.images:  # a flattened image: (row, column, channel) here, (channel, row, column) in the file
        height, width, channels = writer.images[source]
        kernel = kernel.reshape(height * width, channels, -1).transpose(1, 0, 2).reshape(kernel.shape)
    output = layer.name if layer.activation == "identity" else f"{layer.name}/sum"
    names = [source, writer.constant(f"{layer.name}/kernel", kernel)]
    if len(layer.shape) == 1 and layer.bias is not None:
        writer.node("Gemm", [*names, writer.constant(f"{layer.name}/bias", layer.bias)], output)
    elif layer.bias is None:
        writer.node("MatMul", names, output)
    else:
        product = writer.node("MatMul", names, f"{layer.name}/product")
        writer.node("Add", [product, writer.constant(f"{layer.name}/bias", layer.bias)], output)
    if layer.activation != "identity":
        writer.activate(output, layer.activation, layer.name)


def _max_pool(writer: _Writer, layer: layers.MaxPool) -> None:
    writer.node("MaxPool", list(layer.inputs), layer.name, kernel_shape=[2, 2], strides=[2, 2])
    writer.images[layer.name] = layer.shape


def _mean_pool(writer: _Writer, layer: layers.MeanPool) -> None:
    pooled = writer.node("GlobalAveragePool", list(layer.inputs), f"{layer.name}/pooled")
    writer.node("Flatten", [pooled], layer.name, axis=1)


def _flatten(writer: _Writer, layer: layers.Flatten) -> None:
    writer.node("Flatten", list(layer.inputs), layer.name, axis=1)
    writer.images[layer.name] = writer.images[layer.inputs[0]]


def _sum(writer: _Writer, layer: layers.Sum) -> None:
    writer.node("Add", list(layer.inputs), f"{layer.name}/added" if layer.relu else layer.name)
    if layer.relu:
        writer.activate(f"{layer.name}/added", "relu", layer.name)
    writer.images[layer.name] = layer.shape


def _reshape(writer: _Writer, x: str, shape: tuple[int, ...], output: str) -> str:
    """To [batch, *shape]."""
    return writer.node("Reshape", [x, writer.constant(f"{output}/shape", np.asarray([0, *shape], np.int64))], output)


def _patches(writer: _Writer, layer: layers.Patches) -> None:
    (source,), p = layer.inputs, layer.patch_size
    height, width, channels = writer.images[source]
    grid = _reshape(writer, source, (channels, height // p, p, width // p, p), f"{layer.name}/grid")
    ordered = writer.node("Transpose", [grid], f"{layer.name}/ordered", perm=[0, 2, 4, 3, 5, 1])
    _reshape(writer, ordered, layer.shape, layer.name)


def _tokens(writer: _Writer, layer: layers.Tokens) -> None:
    pads = writer.constant(f"{layer.name}/pads", np.asarray([0, 1, 0, 0, 0, 0], np.int64))
    padded = writer.node("Pad", [layer.inputs[0], pads], f"{layer.name}/padded")
    writer.node("Add", [padded, writer.constant(f"{layer.name}/positions", layer.positions[None])], layer.name)


def _layer_norm(writer: _Writer, layer: layers.LayerNorm) -> None:
    scale, bias = (writer.constant(f"{layer.name}/{leaf}", getattr(layer, leaf)) for leaf in ("scale", "bias"))
    writer.node("LayerNormalization", [layer.inputs[0], scale, bias], layer.name, axis=-1, epsilon=layer.epsilon)


def _attention(writer: _Writer, layer: layers.Attention) -> None:
    from onnx import helper

    name, inner, tokens = layer.name, layer.heads * layer.head_dim, layer.shape[0]
    parts = [f"{name}/{part}" for part in ("queries", "keys", "values")]
    sizes = writer.constant(f"{name}/sizes", np.asarray([inner] * 3, np.int64))
    writer.nodes.append(helper.make_node("Split", [layer.inputs[0], sizes], parts, name=f"{name}/split", axis=-1))
    heads = []
    for part, order in zip(parts, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True):
        split = _reshape(writer, part, (tokens, layer.heads, layer.head_dim), f"{part}/heads")
        heads.append(writer.node("Transpose", [split], f"{part}/ordered", perm=order))
    queries, keys, values = heads
    products = writer.node("MatMul", [queries, keys], f"{name}/products")
    factor = writer.constant(f"{name}/scale", np.float32(layer.scale))
    scaled = writer.node("Mul", [products, factor], f"{name}/scaled")
    weights = writer.node("Softmax", [scaled], f"{name}/weights", axis=-1)
    mixed = writer.node("MatMul", [weights, values], f"{name}/mixed")
    ordered = writer.node("Transpose", [mixed], f"{name}/together", perm=[0, 2, 1, 3])
    _reshape(writer, ordered, layer.shape, name)


def _first_token(writer: _Writer, layer: layers.FirstToken) -> None:
    index = writer.constant(f"{layer.name}/index", np.asarray(0, np.int64))
    writer.node("Gather", [layer.inputs[0], index], layer.name, axis=1)


_EMIT: dict[type, Callable[[_Writer, Any], None]] = {
    layers.Normalize: _normalize,
    layers.Convolution: _convolution,
    layers.Depthwise: _convolution,
    layers.Linear: _linear,
    layers.MaxPool: _max_pool,
    layers.MeanPool: _mean_pool,
    layers.Flatten: _flatten,
    layers.Sum: _sum,
    layers.Patches: _patches,
    layers.Tokens: _tokens,
    layers.LayerNorm: _layer_norm,
    layers.Attention: _attention,
    layers.FirstToken: _first_token,
}


def load(path: Path, source: Source) -> Runtime:
    """The file in onnxruntime, on the CPU."""
    import onnx
    import onnxruntime

    del source
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    operators = Counter(node.op_type for node in onnx.load(str(path)).graph.node)
    logits = batched(lambda pixels: session.run(["logits"], {PIXELS: pixels})[0])
    return Runtime("onnxruntime", version("onnxruntime"), logits, dict(sorted(operators.items())))


CHECKER = Checker("onnxruntime", ONNXRUNTIME, load)
FORMAT = Format("onnx", "model.onnx", "float", (ONNX,), write, (CHECKER,))
