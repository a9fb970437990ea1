"""The memory that training a network needs, estimated from shapes, before anything is placed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
from flax import linen as nn

from minjax import memory
from minjax.errors import UserError
from minjax.train.state import TrainState


@dataclasses.dataclass(frozen=True)
class Footprint:
    """Bytes that training needs. They are what cannot be avoided: XLA's own buffers come on top of them.

    Attributes:
        state: parameters, the optimizer's state and batch-norm statistics.
        gradients: as many bytes as the parameters.
        activations: the outputs of all layers for a batch, which the backward pass needs.
        data: images and labels of all splits.
    """

    state: int
    gradients: int
    activations: int
    data: int

    @property
    def total(self) -> int:
        """The most that is held at one time: two copies of the state while it is placed, or what a step needs."""
        return self.data + max(2 * self.state, self.state + self.gradients + self.activations)

    def times(self, runs: int) -> Footprint:
        """What so many runs need that are trained side by side, each with data of its own."""
        return Footprint(*(runs * getattr(self, field.name) for field in dataclasses.fields(self)))

    def __str__(self) -> str:
        parts = {
            "parameters and optimizer": self.state,
            "gradients": self.gradients,
            "activations": self.activations,
            "data": self.data,
        }
        return ", ".join(f"{name} {memory.gigabytes(size)}" for name, size in parts.items())


def footprint(
    model: nn.Module, like: TrainState, image_shape: Sequence[int], batch_size: int, *, data: int, dtype: str
) -> Footprint:
    """What training a network needs on one device.

    Args:
        model: called as `model.apply(variables, images, train=bool)`.
        like: the shapes and types of its training state.
        image_shape: (height, width, channels) of one image.
        batch_size: images per step on the device.
        data: bytes of all splits.
        dtype: the type of the images that the model gets.
    """

    def outputs(variables: Any, images: jax.Array) -> Any:
        _, seen = model.apply(variables, images, train=False, capture_intermediates=True, mutable=["intermediates"])
        return seen

    variables = {"params": like.params, **like.model_state}
    images = jax.ShapeDtypeStruct((batch_size, *image_shape), dtype)
    return Footprint(
        state=nbytes(like),
        gradients=nbytes(like.params),
        activations=nbytes(jax.eval_shape(outputs, variables, images)),
        data=data,
    )


def nbytes(tree: Any) -> int:
    """Bytes of all arrays of a tree, or of what has their shapes and types."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def free(device: jax.Device) -> memory.Available | None:
    """The memory that a device has free; CPU devices share what the process can take. None if nothing is known."""
    if device.platform == "cpu":
        return memory.available()
    stats = device.memory_stats()
    if not stats:
        return None
    return memory.Available(stats["bytes_limit"] - stats["bytes_in_use"], f"what {device.device_kind} has free")


def check_memory(needed: Footprint, devices: Sequence[jax.Device], advice: str, *, workers: int = 1) -> None:
    """See that a training fits into the memory that is there: the devices' own, or the process's for CPU devices.

    Args:
        needed: on each device.
        devices: those of all processes; the ones of this process count.
        advice: what to change, the end of the error's line.
        workers: processes on this machine that train at the same time.

    Raises:
        UserError: it does not fit; gives the figures.
    """
    here = [device for device in devices if device.process_index == jax.process_index()]
    total, found = needed.total, free(here[0])
    if here[0].platform == "cpu":
        total *= len(here) * workers
    if found is not None and total > found.bytes:
        copies = f" on each of {len(here)} devices" if len(here) > 1 else ""
        copies += f" in each of {workers} workers" if workers > 1 else ""
        raise UserError(
            f"this training needs at least {memory.gigabytes(total)} of memory ({needed}{copies}), and {found}: "
            f"{advice}"
        )
