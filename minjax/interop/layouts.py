"""The PyTorch names of our layers, as in paper 1's code and in kuangliu/pytorch-cifar.

A layout is a dict from the path of one of our modules, such as ``("stage1_block1", "conv1")``, to its name in a state
dict, such as ``"layer1.0.conv1"``. The names of leaves follow from `LEAVES`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from minjax.errors import UserError
from minjax.models.cnn import CNN
from minjax.models.dnn import DNN
from minjax.models.resnet import ResNet, SmallResNet
from minjax.models.vgg import VGG
from minjax.models.vit import ViT

Path = tuple[str, ...]

LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
# The two parameters of a ViT that are in no layer.
OWN_PARAMETERS: dict[Path, str] = {("class_token",): "cls_token", ("positions",): "pos_embedding"}


def _resnet(model: ResNet) -> dict[Path, str]:
    names: dict[Path, str] = {("conv",): "conv1", ("norm",): "bn1", ("head",): "linear"}
    for stage, count in enumerate(model.blocks, 1):
        for block in range(count):
            ours, theirs = f"stage{stage}_block{block + 1}", f"layer{stage}.{block}"
            for i in range(1, 4 if model.bottleneck else 3):
                names[ours, f"conv{i}"] = f"{theirs}.conv{i}"
                names[ours, f"norm{i}"] = f"{theirs}.bn{i}"
            names[ours, "shortcut_conv"] = f"{theirs}.shortcut.0"
            names[ours, "shortcut_norm"] = f"{theirs}.shortcut.1"
    return names


def _vgg(model: VGG) -> dict[Path, str]:
    names: dict[Path, str] = {}
    position = 0
    for stage, count in enumerate(model.convolutions, 1):
        for i in range(1, count + 1):
            names[(f"conv{stage}_{i}",)] = f"features.{position}"
            names[(f"norm{stage}_{i}",)] = f"features.{position + 1}"
            position += 3 if model.batch_norm else 2  # convolution, (batch norm,) ReLU
        position += 1  # the pool
    if model.head_width:
        names |= {("hidden1",): "classifier.1", ("hidden2",): "classifier.4", ("head",): "classifier.6"}
    else:
        names[("head",)] = "classifier"
    return names


def _vit(model: ViT) -> dict[Path, str]:
    names: dict[Path, str] = {
        ("embedding",): "patch_to_embedding",
        ("norm",): "mlp_head.0",
        ("hidden",): "mlp_head.1",
        ("head",): "mlp_head.4",
    }
    for i in range(model.depth):
        ours, theirs = f"block{i + 1}", f"transformer.layers.{i}"
        names[ours, "norm1"] = f"{theirs}.0.fn.norm"
        names[ours, "attention", "qkv"] = f"{theirs}.0.fn.fn.to_qkv"
        names[ours, "attention", "out"] = f"{theirs}.0.fn.fn.to_out.0"
        names[ours, "norm2"] = f"{theirs}.1.fn.norm"
        names[ours, "hidden"] = f"{theirs}.1.fn.fn.net.0"
        names[ours, "out"] = f"{theirs}.1.fn.fn.net.3"
    return names


def _dnn(model: DNN) -> dict[Path, str]:
    """No public code to follow, so the names are ours."""
    return {(name,): name for name in (*(f"hidden{i}" for i in range(1, len(model.widths) + 1)), "head")}


def _cnn(model: CNN) -> dict[Path, str]:
    places = itertools.product(("depthwise", "conv", "norm"), range(1, len(model.channels) + 1))
    return {(name,): name for name in (*(f"{kind}{i}" for kind, i in places), "head")}


_LAYOUTS: dict[type, Any] = {
    DNN: _dnn,
    CNN: _cnn,
    ResNet: _resnet,
    SmallResNet: _resnet,
    VGG: _vgg,
    ViT: _vit,
}


def layout(model: Any) -> dict[Path, str]:
    """The PyTorch name of every layer of a module from `minjax.models.build`.

    Raises:
        UserError: a module of another kind.
    """
    if type(model) not in _LAYOUTS:
        known = ", ".join(kind.__name__ for kind in _LAYOUTS)
        raise UserError(f"no PyTorch layout is known for a {type(model).__name__}; known: {known}")
    return _LAYOUTS[type(model)](model)


def leaf_name(names: Mapping[Path, str], path: Path) -> str:
    """The PyTorch name of a leaf, from the layout and the leaf's path, such as ("head", "kernel")."""
    return OWN_PARAMETERS.get(path) or f"{names[path[:-1]]}.{LEAVES[path[-1]]}"


def canonical(name: str) -> str | None:
    """A name from a state dict as the layouts spell it; None for what we do not need (the number of batches).

    Drops the prefixes of wrappers (DataParallel's "module.", torch.compile's "_orig_mod.") and translates the names
    that torchvision's ResNets use for shortcuts and the last layer.
    """
    name = re.sub(r"^(module\.|_orig_mod\.)+", "", name)
    if name.endswith(".num_batches_tracked"):
        return None
    name = re.sub(r"^(layer\d+\.\d+)\.downsample\.", r"\1.shortcut.", name)
    return re.sub(r"^fc\.", "linear.", name)


def flattened_channels(model: Any, image_channels: int) -> tuple[Path, int] | None:
    """The dense kernel that reads a flattened image, and how many channels that has; None if there is none.

    PyTorch flattens (channel, row, column), we flatten (row, column, channel).
    """
    if isinstance(model, VGG):
        sizes = model.layer_sizes()
        return ("hidden1" if sizes["head_widths"] else "head", "kernel"), sizes["conv_channels"][-1]
    if isinstance(model, CNN) and not model.global_pool:
        return ("head", "kernel"), model.channels[-1]
    if isinstance(model, DNN):
        return ("hidden1" if model.widths else "head", "kernel"), image_channels
    return None


def image_shape(model: Any, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int, int]:
    """The height, width and channels that a state dict of these shapes was made for, assuming square images.

    What cannot be inferred is as for CIFAR; a wrong guess shows up as a parameter of the wrong shape.
    """
    size, channels = 32, 3
    if isinstance(model, ViT):
        tokens = shapes.get("pos_embedding", (1, 65, 0))
        embedding = shapes.get("patch_to_embedding.weight", ())
        if len(tokens) == 3:
            size = round(max(tokens[1] - 1, 1) ** 0.5) * model.patch_size
        if len(embedding) == 2:
            channels = max(embedding[1] // model.patch_size**2, 1)
        return size, size, channels
    stem = shapes.get("features.0.weight" if isinstance(model, VGG) else "conv1.weight", ())
    if len(stem) == 4:
        channels = stem[1]
    if isinstance(model, VGG):
        head = shapes.get("classifier.1.weight" if model.head_width else "classifier.weight", ())
        if len(head) == 2:
            size *= max(round((head[1] / (8 * model.width)) ** 0.5), 1)
    return size, size, channels
