"""Paper 1's networks in PyTorch, the other side of the comparison. Images are NCHW."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import nn


def dnn(num_classes: int, widths: tuple[int, ...], inputs: int) -> nn.Module:
    """Flatten, (linear, ReLU) for each width, linear."""
    layers: list[nn.Module] = [nn.Flatten()]
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, num_classes))


class Residual(nn.Module):
    """Two 3x3 convolutions with a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,C,H,W] -> [N,C',H',W']."""
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet18(num_classes: int, width: int = 64, channels: int = 3) -> nn.Module:
    """ResNet18 for images of any size with `channels` channels; width 16 is ResNet18_S."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)]
    layers.append(nn.ReLU(inplace=True))
    inputs = width
    for stage in range(4):
        outputs = width * 2**stage
        layers += [Residual(inputs, outputs, 1 if stage == 0 else 2), Residual(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes))


def vgg16(num_classes: int, width: int = 64, head_width: int = 512) -> nn.Module:
    """VGG16 without batch norm; width 16 with head_width 128 is VGG16_S.

    The paper's code draws the weights of convolutions from N(0, 2 / (9 outputs)) and leaves all else as PyTorch does.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for count, scale in zip((2, 2, 3, 3, 3), (1, 2, 4, 8, 8), strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width * scale, 3, 1, 1), nn.ReLU(inplace=True)]
            inputs = width * scale
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    for _ in range(2):
        layers += [nn.Dropout(0.5), nn.Linear(inputs, head_width), nn.ReLU(inplace=True)]
        inputs = head_width
    network = nn.Sequential(*layers, nn.Linear(inputs, num_classes))
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / (9 * layer.out_channels)))
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network


class Attention(nn.Module):
    """Multi-head self-attention with one scale, computed by PyTorch's fused kernel."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.scale = heads, dim**-0.5
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens [N,T,D] -> [N,T,D]."""
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return x + self.out(y.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """The block's second half: x + linear(GELU(linear(norm(x))))."""

    def __init__(self, dim: int, hidden: int, dropout: float):
        super().__init__()
        drop = nn.Dropout(dropout)
        self.body = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), drop, nn.Linear(hidden, dim), nn.Dropout(dropout)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens [N,T,D] -> [N,T,D]."""
        return x + self.body(x)


class ViT(nn.Module):
    """A vision transformer for 32x32 images with a class token and learned positions."""

    def __init__(self, num_classes: int, dim: int, depth: int, heads: int, mlp_dim: int, patch: int = 4):
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(3 * patch * patch, dim)
        self.token = nn.Parameter(torch.randn(1, 1, dim))
        self.positions = nn.Parameter(torch.randn(1, (32 // patch) ** 2 + 1, dim))
        self.dropout = nn.Dropout(0.1)
        self.blocks = nn.Sequential(
            *(m for _ in range(depth) for m in (Attention(dim, heads, 0.1), Mlp(dim, mlp_dim, 0.1)))
        )
        self.head = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, mlp_dim), nn.GELU(), nn.Dropout(0.1), nn.Linear(mlp_dim, num_classes)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images [N,3,32,32] -> logits [N,classes]."""
        p = self.patch
        x = images.unflatten(3, (-1, p)).unflatten(2, (-1, p)).permute(0, 2, 4, 3, 5, 1)  # row, column, then the patch
        x = self.embed(x.flatten(3).flatten(1, 2))
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        return self.head(self.blocks(self.dropout(x))[:, 0])


def vit_s(num_classes: int) -> nn.Module:
    return ViT(num_classes, dim=192, depth=4, heads=8, mlp_dim=128)


# minjax's name of a network -> the same network here, from its number of classes
TWINS: dict[str, Callable[..., nn.Module]] = {
    "resnet18": resnet18,
    "resnet18_s": functools.partial(resnet18, width=16),
    "vgg16_s": functools.partial(vgg16, width=16, head_width=128),
    "vit_s": vit_s,
}
