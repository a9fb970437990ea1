"""Which candidates are screened next, wave by wave; a function of what has been screened, so that it can be resumed.

Every method is followed over the amounts until the network fails, and the unpruned network over the bits. Then the
better methods are combined with the fewest bits that the network bears, from the amount on at which pruning alone
begins to cost accuracy. Statistics of batch norm are re-estimated where that helps: a light compression is better off
with those of the training, which a few images cannot match, and a heavy one has changed what they describe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from minjax import compress
from minjax.findings.choice import Wanted, dense_of, front
from minjax.findings.phases import MARGIN
from minjax.records.compression import REESTIMATED, TRAINED, Measurement, Statistics, Version

SLACK = 0.25  # of accuracy: a network that has lost more is not pruned further
BEST, FEWEST_BITS = 2, 3  # methods, and bits of each, that are combined


class Recipe(NamedTuple):
    """How a network is pruned and quantized; None: it is not."""

    method: str | None
    amount: float | None
    bits: int | None


@dataclass(frozen=True)
class Screening:
    """What may be screened.

    Attributes:
        methods: name -> leaves that it spares.
        amounts: ascending.
        bits: of the quantized candidates.
        scheme: of their quantization.
        wanted: the accuracy to keep.
        has_statistics: whether there is batch norm, which can be re-estimated.
    """

    methods: dict[str, tuple[str, ...]]
    amounts: tuple[float, ...]
    bits: tuple[int, ...]
    scheme: str
    wanted: Wanted
    has_statistics: bool

    def next(self, measurements: Sequence[Measurement]) -> list[Version]:
        """The next wave; empty: everything has been screened."""
        dense = dense_of(measurements, "candidate")
        if dense is None:
            return [Version(curve="candidate")]
        screen = _Screen(self, dense, {m.version: m for m in measurements if m.curve == "candidate"})
        wave = [version for bits in self.bits for version in screen.missing(Recipe(None, None, bits))]
        wave += [version for method in self.methods for version in screen.follow(method, None, 0)]
        if wave:
            return wave
        for method in screen.better():
            start = screen.start(method)
            wave += [version for bits in screen.few_bits() for version in screen.follow(method, bits, start)]
        return wave

    def most(self) -> int:
        """About how many candidates there may be in all."""
        ways = 1 + self.has_statistics
        return 1 + len(self.bits) * ways + len(self.amounts) * (len(self.methods) * ways + BEST * FEWEST_BITS)


@dataclass(frozen=True)
class _Screen:
    """What has been screened so far."""

    plan: Screening
    dense: Measurement
    known: dict[Version, Measurement]

    def version(self, recipe: Recipe, statistics: Statistics) -> Version:
        """A recipe with these statistics of batch norm."""
        return Version(
            curve="candidate",
            method=recipe.method,
            amount=recipe.amount,
            exclude=() if recipe.method is None else self.plan.methods[recipe.method],
            bits=recipe.bits,
            scheme=None if recipe.bits is None else self.plan.scheme,
            batch_norm=statistics,
        )

    def statistics(self, recipe: Recipe) -> list[Statistics]:
        """Those that a recipe is screened with; both where it is not known which are better."""
        if not self.plan.has_statistics:
            return [TRAINED]
        method, amount, bits = recipe
        if method is not None and bits is not None:
            parts = [self.best(Recipe(method, amount, None)), self.best(Recipe(None, None, bits))]
            changed = any(part is not None and part.batch_norm == REESTIMATED for part in parts)
            return [REESTIMATED] if changed else [TRAINED]
        if method is not None and (place := self.plan.amounts.index(amount or 0.0)):
            before = self.best(Recipe(method, self.plan.amounts[place - 1], None))
            if before is not None and before.batch_norm == REESTIMATED:
                return [REESTIMATED]
        return [TRAINED, REESTIMATED]

    def missing(self, recipe: Recipe) -> list[Version]:
        """The versions of a recipe that are still to be screened."""
        versions = [self.version(recipe, statistics) for statistics in self.statistics(recipe)]
        return [version for version in versions if version not in self.known]

    def best(self, recipe: Recipe) -> Measurement | None:
        """The better of the statistics; None: not screened."""
        versions = [self.version(recipe, statistics) for statistics in (TRAINED, REESTIMATED)]
        found = [self.known[version] for version in versions if version in self.known]
        return max(found, key=lambda m: m.score, default=None)

    def follow(self, method: str, bits: int | None, start: int) -> list[Version]:
        """The versions at the first amount that is not screened, unless the network has failed before."""
        for amount in self.plan.amounts[start:]:
            recipe = Recipe(method, amount, bits)
            if missing := self.missing(recipe):
                return missing
            if not self.alive(recipe):
                break
        return []

    def alive(self, recipe: Recipe) -> bool:
        """Whether the network still works."""
        best = self.best(recipe)
        assert best is not None
        least = max(self.dense.score - SLACK, self.plan.wanted.chance + MARGIN)
        return best.score >= least

    def curve(self, method: str) -> list[Measurement]:
        """The screened amounts of a method without quantization."""
        found = [self.best(Recipe(method, amount, None)) for amount in self.plan.amounts]
        return [m for m in found if m is not None]

    def keeps(self, m: Measurement) -> bool:
        """Whether a candidate keeps the accuracy, as far as the screened images tell."""
        return m.score >= self.plan.wanted.floor(self.dense.score)

    def better(self) -> list[str]:
        """Methods that are the best for some size, the one first that keeps the accuracy with the fewest bytes.

        A structured method comes on top where it keeps the accuracy at all, since its network is smaller in other
        respects too.
        """

        def smallest(method: str) -> int:
            kept = [m.bytes_theoretical for m in self.curve(method) if self.keeps(m)]
            return min((size for size in kept if size is not None), default=self.dense.bytes_dense)

        curves = {method: self.curve(method) for method in self.plan.methods}
        everything = [m for curve in curves.values() for m in curve]
        leading = {m.method for m in front(everything)}
        ranked = sorted((method for method in curves if method in leading), key=smallest)[:BEST]
        structured = [
            method for method in curves if compress.METHODS[method].unit == "channel" and method not in ranked
        ]
        return ranked + [method for method in structured if smallest(method) < self.dense.bytes_dense]

    def start(self, method: str) -> int:
        """The place of the largest amount up to which pruning alone keeps the accuracy."""
        kept = [self.keeps(m) for m in self.curve(method)]
        first = kept.index(False) if False in kept else len(kept)
        return max(first - 1, 0)

    def few_bits(self) -> list[int]:
        """The fewest bits that the unpruned network bears."""
        ordered = sorted(self.plan.bits)
        borne = [bits for bits in ordered if self.alive(Recipe(None, None, bits))]
        return borne[:FEWEST_BITS] or ordered[-1:]
