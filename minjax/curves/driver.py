"""The driver: dispatches the program over the versions of a population until all of them are measured.

A network is a population of one member on one device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minjax.compress import Scheme
from minjax.curves.compressed import Leaves
from minjax.curves.program import Block, Details, Images, Members, Results, measure
from minjax.data import Split
from minjax.train.epoch import Input
from minjax.train.pace import Pace
from minjax.train.population import AXIS, over_members

CALIBRATION_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Dispatch:
    """What one dispatch has measured.

    Attributes:
        results: of all pairs so far, on the host.
        first: the first pair of this dispatch, of each device.
        last: one past its last pair.
        seconds: time it took, without compiling.
    """

    results: Results
    first: int
    last: int
    seconds: float


class Driver:
    """Measures compressed versions of the members of a population, spread over the devices of a mesh.

    Attributes:
        images: the images that versions are measured on, on the devices.
        program: the compiled program.
        pace: how many versions a dispatch takes.
    """

    def __init__(
        self,
        apply: Callable[..., Any],
        mesh: Mesh,
        split: Split,
        inputs: Input,
        *,
        schemes: tuple[Scheme | str, ...],
        rank: Callable[[Any, Any], Leaves],
        batch_size: int,
        calibration: np.ndarray | None = None,
        details: bool = False,
        classes: int = 0,
    ):
        """Place the images on the devices; nothing is compiled yet.

        Args:
            apply: `model.apply`.
            mesh: the devices, along the axis of members.
            split: what versions are evaluated on: all of it, or each member on its own part; on the host, or placed.
            inputs: how images are normalised.
            schemes: the quantization schemes and formats that versions may have.
            rank: (a member's params, its `ranking`) -> int32 ranks of the prunable leaves; traced.
            batch_size: images per batch of the evaluation.
            calibration: uint8 training images to re-estimate batch norm on, in batches of 500, the incomplete last
                one dropped; None: it is never re-estimated.
            details: whether results have `Details`.
            classes: how many classes these count correct images of; 0: they do not.
        """
        self._mesh, self._zeros = mesh, partial(_zeros, details=details, classes=classes)
        batch = CALIBRATION_BATCH if calibration is None else min(CALIBRATION_BATCH, len(calibration))
        if calibration is not None:
            calibration = calibration[: len(calibration) // batch * batch]
        images = Images(split.images, split.labels, calibration)  # type: ignore[arg-type]
        self.images = jax.device_put(images, NamedSharding(mesh, PartitionSpec()))
        function = partial(
            measure,
            rank=rank,
            apply=apply,
            inputs=inputs,
            schemes=schemes,
            batch_size=min(batch_size, len(split.labels)),
            calibration_batch=batch,
        )
        self.program = over_members(function, mesh, 3, 4)
        self.pace = Pace()

    def run(
        self,
        members: Members,
        counts: np.ndarray,
        block: Block,
        spans: Iterable[tuple[int, int]],
        stop: Callable[[], bool],
    ) -> Iterator[Dispatch]:
        """Measure pairs of members and versions, dispatch by dispatch; ends early when told to stop.

        Args:
            members: M of them, a multiple of the devices, in equal shares.
            counts: int32 [M, V, L], weights pruned of each leaf.
            block: the V versions.
            spans: ranges of pairs (first, one past the last), numbered as in `measure` on each device.
            stop: asked before every dispatch.
        """
        members, counts, results = self._spread((members, counts, self._zeros(counts.shape)))
        for first, end in spans:
            while first < end:
                if stop():
                    return
                count = self.pace.steps(end - first)
                pairs = np.int32(first), np.int32(first + count)
                results, seconds = self.program.timed(results, members, counts, block, self.images, *pairs)
                self.pace.note(count, seconds)
                yield Dispatch(jax.device_get(results), first, first + count, seconds)
                first += count

    def _spread(self, arrays: Any) -> Any:
        return jax.device_put(arrays, NamedSharding(self._mesh, PartitionSpec(AXIS)))


def _zeros(shape: tuple[int, ...], *, details: bool, classes: int) -> Results:
    """Results before the first dispatch, for counts of shape [M, V, L]."""
    pairs, integers = shape[:2], partial(jnp.zeros, dtype=jnp.int32)
    if not details:
        return Results(integers(pairs), None)
    own = Details(jnp.zeros(pairs), integers(shape), integers(pairs), integers((*pairs, classes)))
    return Results(integers(pairs), own)
