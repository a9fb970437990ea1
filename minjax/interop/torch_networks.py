"""The networks as PyTorch modules, under the names of `layouts`, so that an exported state dict loads strictly.

    network = module(minjax.models.build("resnet18_s", 10), (32, 32, 3))
    network.load_state_dict(torch.load("model.pt", weights_only=True))

They take normalised images [N, C, H, W] and are meant for evaluation: dropout is left out.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import Any

import torch
from jax.lax import padtype_to_pads
from torch import nn
from torch.nn import functional

from minjax.errors import UserError
from minjax.models.cnn import CNN
from minjax.models.dnn import DNN
from minjax.models.resnet import STRIDES, ResNet, SmallResNet
from minjax.models.vgg import VGG
from minjax.models.vit import ViT


def module(model: Any, image_shape: tuple[int, int, int]) -> nn.Module:
    """The PyTorch module of a network from `minjax.models.build`, shrunk or not, with new weights.

    Args:
        model: whose architecture is copied.
        image_shape: height, width and channels.

    Raises:
        UserError: a module of another kind.
    """
    if type(model) not in _MODULES:
        raise UserError(f"no PyTorch module for a {type(model).__name__}")
    return _MODULES[type(model)](model, image_shape).eval()


class TorchDNN(nn.Sequential):
    """Flatten, (linear, ReLU) for each hidden layer, linear."""

    def __init__(self, model: DNN, image_shape: tuple[int, int, int]):
        height, width, channels = image_shape
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        inputs = height * width * channels
        for i, units in enumerate(model.widths, 1):
            layers[f"hidden{i}"] = nn.Linear(inputs, units)
            layers[f"relu{i}"] = nn.ReLU()
            inputs = units
        super().__init__(layers | {"head": nn.Linear(inputs, model.num_classes)})


class TorchCNN(nn.Sequential):
    """(Convolution, batch norm, ReLU, pooling) for each convolution, flatten or mean, linear."""

    def __init__(self, model: CNN, image_shape: tuple[int, int, int]):
        height, width, inputs = image_shape
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for i, (channels, (size, stride, pool)) in enumerate(zip(model.channels, model.windows(), strict=True), 1):
            if model.padding == "SAME":  # PyTorch's own "same" copies the image, and warns, for a kernel of even size
                pads = padtype_to_pads((height, width), (size, size), (stride, stride), "SAME")
                layers[f"pad{i}"] = nn.ZeroPad2d((*pads[1], *pads[0]))
                height, width = -(-height // stride), -(-width // stride)
            else:
                height, width = ((side - size) // stride + 1 for side in (height, width))
            if model.separable and i > 1:
                layers[f"depthwise{i}"] = nn.Conv2d(inputs, inputs, size, stride, groups=inputs, bias=False)
                size = stride = 1
            layers[f"conv{i}"] = nn.Conv2d(inputs, channels, size, stride, bias=not model.batch_norm)
            if model.batch_norm:
                layers[f"norm{i}"] = nn.BatchNorm2d(channels)
            layers[f"relu{i}"] = nn.ReLU()
            if pool == 2:
                layers[f"pool{i}"] = nn.MaxPool2d(2)
                height, width = height // 2, width // 2
            inputs = channels
        if model.global_pool:
            layers["mean"] = nn.AdaptiveAvgPool2d(1)
            height = width = 1
        layers["flatten"] = nn.Flatten()
        super().__init__(layers | {"head": nn.Linear(height * width * inputs, model.num_classes)})


class TorchBlock(nn.Module):
    """A residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1."""

    def __init__(self, inputs: int, channels: tuple[int, ...], stride: int, shortcut: bool):
        super().__init__()
        self.count = len(channels)
        shapes = [(1, 1), (3, stride), (1, 1)] if self.count == 3 else [(3, stride), (3, 1)]
        first = inputs
        for i, (outputs, (size, step)) in enumerate(zip(channels, shapes, strict=True), 1):
            self.add_module(f"conv{i}", nn.Conv2d(inputs, outputs, size, step, size // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(outputs))
            inputs = outputs
        parts = [nn.Conv2d(first, channels[-1], 1, stride, bias=False), nn.BatchNorm2d(channels[-1])]
        self.shortcut = nn.Sequential(*(parts if shortcut else []))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, outputs, H / stride, W / stride]."""
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.count:
                y = functional.relu(y)
        return functional.relu(self.shortcut(x) + y)


