"""PyTorch weights in and out: state dicts of paper 1's networks, or of kuangliu/pytorch-cifar's, and minjax variables.

    variables = convert(load("resnet18.pth"), "resnet18", num_classes=10)
    logits = minjax.models.build("resnet18", 10).apply(variables, images, train=False)

Images must be in NHWC order and normalised as they were in training.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minjax import models
from minjax.errors import UserError
from minjax.interop import layouts

SUFFIXES = (".npz", ".pt", ".pth", ".safetensors")
_WRAPPERS = ("state_dict", "model_state_dict", "net", "model")  # keys under which training scripts save the state dict


def convert(
    state_dict: Mapping[str, np.ndarray],
    name: str,
    num_classes: int,
    *,
    image_shape: tuple[int, int, int] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Fill the variables of `minjax.models.build(name, num_classes, **fields)` from a PyTorch state dict.

    Convolutions go from OIHW to HWIO, linear layers from [out,in] to [in,out], and the linear layer after a flatten
    from (channel, row, column) to (row, column, channel) order.

    Args:
        state_dict: arrays by PyTorch name (`load` reads a file). "module." in front of the names and the counts of
            batches are ignored.
        name: one of `minjax.models.NAMES`.
        num_classes: outputs of the network.
        image_shape: height, width and channels; None: inferred from the state dict for square images.
        **fields: fields of the variant, as for `build`; a VGG whose `classifier` is a single linear layer has
            head_width=0.

    Returns:
        {"params": ..., "batch_stats": ...}, float32; "batch_stats" only where there is batch norm.

    Raises:
        UserError: a parameter is missing, left over, of the wrong shape or not numeric, or as for `build`.
    """
    arrays = _canonical(state_dict)
    model = models.build(name, num_classes, **fields)
    names = layouts.layout(model)
    if image_shape is None:
        image_shape = layouts.image_shape(model, {key: value.shape for key, value in arrays.items()})
    expected = models.parameter_shapes(name, num_classes, image_shape, **fields)
    leaves, structure = jax.tree_util.tree_flatten_with_path(expected)
    # The first key is the collection: "params" or "batch_stats".
    paths = [tuple(str(key.key) for key in keys)[1:] for keys, _ in leaves]
    sources = [layouts.leaf_name(names, path) for path in paths]
    _check_names(name, sources, arrays)

    flattened = layouts.flattened_channels(model, image_shape[2])
    converted, wrong = [], []
    for path, source, (_, leaf) in zip(paths, sources, leaves, strict=True):
        channels = flattened[1] if flattened is not None and path == flattened[0] else None
        value = _transposed(arrays[source], channels)
        if value.shape != leaf.shape:
            wrong.append(f"{source} {arrays[source].shape} (which is {value.shape} here, not {leaf.shape})")
        converted.append(jnp.asarray(value, leaf.dtype))
    if wrong:
        raise UserError(f"not the shapes of {name} with {num_classes} classes: {_some(wrong)}")
    return jax.tree_util.tree_unflatten(structure, converted)


