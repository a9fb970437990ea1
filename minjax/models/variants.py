"""The named networks: a table of what each name sets in which family, and how to build one.

To add a variant, add a line to `VARIANTS`; to add a family, write its module in a file of its own and list it here.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from minjax.config.kinds import shown
from minjax.errors import UserError, unknown
from minjax.models.cnn import CNN
from minjax.models.dnn import DNN
from minjax.models.fields import CHECKS
from minjax.models.resnet import ResNet, SmallResNet
from minjax.models.vgg import VGG
from minjax.models.vit import ViT

_partial = functools.partial
_ATTRIBUTE = {"init": "initialization"}  # a Linen module cannot have an attribute named `init`
_FIELD = {attribute: field for field, attribute in _ATTRIBUTE.items()}

VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "dnn": _partial(DNN),
    "cnn": _partial(CNN),
    "resnet": _partial(SmallResNet),
    "resnet18": _partial(ResNet, blocks=(2, 2, 2, 2)),
    "resnet34": _partial(ResNet, blocks=(3, 4, 6, 3)),
    "resnet50": _partial(ResNet, blocks=(3, 4, 6, 3), bottleneck=True),
    "resnet101": _partial(ResNet, blocks=(3, 4, 23, 3), bottleneck=True),
    "resnet152": _partial(ResNet, blocks=(3, 8, 36, 3), bottleneck=True),
    "resnet18_s": _partial(ResNet, blocks=(2, 2, 2, 2), width=16),
    "vgg11": _partial(VGG, convolutions=(1, 1, 2, 2, 2)),
    "vgg11_bn": _partial(VGG, convolutions=(1, 1, 2, 2, 2), batch_norm=True),
    "vgg13": _partial(VGG, convolutions=(2, 2, 2, 2, 2)),
    "vgg13_bn": _partial(VGG, convolutions=(2, 2, 2, 2, 2), batch_norm=True),
    "vgg16": _partial(VGG, convolutions=(2, 2, 3, 3, 3)),
    "vgg16_bn": _partial(VGG, convolutions=(2, 2, 3, 3, 3), batch_norm=True),
    "vgg16_s": _partial(VGG, convolutions=(2, 2, 3, 3, 3), width=16, head_width=128),
    "vgg19": _partial(VGG, convolutions=(2, 2, 4, 4, 4)),
    "vgg19_bn": _partial(VGG, convolutions=(2, 2, 4, 4, 4), batch_norm=True),
    "vit": _partial(ViT),
    "vit_s": _partial(ViT, dim=192, depth=4, mlp_dim=128),
}

NAMES: tuple[str, ...] = tuple(VARIANTS)


def _variant(name: str) -> Any:
    if name not in VARIANTS:
        raise unknown("model", name, NAMES)
    return VARIANTS[name]


def family(name: str) -> type[nn.Module]:
    """The module class of a named variant; raises UserError for an unknown name."""
    return _variant(name).func


def fields(name: str) -> dict[str, Any]:
    """Every field that can be set for this variant, with the variant's own value.

    Raises:
      UserError: an unknown variant.
    """
    variant = _variant(name)
    defaults = {_FIELD.get(f.name, f.name): f.default for f in dataclasses.fields(variant.func)}
    return {field: variant.keywords.get(field, default) for field, default in defaults.items() if field in CHECKS}


def shrunk_fields(model: Any) -> dict[str, list[int]]:
    """The sizes of a network's layers as JSON values: what `build` needs to rebuild a shrunk network."""
    return {attribute: list(sizes) for attribute, sizes in model.layer_sizes().items()}


def build(
    name: str,
    num_classes: int,
    *,
    dtype: Any = jnp.float32,
    axis_name: str | None = None,
    sync_batch_norm: bool = True,
    shrunk: Mapping[str, Sequence[int]] | None = None,
    **changes: Any,
) -> nn.Module:
    """The Linen module of a named variant.

    ``model.apply(variables, images, train=bool, rngs={"dropout": key}, mutable=["batch_stats"])`` takes float images
    [B,H,W,C] and returns float32 logits [B,num_classes].

    Args:
      name: one of `NAMES`. Without further fields this is the paper's own network.
      num_classes: number of outputs, at least 2.
      dtype: type of the computation, such as "float32" or "bfloat16"; parameters are always float32.
      axis_name: the pmap axis over which batch norm takes its statistics and dropout counts images.
      sync_batch_norm: False: batch norm takes its statistics over each device's own part of the batch instead.
      shrunk: the `shrunk_fields` of a shrunk network, built with otherwise the same arguments.
      **changes: fields of the variant to change; None keeps the variant's own value.

    Raises:
      UserError: an unknown name or field, a value that the field cannot take, or sizes of another network.
    """
    known = fields(name)
    if isinstance(num_classes, bool) or int(num_classes) != num_classes or num_classes < 2:
        raise UserError(f"{num_classes!r} classes: the number of classes must be an integer of at least 2")
    settings = {}
    for field, value in changes.items():
        if value is None and field in CHECKS:
            continue
        if field not in known:
            raise UserError(f"model {name!r} has no field {field!r}; it has: {', '.join(sorted(known))}")
        settings[field] = CHECKS[field](value)
    resolved = known | settings
    if "heads" in resolved and resolved["dim"] % resolved["heads"]:
        raise UserError(f"model.heads={resolved['heads']} does not divide model.dim={resolved['dim']}")
    attributes = {_ATTRIBUTE.get(field, field): value for field, value in settings.items()}
    model = VARIANTS[name](num_classes=int(num_classes), dtype=_float_dtype(dtype), axis_name=axis_name, **attributes)
    if not sync_batch_norm and hasattr(model, "sync_batch_norm"):
        model = model.clone(sync_batch_norm=False)
    return model if shrunk is None else _resized(name, model, shrunk)


def _resized(name: str, model: Any, shrunk: Mapping[str, Sequence[int]]) -> nn.Module:
    full = model.layer_sizes()
    if set(shrunk) != set(full):
        raise UserError(
            f"not the layer sizes of a {name}: {', '.join(sorted(shrunk)) or 'none'}; it has {', '.join(full)}"
        )
    for attribute, sizes in shrunk.items():
        most = full[attribute]
        if len(sizes) != len(most) or not all(type(n) is int and 1 <= n <= m for n, m in zip(sizes, most, strict=True)):
            raise UserError(f"{attribute}={shown(sizes)}: a shrunk {name} needs integers from 1 to {shown(most)}")
    return model.clone(**{attribute: tuple(sizes) for attribute, sizes in shrunk.items()})


def _float_dtype(dtype: Any) -> Any:
    try:
        resolved = jnp.dtype(dtype)
    except TypeError:
        resolved = None
    if resolved is None or not jnp.issubdtype(resolved, jnp.floating):
        raise unknown("dtype", dtype, ("float32", "bfloat16"))
    return resolved
