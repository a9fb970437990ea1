"""`python -m minjax.deploy.formats.tflite_conversion JOB FILE ...`: convert pickled graphs, in a process of its own.

`tflite` writes the job; it holds the graph and, for int8, the normalised calibration images.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minjax.deploy import graph as layers
from minjax.deploy.graph import PIXELS, Graph


def convert(graph: Graph, inputs: np.ndarray | None) -> bytes:
    """The TFLite file of a graph.

    Args:
        graph: of the network.
        inputs: float32 [N, H, W, C], normalised images that the int8 ranges are measured on; None: a float32 file.
    """
    import tensorflow as tf

    dtype = tf.uint8 if inputs is None else tf.float32

    def run(images: Any) -> Any:
        return forward(tf, graph, images, normalized=inputs is not None)

    signature = tf.TensorSpec([1, *graph.image_shape], dtype, name=PIXELS if inputs is None else "image")
    function = tf.function(run).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
    if inputs is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in inputs)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def forward(tf: Any, graph: Graph, images: Any, *, normalized: bool) -> Any:
    """The logits of images with TensorFlow's operators, `normalized` ones or pixels."""
    outputs: dict[str, Any] = {}
    for layer in graph.layers:
        if isinstance(layer, layers.Normalize):
            outputs[layer.name] = images if normalized else tf.cast(images, tf.float32) * layer.scale - layer.shift
        else:
            outputs[layer.name] = _RUN[type(layer)](tf, layer, *(outputs[name] for name in layer.inputs))
    return outputs[graph.layers[-1].name]


def _convolution(tf: Any, layer: layers.Convolution, x: Any) -> Any:
    (top, bottom), (left, right) = layer.pads
    padding = _named_padding(layer, x.shape[1:3])
    if padding is None:
        x, padding = tf.pad(x, [(0, 0), (top, bottom), (left, right), (0, 0)]), "VALID"
    if isinstance(layer, layers.Depthwise):
        y = tf.nn.depthwise_conv2d(x, layer.kernel.transpose(0, 1, 3, 2), [1, layer.stride, layer.stride, 1], padding)
    else:
        y = tf.nn.conv2d(x, layer.kernel, layer.stride, padding)
    y = tf.nn.bias_add(y, layer.bias)
    return tf.nn.relu(y) if layer.relu else y


def _named_padding(layer: layers.Convolution, size: Any) -> str | None:
    """What TFLite calls this padding; None: neither, so that an operator of its own must pad."""
    if layer.pads == ((0, 0), (0, 0)):
        return "VALID"
    needed = [
        max((-(-side // layer.stride) - 1) * layer.stride + window - side, 0)
        for side, window in zip(size, layer.kernel.shape[:2], strict=True)
    ]
    return "SAME" if layer.pads == tuple((total // 2, total - total // 2) for total in needed) else None


def _linear(tf: Any, layer: layers.Linear, x: Any) -> Any:
    y = tf.matmul(x, layer.kernel)
    if layer.bias is not None:
        y = tf.nn.bias_add(y, layer.bias)
    activations = {"identity": lambda y: y, "relu": tf.nn.relu, "gelu": lambda y: tf.nn.gelu(y, approximate=False)}
    return activations[layer.activation](y)


def _patches(tf: Any, layer: layers.Patches, x: Any) -> Any:
    # TFLite's transpositions have at most six axes, and one image needs no more than five.
    height, width, channels = x.shape[1:]
    p = layer.patch_size
    grid = tf.transpose(tf.reshape(x, [height // p, p, width // p, p * channels]), [0, 2, 1, 3])
    return tf.reshape(grid, [1, *layer.shape])


def _tokens(tf: Any, layer: layers.Tokens, x: Any) -> Any:
    return tf.pad(x, [(0, 0), (1, 0), (0, 0)]) + layer.positions


def _layer_norm(tf: Any, layer: layers.LayerNorm, x: Any) -> Any:
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
    return centred * tf.math.rsqrt(variance + layer.epsilon) * layer.scale + layer.bias


def _attention(tf: Any, layer: layers.Attention, x: Any) -> Any:
    tokens = layer.shape[0]
    queries, keys, values = (
        tf.transpose(tf.reshape(part, [1, tokens, layer.heads, layer.head_dim]), [0, 2, 1, 3])
        for part in tf.split(x, 3, axis=-1)
    )
    weights = tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True) * np.float32(layer.scale))
    return tf.reshape(tf.transpose(tf.matmul(weights, values), [0, 2, 1, 3]), [1, *layer.shape])


_RUN: dict[type, Callable[..., Any]] = {
    layers.Convolution: _convolution,
    layers.Depthwise: _convolution,
    layers.Linear: _linear,
    layers.MaxPool: lambda tf, layer, x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
    layers.MeanPool: lambda tf, layer, x: tf.reduce_mean(x, [1, 2]),
    layers.Flatten: lambda tf, layer, x: tf.reshape(x, [1, layer.size]),
    layers.Sum: lambda tf, layer, x, y: tf.nn.relu(x + y) if layer.relu else x + y,
    layers.Patches: _patches,
    layers.Tokens: _tokens,
    layers.LayerNorm: _layer_norm,
    layers.Attention: _attention,
    layers.FirstToken: lambda tf, layer, x: x[:, 0],
}


def main(*paths: str) -> None:
    """Convert jobs: each is followed by the file that is made of it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for job, made in zip(paths[::2], paths[1::2], strict=True):
        graph, inputs = pickle.loads(Path(job).read_bytes())
        Path(made).write_bytes(convert(graph, inputs))


if __name__ == "__main__":
    main(*sys.argv[1:])