def state_dict(model: Any, variables: Mapping[str, Any], image_shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """The state dict of a network, the inverse of `convert`: arrays by PyTorch name, in PyTorch's order of axes.

    Args:
        model: a module from `minjax.models.build`, shrunk or not.
        variables: the module's variables.
        image_shape: height, width and channels.
    """
    names = layouts.layout(model)
    flattened = layouts.flattened_channels(model, image_shape[2])
    arrays = {}
    for keys, leaf in jax.tree_util.tree_flatten_with_path(dict(variables))[0]:
        path, value = tuple(str(key.key) for key in keys)[1:], np.asarray(leaf)
        if value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        elif value.ndim == 2:
            if flattened is not None and path == flattened[0]:
                inputs, outputs = value.shape
                value = value.reshape(-1, flattened[1], outputs).transpose(1, 0, 2).reshape(inputs, outputs)
            value = value.T
        arrays[layouts.leaf_name(names, path)] = np.ascontiguousarray(value).reshape(value.shape)
    return arrays


def _canonical(state_dict: Mapping[str, Any]) -> dict[str, np.ndarray]:
    arrays = {}
    for key, value in state_dict.items():
        name = layouts.canonical(str(key))
        if name is None:
            continue
        value = np.asarray(value)
        if not (np.issubdtype(value.dtype, np.number) or value.dtype == jnp.bfloat16):
            raise UserError(f"the state dict's {key} is not numeric: {value.dtype}")
        arrays[name] = value
    return arrays


def _transposed(value: np.ndarray, flattened_channels: int | None) -> np.ndarray:
    """A PyTorch parameter in our order of axes: OIHW -> HWIO, [out,in] -> [in,out]."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    if value.ndim != 2:
        return value
    if flattened_channels and value.shape[1] % flattened_channels == 0:
        outputs, inputs = value.shape
        value = value.reshape(outputs, flattened_channels, -1).transpose(0, 2, 1).reshape(outputs, inputs)
    return value.T


def _check_names(name: str, sources: Iterable[str], arrays: Mapping[str, np.ndarray]) -> None:
    missing = sorted(set(sources) - set(arrays))
    extra = sorted(set(arrays) - set(sources))
    if not missing and not extra:
        return
    complaints = []
    if missing:
        complaints.append(f"missing {_some(missing)}")
    if extra:
        complaints.append(f"left over {_some(extra)}")
    hint = ""
    if "classifier.weight" in extra:
        hint = " (its classifier is a single linear layer: pass head_width=0)"
    raise UserError(f"not a state dict of {name}: {'; '.join(complaints)}{hint}")


def _some(names: list[str]) -> str:
    """The first six names, and how many more there are."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def load(path: str | Path) -> dict[str, np.ndarray]:
    """Read a state dict from a file; returns arrays by PyTorch name.

    A .pt or .pth file is read without running any code in it (``weights_only=True``). The state dict may be inside a
    dict under "state_dict", "model_state_dict", "net" or "model", as training scripts save it. bfloat16 and float16
    become float32.

    Args:
        path: a .pt, .pth (needs torch), .safetensors (needs safetensors) or .npz file.

    Raises:
        UserError: no such file, another kind of file, an unreadable file, or a package that is not installed.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: weights are read from {', '.join(SUFFIXES)} files")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".npz":
        return _load_npz(path)
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    return _load_torch(path)


def _load_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        # Opened here because numpy leaves its own handle open when the archive is damaged.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable .npz file of arrays: {_line(error)}") from error


def _load_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        from safetensors import SafetensorError
        from safetensors.flax import load_file  # not `numpy`, which has no bfloat16
    except ImportError as error:
        raise _uninstalled(path, "safetensors") from error
    try:
        return {key: _full_width(np.asarray(value)) for key, value in load_file(str(path)).items()}
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a readable .safetensors file: {_line(error)}") from error


def _load_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise _uninstalled(path, "torch") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is one error
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: damaged, or holds more than tensors, which could run code when loaded; "
            "save model.state_dict() instead of the model"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable PyTorch file: {_line(error)}") from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content or not all(torch.is_tensor(v) for v in content.values()):
        raise UserError(f"{path}: holds no state dict (a dict of tensors, or one under {', '.join(_WRAPPERS)})")
    tensors = {str(key): value.detach() for key, value in content.items()}
    return {key: (v.float() if v.is_floating_point() else v).numpy() for key, v in tensors.items()}


def _full_width(value: np.ndarray) -> np.ndarray:
    """Convert half-precision arrays to float32; return others unchanged."""
    return value.astype(np.float32) if value.dtype in (jnp.bfloat16, np.float16) else value


def _uninstalled(path: Path, package: str) -> UserError:
    return UserError(f"{path}: reading it needs {package}; install it with `pip install 'minjax[torch]'`")


def _line(error: Exception) -> str:
    """The first line of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
