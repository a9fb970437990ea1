"""Which candidates are screened next, wave by wave; a function of what has been screened, so that it can be resumed.

Every method is followed over the amounts until the network fails, and the bits of the unpruned network likewise. Then
the better two methods, and structured ones that keep the accuracy, are combined with the fewest bits that work, from
the amounts on at which pruning alone begins to cost accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minjax import compress
from minjax.findings.choice import Wanted, dense_of, screened
from minjax.findings.phases import MARGIN
from minjax.records.compression import REESTIMATED, TRAINED, Measurement, Statistics, Version

SLACK = 0.25  # of accuracy: a network that has lost more is not pruned further
BEST, FEWEST_BITS = 2, 3  # methods, and bits of each, that are combined


@dataclass(frozen=True)
class Screening:
    """What may be screened.

    Attributes:
        methods: name -> leaves that it spares.
        amounts: ascending.
        bits: of the quantized candidates.
        scheme: of their quantization.
        wanted: the accuracy to keep.
        has_statistics: whether there is batch norm, which is re-estimated.
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
        known = {m.version: m for m in screened(measurements) if not m.retrained}
        wave = [self._version(None, None, bits) for bits in self.bits]
        wave += self._steps(known, dense, dict.fromkeys(self.methods, (None, 0)))
        missing = [version for version in wave if version not in known]
        if missing:
            return missing
        starts = {method: self._start(known, dense, method) for method in self._better(known, dense)}
        wave = []
        for bits in self._few_bits(known, dense):
            wave += self._steps(known, dense, {method: (bits, start) for method, start in starts.items()})
        return [version for version in wave if version not in known]

    def most(self) -> int:
        """How many candidates there may be in all."""
        return 1 + len(self.bits) + len(self.amounts) * (len(self.methods) + BEST * FEWEST_BITS)

    def _version(self, method: str | None, amount: float | None, bits: int | None) -> Version:
        statistics: Statistics = REESTIMATED if self.has_statistics else TRAINED
        return Version(
            curve="candidate",
            method=method,
            amount=amount,
            exclude=() if method is None else self.methods[method],
            bits=bits,
            scheme=None if bits is None else self.scheme,
            batch_norm=statistics,
        )

    def _steps(
        self, known: dict[Version, Measurement], dense: Measurement, lines: dict[str, tuple[int | None, int]]
    ) -> list[Version]:
        """The first version of each line that is not known: method -> (bits, place of its first amount)."""
        found = []
        for method, (bits, start) in lines.items():
            for amount in self.amounts[start:]:
                version = self._version(method, amount, bits)
                if version not in known:
                    found.append(version)
                    break
                if not self._alive(known[version], dense):
                    break
        return found

    def _alive(self, m: Measurement, dense: Measurement) -> bool:
        return m.accuracy >= dense.accuracy - SLACK and m.accuracy > self.wanted.chance + MARGIN

    def _keeps(self, m: Measurement, dense: Measurement) -> bool:
        return m.accuracy >= self.wanted.floor(dense.accuracy)

    def _curve(self, known: dict[Version, Measurement], method: str) -> list[Measurement]:
        """The measured amounts of a method without quantization."""
        versions = [self._version(method, amount, None) for amount in self.amounts]
        return [known[version] for version in versions if version in known]

    def _better(self, known: dict[Version, Measurement], dense: Measurement) -> list[str]:
        """The methods that keep the accuracy with the fewest bytes, and structured ones that keep it at all."""

        def smallest(method: str) -> int:
            kept = [m.bytes_theoretical for m in self._curve(known, method) if self._keeps(m, dense)]
            return min((size for size in kept if size is not None), default=dense.bytes_dense)

        ranked = sorted(self.methods, key=smallest)  # stable: ties in the order of the configuration
        structured = [m for m in ranked[BEST:] if compress.METHODS[m].unit == "channel"]
        return ranked[:BEST] + [m for m in structured if smallest(m) < dense.bytes_dense]

    def _start(self, known: dict[Version, Measurement], dense: Measurement, method: str) -> int:
        """The place of the largest amount up to which pruning alone keeps the accuracy."""
        kept = [self._keeps(m, dense) for m in self._curve(known, method)]
        first = kept.index(False) if False in kept else len(kept)
        return max(first - 1, 0)

    def _few_bits(self, known: dict[Version, Measurement], dense: Measurement) -> list[int]:
        """The fewest bits that the unpruned network bears."""
        borne = [bits for bits in sorted(self.bits) if self._alive(known[self._version(None, None, bits)], dense)]
        return borne[:FEWEST_BITS] or sorted(self.bits)[-1:]
