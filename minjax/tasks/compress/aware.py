"""Quantization-aware training: weights are rounded in every step, and gradients pass straight through the rounding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from msgspec.structs import replace

from minjax import compress
from minjax.curves.network import NetworkCurves
from minjax.curves.versions import parse_scheme
from minjax.records.compression import Measurement, Version
from minjax.tasks.compress.plan import DEFAULT_SCHEME, integer_scheme
from minjax.tasks.compress.trained import Trained
from minjax.tasks.compress.tuning import Tuner
from minjax.tasks.signals import Stop


class Aware:
    """The trainings of a configuration, one for each of `quantize.aware_bits`.

    Args:
        trained: the run that training starts from ("trained"), or whose settings it repeats ("scratch").
        config: from `settings.settle`.
        curves: measures the trained networks.
        include: patterns of the leaves that are quantized.
    """

    def __init__(self, trained: Trained, config: dict[str, Any], curves: NetworkCurves, include: Any):
        self._trained, self._curves, self._include = trained, curves, include
        self._quantize, self._seed = config["quantize"], config["seed"]
        self._scheme = integer_scheme(self._quantize) or DEFAULT_SCHEME

    def missing(self, measurements: Iterable[Measurement]) -> list[int]:
        """The bits that have no measurement yet."""
        done = {m.bits for m in measurements if m.curve == "aware"}
        return [bits for bits in self._quantize["aware_bits"] if bits not in done]

    def run(self, missing: list[int], stop: Stop) -> Iterator[Measurement]:
        """Train and measure at each of these bits.

        Raises:
            Stopped: told to stop; the bits in training are trained again by the next run.
        """
        run, from_scratch = self._trained.config, self._quantize["aware_from"] == "scratch"
        rate = self._quantize["aware_learning_rate"]
        if rate is None and not from_scratch:
            rate = run["optimizer"]["learning_rate"] / 10
        epochs = run["epochs"] if from_scratch else self._quantize["aware_epochs"]
        for bits in missing:
            tuner = Tuner(self._trained, epochs, rate, reparametrize=compress.straight_through(self._rounding(bits)))
            if from_scratch:
                start = tuner.initial(run["seed"])
            else:
                start = tuner.from_params(self._trained.params, self._trained.model_state, self._seed + bits)
            state, status = tuner.train(start, f"quantization-aware, {bits} bits", stop)
            ((measurement,),) = self._curves.measure(
                [Version(curve="aware", bits=bits, scheme=self._scheme)],
                stop=lambda: False,
                params=state.params,
                model_state=state.model_state,
            )
            yield replace(measurement, status=status)

    def _rounding(self, bits: int) -> Any:
        """params -> params, the leaves rounded."""
        scheme = parse_scheme(self._scheme)
        assert isinstance(scheme, compress.Scheme)
        return partial(
            compress.fake_quantize,
            bits=bits,
            symmetric=scheme.symmetric,
            per_channel=scheme.per_channel,
            clip=scheme.clip,
            include=self._include,
        )
