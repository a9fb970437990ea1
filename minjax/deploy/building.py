"""From a module and its variables to a `Graph`: a function for each family, batch norm folded in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from minjax import tree
from minjax.deploy.graph import (
    PIXELS,
    Activation,
    Attention,
    Convolution,
    Depthwise,
    FirstToken,
    Flatten,
    Graph,
    Layer,
    LayerNorm,
    Linear,
    MaxPool,
    MeanPool,
    Normalize,
    Patches,
    Sum,
    Tokens,
)
from minjax.errors import UserError
from minjax.models.cnn import CNN
from minjax.models.dnn import DNN
from minjax.models.resnet import STRIDES, ResNet, SmallResNet
from minjax.models.vgg import VGG
from minjax.models.vit import ViT

EPSILON = 1e-5  # of batch norm and layer norm


def build(
    model: Any,
    variables: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> Graph:
    """The graph of a network.

    Args:
        model: a module of `minjax.models`, shrunk or not.
        variables: {"params": ..., "batch_stats": ...}; pruned and fake-quantized weights are weights like any other.
        image_shape: height, width, channels.
        mean: C numbers in units of [0, 1], what the pixels are normalised with.
        std: likewise.

    Raises:
        UserError: a module of another kind, or weights that are NaN or infinite.
    """
    if type(model) not in _FAMILIES:
        known = ", ".join(kind.__name__ for kind in _FAMILIES)
        raise UserError(f"a network of type {type(model).__name__} cannot be exported; known: {known}")
    family, write = _FAMILIES[type(model)]
    builder = _Builder(tree.leaves(jax.tree.map(np.asarray, dict(variables))))
    builder.normalize(image_shape, mean, std)
    write(builder, model)
    graph = Graph(family, image_shape, tuple(builder.layers))
    graph.check_finite()
    return graph


class _Builder:
    """Appends layers; each reads the last one unless told otherwise, and its name is returned."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.arrays = arrays
        self.layers: list[Layer] = []
        self.shapes: dict[str, tuple[int, ...]] = {}

    def add(self, kind: Callable[..., Layer], name: str, shape: tuple[int, ...], *inputs: str, **fields: Any) -> str:
        self.layers.append(kind(name=name, inputs=inputs or (self.layers[-1].name,), shape=shape, **fields))
        self.shapes[name] = shape
        return name

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the last layer's output."""
        return self.layers[-1].shape

    def param(self, name: str, collection: str = "params") -> np.ndarray:
        return self.arrays[f"{collection}/{name}"]

    def normalize(self, image_shape: tuple[int, ...], mean: Sequence[float], std: Sequence[float]) -> None:
        """As `data.augment.preprocess` computes it, in float32."""
        wide, deviation = np.float32, np.asarray(std, np.float32)
        scale = wide(1) / (wide(255) * deviation)
        self.add(Normalize, "input", image_shape, PIXELS, scale=scale, shift=np.asarray(mean, wide) / deviation)

    def convolution(
        self,
        name: str,
        *,
        norm: str | None = None,
        relu: bool = True,
        stride: int = 1,
        padding: str = "TORCH",
        source: str | None = None,
        kind: type[Convolution] = Convolution,
    ) -> str:
        source = source or self.layers[-1].name
        kernel = self.param(f"{name}/kernel").astype(np.float64)
        bias = self.arrays.get(f"params/{name}/bias", np.zeros(kernel.shape[-1])).astype(np.float64)
        if norm is not None:
            mean, var = (self.param(f"{norm}/{leaf}", "batch_stats").astype(np.float64) for leaf in ("mean", "var"))
            factor = self.param(f"{norm}/scale").astype(np.float64) / np.sqrt(var + EPSILON)
            kernel, bias = kernel * factor, (bias - mean) * factor + self.param(f"{norm}/bias")
        size = self.shapes[source][:2]
        pads = _pads(size, kernel.shape[:2], stride, padding)
        rows, columns = (
            (side + sum(pad) - window) // stride + 1
            for side, pad, window in zip(size, pads, kernel.shape[:2], strict=True)
        )
        return self.add(
            kind,
            name,
            (rows, columns, kernel.shape[-1]),
            source,
            kernel=kernel.astype(np.float32),
            bias=bias.astype(np.float32),
            stride=stride,
            pads=pads,
            relu=relu,
        )

    def linear(self, name: str, activation: Activation = "identity") -> str:
        kernel = self.param(f"{name}/kernel").astype(np.float32)
        bias = self.arrays.get(f"params/{name}/bias")
        shape = (*self.shape[:-1], kernel.shape[-1])
        bias = None if bias is None else bias.astype(np.float32)
        return self.add(Linear, name, shape, kernel=kernel, bias=bias, activation=activation)

    def pool(self, name: str) -> str:
        height, width, channels = self.shape
        return self.add(MaxPool, name, (height // 2, width // 2, channels))

    def flatten(self) -> str:
        return self.add(Flatten, "flatten", (int(np.prod(self.shape)),))

    def norm(self, name: str, source: str | None = None) -> str:
        scale, bias = (self.param(f"{name}/{leaf}").astype(np.float32) for leaf in ("scale", "bias"))
        source = source or self.layers[-1].name
        return self.add(LayerNorm, name, self.shapes[source], source, scale=scale, bias=bias, epsilon=EPSILON)


def _pads(size: tuple[int, ...], window: tuple[int, ...], stride: int, padding: str) -> Any:
    if padding == "TORCH":
        return tuple((side // 2, side // 2) for side in window)
    pads = jax.lax.padtype_to_pads(size, window, (stride, stride), padding)
    return tuple((int(low), int(high)) for low, high in pads)


def _dnn(builder: _Builder, model: DNN) -> None:
    builder.flatten()
    for i in range(1, len(model.widths) + 1):
        builder.linear(f"hidden{i}", "relu")
    builder.linear("head")


def _cnn(builder: _Builder, model: CNN) -> None:
    for i, (_, stride, pool) in enumerate(model.windows(), 1):
        norm = f"norm{i}" if model.batch_norm else None
        if model.separable and i > 1:
            builder.convolution(f"depthwise{i}", relu=False, stride=stride, padding=model.padding, kind=Depthwise)
            stride = 1
        builder.convolution(f"conv{i}", norm=norm, stride=stride, padding=model.padding)
        if pool == 2:
            builder.pool(f"pool{i}")
    if model.global_pool:
        builder.add(MeanPool, "mean", builder.shape[-1:])
    else:
        builder.flatten()
    builder.linear("head")


def _vgg(builder: _Builder, model: VGG) -> None:
    for stage, count in enumerate(model.convolutions, 1):
        for i in range(1, count + 1):
            norm = f"norm{stage}_{i}" if model.batch_norm else None
            builder.convolution(f"conv{stage}_{i}", norm=norm)
        builder.pool(f"pool{stage}")
    builder.flatten()
    for i in range(1, len(model.layer_sizes()["head_widths"]) + 1):
        builder.linear(f"hidden{i}", "relu")
    builder.linear("head")


def _resnet(builder: _Builder, model: ResNet) -> None:
    builder.convolution("conv", norm="norm")
    windows = 3 if model.bottleneck else 2
    for stage, count in enumerate(model.blocks):
        for block in range(count):
            name, stride = f"stage{stage + 1}_block{block + 1}", STRIDES[stage] if block == 0 else 1
            stream = builder.layers[-1].name
            for i in range(1, windows + 1):
                # The 3x3 convolution with the stride is the first of two or the second of three.
                strided = i == windows - 1
                builder.convolution(
                    f"{name}/conv{i}", norm=f"{name}/norm{i}", relu=i < windows, stride=stride if strided else 1
                )
            inner = builder.layers[-1].name
            if f"params/{name}/shortcut_conv/kernel" in builder.arrays:
                stream = builder.convolution(
                    f"{name}/shortcut_conv", norm=f"{name}/shortcut_norm", relu=False, stride=stride, source=stream
                )
            builder.add(Sum, f"{name}/sum", builder.shape, stream, inner, relu=True)
    builder.add(MeanPool, "mean", builder.shape[-1:])
    builder.linear("head")


def _vit(builder: _Builder, model: ViT) -> None:
    height, width, channels = builder.shape
    patch, dim, head_dim = model.patch_size, model.dim, model.dim // model.heads
    count = (height // patch) * (width // patch)
    builder.add(Patches, "patches", (count, patch * patch * channels), patch_size=patch)
    builder.linear("embedding")
    positions = builder.param("positions")[0].astype(np.float64)
    positions[0] += builder.param("class_token")[0, 0]
    stream = builder.add(Tokens, "tokens", (count + 1, dim), positions=positions.astype(np.float32))
    scale = (dim if model.attention_scale == "dim" else head_dim) ** -0.5
    for i, heads in enumerate(model.layer_sizes()["block_heads"], 1):
        name = f"block{i}"
        builder.norm(f"{name}/norm1", stream)
        builder.linear(f"{name}/attention/qkv")
        attended = (count + 1, heads * head_dim)
        builder.add(Attention, f"{name}/attention", attended, heads=heads, head_dim=head_dim, scale=scale)
        inner = builder.linear(f"{name}/attention/out")
        stream = builder.add(Sum, f"{name}/sum1", builder.shape, stream, inner)
        builder.norm(f"{name}/norm2", stream)
        builder.linear(f"{name}/hidden", "gelu")
        inner = builder.linear(f"{name}/out")
        stream = builder.add(Sum, f"{name}/sum2", builder.shape, stream, inner)
    builder.add(FirstToken, "class", (dim,), stream)
    builder.norm("norm")
    builder.linear("hidden", "gelu")
    builder.linear("head")


_FAMILIES: dict[type, tuple[str, Callable[[_Builder, Any], None]]] = {
    DNN: ("dnn", _dnn),
    CNN: ("cnn", _cnn),
    ResNet: ("resnet", _resnet),
    SmallResNet: ("resnet", _resnet),
    VGG: ("vgg", _vgg),
    ViT: ("vit", _vit),
}