class TorchResNet(nn.Module):
    """Stem, stages, mean over the pixels, linear."""

    def __init__(self, model: ResNet, image_shape: tuple[int, int, int]):
        super().__init__()
        sizes = model.layer_sizes()
        inner, streams = iter(sizes["inner_channels"]), sizes["stream_channels"]
        self.conv1 = nn.Conv2d(image_shape[2], streams[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(streams[0])
        inputs = streams[0]
        self.stages = len(model.blocks)
        places = zip(model.blocks, STRIDES[: self.stages], streams[-self.stages :], strict=True)
        for stage, (count, stride, outputs) in enumerate(places):
            blocks = []
            for block in range(count):
                channels = (*itertools.islice(inner, 2 if model.bottleneck else 1), outputs)
                shortcut = block == 0 and (model.bottleneck or stride != 1)
                blocks.append(TorchBlock(inputs, channels, stride if block == 0 else 1, shortcut))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(inputs, model.num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> logits [N, classes]."""
        x = functional.relu(self.bn1(self.conv1(images)))
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.linear(x.mean((2, 3)))


class TorchVGG(nn.Module):
    """3x3 convolutions in five stages with a pool after each, then linear layers."""

    def __init__(self, model: VGG, image_shape: tuple[int, int, int]):
        super().__init__()
        height, width, inputs = image_shape
        sizes = model.layer_sizes()
        channels = iter(sizes["conv_channels"])
        features: list[nn.Module] = []
        for count in model.convolutions:
            for outputs in itertools.islice(channels, count):
                features.append(nn.Conv2d(inputs, outputs, 3, padding=1))
                features += [nn.BatchNorm2d(outputs)] if model.batch_norm else []
                features.append(nn.ReLU())
                inputs = outputs
            features.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*features)
        inputs *= (height // 32) * (width // 32)
        head: list[nn.Module] = []
        for units in sizes["head_widths"]:
            head += [nn.Identity(), nn.Linear(inputs, units), nn.ReLU()]  # the identity is in the place of dropout
            inputs = units
        last = nn.Linear(inputs, model.num_classes)
        self.classifier = nn.Sequential(*head, last) if head else last

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> logits [N, classes]."""
        return self.classifier(self.features(images).flatten(1))


class Residual(nn.Module):
    """x + fn(x)."""

    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, T, D] -> [N, T, D]."""
        return x + self.fn(x)


class PreNorm(nn.Module):
    """fn(layer norm(x))."""

    def __init__(self, dim: int, fn: nn.Module):
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(dim), fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, T, D] -> [N, T, D]."""
        return self.fn(self.norm(x))


class TorchAttention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, dim: int, heads: int, head_dim: int, scale: float):
        super().__init__()
        self.heads, self.scale = heads, scale
        self.to_qkv = nn.Linear(dim, 3 * heads * head_dim, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * head_dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, T, D] -> [N, T, D]."""
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) * self.scale).softmax(-1)
        return self.to_out((weights @ v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, T, D] -> [N, T, D]."""
        return self.net(x)


class TorchViT(nn.Module):
    """Patches, class token, positions, pre-norm blocks, head."""

    def __init__(self, model: ViT, image_shape: tuple[int, int, int]):
        super().__init__()
        height, width, channels = image_shape
        self.patch, dim, head_dim = model.patch_size, model.dim, model.dim // model.heads
        sizes = model.layer_sizes()
        *mlp_dims, last = sizes["mlp_dims"]
        scale = (dim if model.attention_scale == "dim" else head_dim) ** -0.5
        self.patch_to_embedding = nn.Linear(channels * self.patch**2, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embedding = nn.Parameter(torch.zeros(1, (height // self.patch) * (width // self.patch) + 1, dim))
        layers = nn.ModuleList(
            nn.ModuleList(
                [
                    Residual(PreNorm(dim, TorchAttention(dim, heads, head_dim, scale))),
                    Residual(PreNorm(dim, Mlp(dim, hidden))),
                ]
            )
            for heads, hidden in zip(sizes["block_heads"], mlp_dims, strict=True)
        )
        self.transformer = nn.ModuleDict({"layers": layers})
        parts = [nn.LayerNorm(dim), nn.Linear(dim, last), nn.GELU(), nn.Identity(), nn.Linear(last, model.num_classes)]
        self.mlp_head = nn.Sequential(*parts)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> logits [N, classes]."""
        p = self.patch
        grid = images.unflatten(3, (-1, p)).unflatten(2, (-1, p)).permute(0, 2, 4, 3, 5, 1)  # row, column, the patch
        x = self.patch_to_embedding(grid.flatten(3).flatten(1, 2))
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embedding
        for attention, mlp in self.transformer["layers"]:  # type: ignore[attr-defined]
            x = mlp(attention(x))
        return self.mlp_head(x[:, 0])


_MODULES: dict[type, Any] = {
    DNN: TorchDNN,
    CNN: TorchCNN,
    ResNet: TorchResNet,
    SmallResNet: TorchResNet,
    VGG: TorchVGG,
    ViT: TorchViT,
}
