"""Pruning and quantization curves of all members of a population, on the devices that trained it.

Members may be padded networks: the padding is pruned first, in addition to what is asked for, so that counts, ranges
and scales are those of the narrow network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minjax import compress, tree
from minjax.curves.driver import Driver
from minjax.curves.program import Block, Members
from minjax.curves.versions import parse_scheme
from minjax.data import Split
from minjax.errors import UserError
from minjax.records.member import MemberCurves
from minjax.train.epoch import Input
from minjax.train.member import Partition
from minjax.train.population import Population

INCLUDE = ("*kernel",)
METHODS = ("l1", "global_l1")

Live = Callable[[Any], dict[str, jax.Array]]


class PopulationCurves:
    """Measures the curves of the members of a `Population`.

    Attributes:
        program: the compiled program.
        pace: how many versions a dispatch takes.
    """

    def __init__(
        self,
        apply: Callable[..., Any],
        population: Population,
        inputs: Input,
        *,
        images: int,
        method: str,
        amounts: Sequence[float],
        bits: Sequence[int],
        scheme: str,
        live: Live | None = None,
        batch_size: int = 500,
    ):
        """Prepare to measure; the images are those that the population has on the devices.

        Args:
            apply: `model.apply`.
            population: trains the members.
            inputs: how images become the model's input; mean and deviation are those of a member's own images.
            images: how many validation images each member is measured on.
            method: how kernels are pruned, one of `METHODS`: by magnitude.
            amounts: fractions of the kernels' weights to prune.
            bits: to quantize the kernels to.
            scheme: how kernels are quantized.
            live: a member's entry of `traits` -> leaf name -> bool of the leaf's shape, False where it is padding;
                None: nothing is padded.
            batch_size: images per batch of the evaluation.

        Raises:
            UserError: another method, or an unknown scheme.
        """
        if method not in METHODS:
            raise UserError(f"study.prune_method is {method!r}; it must be one of {', '.join(METHODS)}")
        self._method, self._scheme = method, scheme
        self._amounts, self._bits = tuple(amounts), tuple(bits)
        self._population, self._images = population, images
        self._driver = Driver(
            apply,
            population.mesh,
            Split(population.images, population.labels),  # type: ignore[arg-type]
            inputs,
            schemes=(parse_scheme(scheme),),
            rank=partial(_rank, method=method, live=live),
            batch_size=min(batch_size, images),
        )
        self.program, self.pace = self._driver.program, self._driver.pace

    def measure(
        self,
        params: Any,
        model_state: Any,
        traits: Any,
        parts: Partition,
        sizes: Sequence[dict[str, int]],
        first: int,
        *,
        stop: Callable[[], bool],
        wanted: Sequence[bool] | None = None,
    ) -> list[MemberCurves | None] | None:
        """Measure the curves of consecutive members.

        Args:
            params, model_state, traits: of the whole population, on the devices (see `Trained`).
            parts: of these members; their validation images are what the curves are measured on.
            sizes: for each of these members, leaf name -> its number of weights without padding.
            first: the index of the first of these members in the population.
            stop: asked before every dispatch.
            wanted: which of these members to measure; None: all.

        Returns:
            The curves of each member, None for one that is not wanted; None instead of the list when told to stop.
        """
        wanted = [True] * len(sizes) if wanted is None else wanted
        population, versions = self._population, len(self._amounts) + len(self._bits)
        names = _kernels(params)
        counts = population.spread(self._counts(params, names, sizes, first))
        own = population.spread(jax.tree.map(lambda x: np.concatenate([x[:1]] * first + [x]), parts))
        slots = population.slots(first, len(sizes))
        rows = sorted({int(slot) % population.local for slot in slots[np.array(wanted)]})
        spans = [(low * versions, high * versions) for low, high in _ranges(rows)]
        pairs, correct = sum(high - low for low, high in spans), None
        members = Members(params, model_state, traits, partition=own)
        for dispatch in self._driver.run(members, counts, self._block(len(names)), spans, stop):
            pairs -= dispatch.last - dispatch.first
            correct = dispatch.results.correct
        if pairs:
            return None
        if correct is None:
            return [None] * len(sizes)
        accuracies = np.asarray(correct[slots] / self._images)
        return [self._curves(row) if yes else None for row, yes in zip(accuracies, wanted, strict=True)]

    def _curves(self, accuracies: np.ndarray) -> MemberCurves:
        pruned, quantized = np.split(accuracies, [len(self._amounts)])
        return MemberCurves(
            method=self._method,
            scheme=self._scheme,
            pruning=[(amount, float(x)) for amount, x in zip(self._amounts, pruned, strict=True)],
            quantization=[(bits, float(x)) for bits, x in zip(self._bits, quantized, strict=True)],
        )

    def _block(self, leaves: int) -> Block:
        """All amounts, then all bits."""
        widths = np.array([0] * len(self._amounts) + list(self._bits), np.int32)
        none = np.zeros_like(widths)
        return Block(*map(jnp.asarray, (np.repeat(widths[:, None], leaves, axis=1), none, none.astype(bool), none)))

    def _counts(self, params: Any, names: list[str], sizes: Sequence[dict[str, int]], first: int) -> np.ndarray:
        """Weights to prune, int32 [first + members, versions, leaves], the padding included."""
        padded = {name: math.prod(leaf.shape[1:]) for name, leaf in tree.leaves(params).items()}
        found = np.zeros((first + len(sizes), len(self._amounts) + len(self._bits), len(names)), np.int32)
        for member, size in enumerate(sizes, first):
            padding = np.array([padded[name] - size[name] for name in names])
            narrow = {name: np.broadcast_to(0, size[name]) for name in names}
            for version, amount in enumerate(self._amounts):
                counts = compress.counts(narrow, self._method, amount, include="*")
                found[member, version] = [counts[name] for name in names]
            found[member] += padding.sum() if self._method == "global_l1" else padding
        return found


def _rank(params: Any, traits: Any, *, method: str, live: Live | None) -> dict[str, jax.Array]:
    within = None
    if live is not None:
        own = live(traits)
        within = jax.tree_util.tree_map_with_path(lambda path, _: own[tree.path_name(path)], params)
    return compress.ranks(params, method, include=INCLUDE, within=within)


def _kernels(params: Any) -> list[str]:
    return sorted(name for name, chosen in tree.leaves(tree.select(params, INCLUDE)).items() if chosen)


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as half-open ranges: 0, 1, 2, 5 -> (0, 3), (5, 6)."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number:
            ranges[-1] = ranges[-1][0], number + 1
        else:
            ranges.append((number, number + 1))
    return ranges
