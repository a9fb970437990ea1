"""Pruning and quantization curves of a whole population: every member, every amount, every bit width, one program.

Members may be padded networks: what is not live is pruned first, in addition to what is asked for, so that counts,
ranges and scales are those of the narrow network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from minjax import compress, tree
from minjax.curves import program
from minjax.curves.points import parse_scheme
from minjax.data import Split
from minjax.errors import UserError
from minjax.train.epoch import Input
from minjax.train.evaluate import run_batches
from minjax.train.pace import Pace
from minjax.train.population import Population, over_members

INCLUDE = ("*kernel",)
METHODS = ("l1", "global_l1")

Lived = Callable[[Any], dict[str, jax.Array]]


@flax.struct.dataclass
class Progress:
    """What is known between two dispatches.

    Attributes:
        ranks: leaf -> int32, of the member that is being measured, with a leading axis of the devices.
        correct: int32 [members, points].
    """

    ranks: dict[str, jax.Array]
    correct: jax.Array


class MemberCurves:
    """The curves of the members of a `Population`, measured on its devices.

    Attributes:
        program: of its dispatches.
    """

    def __init__(
        self,
        apply: Callable[..., Any],
        population: Population,
        test: Split,
        inputs: Input,
        *,
        method: str,
        amounts: Sequence[float],
        bits: Sequence[int],
        scheme: str,
        lived: Lived | None = None,
        evaluation_batch: int = 500,
    ):
        """Put the images on the devices.

        Args:
            apply: `model.apply`.
            population: whose members are measured.
            test: what is evaluated on, on the host.
            inputs: normalisation.
            method: of pruning, one of `METHODS`: weights by their size.
            amounts: fractions of the kernels' weights to prune.
            bits: of the kernels' weights.
            scheme: of quantization.
            lived: a member's extra -> leaf name -> bool, what of its leaves is its own; None: everything.
            evaluation_batch: images of a batch.

        Raises:
            UserError: another method, or an unknown scheme.
        """
        if method not in METHODS:
            raise UserError(f"study.prune_method is {method!r}; it must be one of {', '.join(METHODS)}")
        self.method, self.amounts, self.bits = method, tuple(amounts), tuple(bits)
        self.population = population
        self._splits = jax.device_put((test.images, test.labels), NamedSharding(population.mesh, PartitionSpec()))
        self.images = len(test.labels)
        member = partial(
            _measure,
            apply=apply,
            method=method,
            lived=lived,
            widths=(*[0] * len(self.amounts), *self.bits),
            schemes=(parse_scheme(scheme),),
            inputs=inputs,
            evaluation_batch=min(evaluation_batch, self.images),
        )
        self.program = over_members(member, population.mesh, 5, 4)
        self.pace = Pace()

    def measure(
        self,
        params: Any,
        model_state: Any,
        extras: Any,
        real: Sequence[dict[str, int]],
        first: int,
        *,
        stop: Callable[[], bool],
        wanted: Sequence[bool] | None = None,
    ) -> list[dict[str, Any] | None] | None:
        """The curves of some members.

        Args:
            params, model_state, extras: of all the population, on the devices (see `Trained`).
            real: of each of some members, leaf name -> how many weights are its own.
            first: which member of the population is the first of them.
            stop: asked between dispatches.
            wanted: which of them are to be measured; None: all.

        Returns:
            Of each member `pruning`, pairs of (amount, accuracy), and `quantization`, pairs of (bits, accuracy), or
            None if it is not wanted; None in place of it all when `stop` said so.
        """
        wanted = [True] * len(real) if wanted is None else wanted
        population = self.population
        devices = population.capacity // population.local
        counts = population.spread(self._counts(params, real, first))
        names = self._names(params)
        shapes = {name: leaf.shape[1:] for name, leaf in tree.leaves(params).items() if name in names}
        points = len(self.amounts) + len(self.bits)
        progress = population.spread_like(
            Progress(
                {name: jnp.zeros((devices, *shapes[name]), jnp.int32) for name in names},
                jnp.zeros((population.capacity, points), jnp.int32),
            )
        )
        places = population.places(first, len(real))
        for low, high in _runs(sorted({int(place) % population.local for place in places[np.array(wanted)]})):
            place, end = low * points, high * points
            while place < end:
                if stop():
                    return None
                count = self.pace.steps(end - place)
                span = np.int32(place), np.int32(place + count)
                progress, seconds = self.program.timed(
                    progress, params, model_state, extras, counts, *self._splits, *span
                )
                self.pace.note(count, seconds)
                place += count
        correct = jax.device_get(progress.correct)[places] / self.images
        split = len(self.amounts)
        return [
            {
                "pruning": [[a, float(x)] for a, x in zip(self.amounts, row[:split], strict=True)],
                "quantization": [[b, float(x)] for b, x in zip(self.bits, row[split:], strict=True)],
            }
            if yes
            else None
            for row, yes in zip(correct, wanted, strict=True)
        ]

    def _names(self, params: Any) -> list[str]:
        chosen = tree.leaves(tree.select(params, INCLUDE))
        return sorted(name for name, yes in chosen.items() if yes)

    def _counts(self, params: Any, real: Sequence[dict[str, int]], first: int) -> np.ndarray:
        """int32 [members, points, leaves]: ranks below are pruned, those of what is not live among them."""
        names = self._names(params)
        whole = {name: math.prod(leaf.shape[1:]) for name, leaf in tree.leaves(params).items()}
        found = np.zeros((first + len(real), len(self.amounts) + len(self.bits), len(names)), np.int32)
        for member, own in enumerate(real, first):
            dead = np.array([whole[name] - own[name] for name in names])
            asked = [
                compress.counts({name: np.broadcast_to(0, own[name]) for name in names}, self.method, a, include="*")
                for a in self.amounts
            ]
            rows = [[count[name] for name in names] for count in asked] + [[0] * len(names)] * len(self.bits)
            found[member] = np.array(rows) + (dead.sum() if self.method == "global_l1" else dead)
        return found


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending places as ranges: 0, 1, 2, 5 -> (0, 3), (5, 6)."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = runs[-1][0], place + 1
        else:
            runs.append((place, place + 1))
    return runs


def _measure(
    progress: Progress,
    params: Any,
    model_state: Any,
    extras: Any,
    counts: jax.Array,
    images: jax.Array,
    labels: jax.Array,
    first: jax.Array,
    last: jax.Array,
    *,
    apply: Callable,
    method: str,
    lived: Lived | None,
    widths: tuple[int, ...],
    schemes: tuple,
    inputs: Input,
    evaluation_batch: int,
) -> Progress:
    """Measure (member, point) pairs `first` to `last - 1` of this device, member by member."""
    bits = jnp.asarray(widths, jnp.int32)

    def one(place: jax.Array, progress: Progress) -> Progress:
        member, point = place // len(widths), place % len(widths)
        at = lambda tree: jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, member, keepdims=False), tree)  # noqa: E731
        mine, state = at(params), at(model_state)

        def rank() -> dict[str, jax.Array]:
            within = None
            if lived is not None:
                own = lived(at(extras))
                within = jax.tree_util.tree_map_with_path(lambda path, _: own[tree.path_name(path)], mine)
            return {k: r[None] for k, r in compress.ranks(mine, method, include=INCLUDE, within=within).items()}

        ranks = lax.cond(point == 0, rank, lambda: progress.ranks)
        used = program.compress(
            mine,
            {name: r[0] for name, r in ranks.items()},
            counts[member, point],
            jnp.broadcast_to(bits[point], len(ranks)),
            jnp.int32(0),
            schemes,
        )
        predicted, _ = run_batches(
            {"params": used, **state},
            jnp.zeros(len(labels), jnp.int32),
            jnp.zeros(()),
            images,
            labels,
            jnp.int32(0),
            jnp.int32(-(-len(labels) // evaluation_batch)),
            apply=apply,
            inputs=inputs,
            batch_size=evaluation_batch,
        )
        return Progress(ranks, progress.correct.at[member, point].set(jnp.sum(predicted == labels, dtype=jnp.int32)))

    return lax.fori_loop(first, last, one, progress)
