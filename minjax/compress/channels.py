"""Finds channels that are zero or constant in the arrays of a group, and removes channels.

Arrays are NumPy's, in a dict by path, which starts with the collection: ``params/conv1/kernel``,
``batch_stats/norm1/mean``. They are replaced in the dict, never changed in place. Constants are computed in float64.
"""

from __future__ import annotations

import math

import numpy as np

from minjax.errors import UserError
from minjax.wiring import Depthwise, Group, Point, Reader, Source

Arrays = dict[str, np.ndarray]
Constants = tuple[np.ndarray, np.ndarray]  # which channels are constant, bool; their values, float64, 0 for the others

_ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": lambda x: x * 0.5 * (1.0 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2.0))),
}


def unread(arrays: Arrays, reader: Reader, channels: int) -> np.ndarray:
    """Which channels a layer ignores, bool [channels]: all its weights on them are zero."""
    return np.logical_not(_inputs(arrays, reader, channels).any(axis=(0, 1, 3, 4)))


def unwritten(arrays: Arrays, source: Source, channels: int) -> np.ndarray:
    """Which of a layer's output channels depend on no input, bool [channels]."""
    kernel = _split(arrays, _kernel(source), -1, channels, source.block)
    if source.place is not None:
        kernel = kernel[:, source.place : source.place + 1]
    return np.logical_not(kernel.any(axis=(0, 1, 3, 4)))


def constants(arrays: Arrays, group: Group, channels: int) -> list[Constants]:
    """For each point of the group, which channels are constant there: the same for every image and pixel."""
    found: list[Constants] = []
    for point in group.points:
        known, value = found[-1] if point.carried else (np.ones(channels, bool), np.zeros(channels))
        if point.depthwise is not None:
            known, value = _filtered(arrays, point.depthwise, *found[-1])
        for source in point.sources:
            known = known & unwritten(arrays, source, channels)
            value = value + _affine(arrays, source, channels)
        value = _ACTIVATIONS[point.activation](value)
        known = known & np.isfinite(value)
        found.append((known, np.where(known, value, 0.0)))
    return found


def can_fold(arrays: Arrays, reader: Reader) -> bool:
    """Whether a constant input of this layer is equivalent to a bias, and some leaf can absorb it."""
    return not reader.padded and (_bias(reader) in arrays or reader.norm is not None)


def fold(arrays: Arrays, reader: Reader, value: np.ndarray) -> None:
    """Move what a layer computes from constant inputs (float64 [channels], 0 for none) into its bias.

    Without a bias it moves into the mean that the following batch norm subtracts.
    """
    if not value.any():
        return
    kernel = _inputs(arrays, reader, len(value))
    added = value @ kernel.sum(axis=(0, 1, 3), dtype=np.float64)
    name, sign = (_bias(reader), 1.0) if _bias(reader) in arrays else (f"batch_stats/{reader.norm}/mean", -1.0)
    arrays[name] = (arrays[name] + sign * added).astype(arrays[name].dtype)


def merge(arrays: Arrays, point: Point, value: np.ndarray, into: int) -> None:
    """Merge constant channels into one: its readers weight it by the sum of their weights, scaled by the constants.

    This is exact even for images padded with zeros, since all channels end at the same border.

    Args:
        arrays: the network's arrays; entries are replaced.
        point: the only point of its group.
        value: float64 [channels]: the constants of the channels to merge, 0 for the others.
        into: which of these channels stays.
    """
    for reader in point.readers:
        kernel = _inputs(arrays, reader, len(value)).copy()
        kernel[:, :, into] = np.einsum("lpcbr,c->lpbr", kernel, value / value[into], dtype=np.float64)
        arrays[_kernel(reader)] = kernel.reshape(arrays[_kernel(reader)].shape)


def take_out(arrays: Arrays, group: Group, gone: np.ndarray) -> None:
    """Remove channels (bool [channels]) from every array of the group."""
    for source in {source for point in group.points for source in point.sources}:
        leaves = [_bias(source)]
        if source.norm is not None:
            leaves += [f"params/{source.norm}/{leaf}" for leaf in ("scale", "bias")]
            leaves += [f"batch_stats/{source.norm}/{leaf}" for leaf in ("mean", "var")]
        for name in (_kernel(source), *(leaf for leaf in leaves if leaf in arrays)):
            _delete(arrays, name, -1, gone, source.block)
    for reader in {reader for point in group.points for reader in point.readers}:
        _delete(arrays, _kernel(reader), -2, gone, reader.block)
    for point in group.points:
        if point.depthwise is not None:
            _delete(arrays, _kernel(point.depthwise), -1, gone, 1)


def _filtered(arrays: Arrays, depthwise: Depthwise, known: np.ndarray, value: np.ndarray) -> Constants:
    """Constants behind a depthwise convolution: where it pads with zeros, only a zero stays the same everywhere."""
    kernel = _split(arrays, _kernel(depthwise), -1, len(value), 1)
    known = known & ((value == 0.0) | np.bool_(not depthwise.padded))
    known = known | ~kernel.any(axis=(0, 1, 3, 4))
    return known, np.where(known, value * kernel.sum(axis=(0, 1, 3, 4), dtype=np.float64), 0.0)


def _affine(arrays: Arrays, source: Source, channels: int) -> np.ndarray:
    """The output of a source whose kernel is zero, float64 [channels]: its bias, passed through its batch norm."""
    value = np.zeros(channels)
    if _bias(source) in arrays:
        value = arrays[_bias(source)].astype(np.float64)
    if source.norm is not None:
        scale, bias = (arrays[f"params/{source.norm}/{leaf}"].astype(np.float64) for leaf in ("scale", "bias"))
        mean, var = (arrays[f"batch_stats/{source.norm}/{leaf}"].astype(np.float64) for leaf in ("mean", "var"))
        value = (value - mean) / np.sqrt(var + source.epsilon) * scale + bias
    return value


def _kernel(end: Source | Reader | Depthwise) -> str:
    return f"params/{end.layer}/kernel"


def _bias(end: Source | Reader) -> str:
    return f"params/{end.layer}/bias"


def _inputs(arrays: Arrays, reader: Reader, channels: int) -> np.ndarray:
    return _split(arrays, _kernel(reader), -2, channels, reader.block)


def _split(arrays: Arrays, name: str, axis: int, channels: int, block: int) -> np.ndarray:
    """View a leaf, one of whose axes holds the channels, as [axes before, places, channels, block, axes after]."""
    shape = arrays[name].shape
    axis %= len(shape)
    places, rest = divmod(shape[axis], channels * block)
    if rest:
        raise UserError(
            f"{name} {list(shape)} does not hold {channels} channels; are these another network's variables?"
        )
    return arrays[name].reshape(math.prod(shape[:axis]), places, channels, block, math.prod(shape[axis + 1 :]))


def _delete(arrays: Arrays, name: str, axis: int, gone: np.ndarray, block: int) -> None:
    shape = list(arrays[name].shape)
    left = _split(arrays, name, axis, len(gone), block)[:, :, ~gone]
    shape[axis] = math.prod(left.shape[1:4])
    arrays[name] = left.reshape(shape)
