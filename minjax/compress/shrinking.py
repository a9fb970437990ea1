"""Removes what structured pruning has made useless: a smaller network with the same logits.

A channel is removed if that changes nothing, in exact arithmetic: every layer that reads it has only zero weights on
it, or it is constant (everything that writes it has zero weights) and the constant is zero or equivalent to a bias of
the layers that read it. A constant before a convolution that pads with zeros is not equivalent to a bias, since outside
the image it is zero; of such channels of a layer one is kept, with the weights of all of them. A removal can make other
channels useless, so this repeats until nothing more can be removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from minjax import tree
from minjax.compress import channels
from minjax.compress.channels import Arrays, Constants
from minjax.errors import UserError
from minjax.wiring import Group, Wired, Wiring


@dataclass(frozen=True)
class Shrinkage:
    """What shrinking a network removed and what it had to keep.

    Attributes:
        params_before: parameters of the network, including zeros.
        params_after: parameters of the shrunk network.
        removed: group -> how many channels (units, heads) were removed or merged, for groups that lost any.
        merged: group -> how many of these were constants that one channel now represents.
        kept: a line for everything that is zero or constant but could not be removed, with the reason.
    """

    params_before: int
    params_after: int
    removed: dict[str, int]
    merged: dict[str, int]
    kept: tuple[str, ...]


@dataclass
class _Network:
    """A network while it is being shrunk."""

    wiring: Wiring
    arrays: Arrays
    sizes: dict[str, list[int]]
    removed: Counter[str] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)

    def count(self, group: Group) -> int:
        return self.sizes[group.attribute][group.index]


def shrink(model: Wired, variables: Any, masks: Any = None) -> tuple[Any, Any, Shrinkage]:
    """Build a smaller network of the same family that evaluates to what the masked one does, up to rounding.

    Training it would differ: batch norm takes the statistics of what is left, and dropout draws for fewer units.

    Args:
        model: a module that declares its wiring, like all those in `minjax.models`.
        variables: {"params": ..., "batch_stats": ...}, the latter if there is batch norm.
        masks: bools with the structure of the params, False: pruned. None: only existing zeros count.

    Returns:
        The smaller module (the same one if nothing could be removed), its variables as NumPy arrays, and a report.

    Raises:
        UserError: the module declares no wiring, or the variables or masks do not belong to this network.
    """
    if not hasattr(model, "wiring"):
        raise UserError(f"{type(model).__name__} declares no wiring, so nothing can be removed from it")
    variables = {**jax.tree.map(np.asarray, variables)}
    if masks is not None:
        variables["params"] = _masked(variables["params"], masks)
    arrays = tree.leaves(variables)
    network = _Network(model.wiring(), dict(arrays), {name: list(sizes) for name, sizes in model.layer_sizes().items()})
    _check_names(network)
    while sum(_reduce(network, group) for group in network.wiring.groups):
        pass  # each pass visits all groups, since a removal may make others possible anywhere
    kept = (*_kept_in_groups(network), *_kept_elsewhere(network))
    leaves = [network.arrays[name] for name in arrays]
    smaller = jax.tree.unflatten(jax.tree.structure(variables), leaves)
    if network.removed:
        model = model.clone(**{attribute: tuple(sizes) for attribute, sizes in network.sizes.items()})
    before, after = tree.count(variables["params"]), tree.count(smaller["params"])
    return model, smaller, Shrinkage(before, after, dict(network.removed), dict(network.merged), kept)


def largest_difference(
    model: Any, variables: Any, smaller: Any, smaller_variables: Any, images: Any, batch: int = 500
) -> float:
    """The largest absolute difference between the logits of two networks for images [N,H,W,C], in evaluation."""
    first, second = (jax.jit(lambda v, x, net=net: net.apply(v, x, train=False)) for net in (model, smaller))
    parts = (images[i : i + batch] for i in range(0, len(images), batch))
    # NumPy's maximum, unlike Python's, is NaN if any number is.
    return float(np.max([np.abs(first(variables, part) - second(smaller_variables, part)).max() for part in parts]))


def _masked(params: Any, masks: Any) -> Any:
    shapes, others = ({name: leaf.shape for name, leaf in tree.leaves(part).items()} for part in (params, masks))
    if shapes != others:
        wrong = sorted(name for name in {*shapes, *others} if shapes.get(name) != others.get(name))
        raise UserError(f"the masks do not fit these parameters: {', '.join(wrong)}")
    return jax.tree.map(lambda value, mask: np.where(mask, value, np.zeros_like(value)), params, masks)


def _check_names(network: _Network) -> None:
    points = [point for group in network.wiring.groups for point in group.points]
    layers = {source.layer for point in points for source in point.sources}
    layers |= {reader.layer for point in points for reader in point.readers}
    layers |= {point.depthwise.layer for point in points if point.depthwise is not None}
    layers |= {fixed.layer for fixed in network.wiring.fixed}
    missing = sorted(layer for layer in layers if f"params/{layer}/kernel" not in network.arrays)
    if missing:
        raise UserError(f"the variables belong to another network: there is no {', '.join(missing)}")


def _reduce(network: _Network, group: Group) -> bool:
    """Remove what can be removed from a group; returns whether there was anything."""
    arrays, count = network.arrays, network.count(group)
    found = channels.constants(arrays, group, count)
    gone = _removable(arrays, group, count, found)
    stuck = _stuck(group, found, gone)
    if gone.all():
        gone[0] = False  # a layer needs at least one channel
    for point, (_, value) in zip(group.points, found, strict=True):
        for reader in point.readers:
            if channels.can_fold(arrays, reader):
                channels.fold(arrays, reader, np.where(gone, value, 0.0))
    if stuck.sum() > 1:
        value = np.where(stuck, found[0][1], 0.0)
        largest = int(np.abs(value).argmax())
        channels.merge(arrays, group.points[0], value, into=largest)
        stuck[largest] = False
        gone |= stuck
        network.merged[group.name] += int(stuck.sum())
    if not gone.any():
        return False
    channels.take_out(arrays, group, gone)
    network.removed[group.name] += int(gone.sum())
    network.sizes[group.attribute][group.index] -= int(gone.sum())
    return True


def _removable(arrays: Arrays, group: Group, count: int, found: list[Constants]) -> np.ndarray:
    """Which channels make no difference, or only one that a bias can make: bool [count]."""
    removable = np.ones(count, bool)
    for point, (known, value) in zip(group.points, found, strict=True):
        for reader in point.readers:
            harmless = known & ((value == 0.0) | channels.can_fold(arrays, reader))
            removable &= harmless | channels.unread(arrays, reader, count)
    return removable


def _stuck(group: Group, found: list[Constants], removable: np.ndarray) -> np.ndarray:
    """Which channels are constant but not equivalent to a bias: bool [count].

    There are none in a residual stream, where a channel is a different constant at every point, so that one cannot
    represent another, nor before a depthwise convolution, which filters each channel differently.
    """
    known, value = found[0]
    return known & (value != 0.0) & ~removable & (len(group.points) == 1)


def _kept_in_groups(network: _Network) -> Iterator[str]:
    """A line for each constant that was kept, and for each layer with zero weights on channels that others need."""
    arrays = network.arrays
    for group in network.wiring.groups:
        count = network.count(group)
        found = channels.constants(arrays, group, count)
        removable = _removable(arrays, group, count, found)
        stuck = _stuck(group, found, removable)
        if removable.any():
            yield f"{group.name}: its last channel stays, though nothing needs it"
        if stuck.any():
            value, others = found[0][1][stuck][0], network.merged[group.name]
            padded = ", ".join(reader.layer for reader in group.points[0].readers if reader.padded)
            stays = f"1 of {count} channels stays" + (f" in place of {others + 1}" if others else "")
            yield f"{group.name}: {stays}: a constant ({value:.3g}) is no bias for {padded}, which pads it with zeros"
        needed = ~removable & ~stuck
        for point in group.points:
            zero = [(source.layer, "outputs", channels.unwritten(arrays, source, count)) for source in point.sources]
            zero += [(reader.layer, "inputs", channels.unread(arrays, reader, count)) for reader in point.readers]
            for layer, side, channel in zero:
                if (channel & needed).any():
                    number = int((channel & needed).sum())
                    yield _stays(layer, side, number, count, _needed(group))


def _needed(group: Group) -> str:
    """Why channels of a group stay that one of its layers does not write or read."""
    padded = [one.depthwise.layer for one in group.points if one.depthwise is not None and one.depthwise.padded]
    if padded:
        return f"{padded[0]} pads with zeros, so a constant does not stay one"
    return f"other layers write or read the {group.name}"


def _kept_elsewhere(network: _Network) -> Iterator[str]:
    """A line for each axis that cannot shrink but is zero somewhere."""
    for fixed in network.wiring.fixed:
        kernel = network.arrays[f"params/{fixed.layer}/kernel"]
        axis = kernel.ndim - (1 if fixed.side == "outputs" else 2)
        zero = ~kernel.any(axis=tuple(other for other in range(kernel.ndim) if other != axis))
        if zero.any():
            yield _stays(fixed.layer, fixed.side, int(zero.sum()), zero.size, fixed.reason)


def _stays(layer: str, side: str, number: int, count: int, reason: str) -> str:
    return f"{layer}: {number} of {count} {side} are zero and stay: {reason}"
