"""Quantization-aware training: the weights are rounded in every step, gradients pass straight through."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from minjax import compress
from minjax.curves.network import NetworkCurves
from minjax.curves.versions import parse_scheme
from minjax.records.compression import Version
from minjax.tasks.compress.lines import as_line
from minjax.tasks.compress.plan import integer_scheme
from minjax.tasks.compress.trained import Trained
from minjax.tasks.compress.tuning import Tuner
from minjax.tasks.signals import Stop


class Aware:
    """The trainings of a configuration, one for each of `aware_bits`.

    Args:
        trained: where it starts ("trained"), or whose settings it takes ("scratch").
        config: of `settings.settle`.
        curves: to measure with.
        include: patterns of what is quantized.
    """

    def __init__(self, trained: Trained, config: dict[str, Any], curves: NetworkCurves, include: Any):
        self.trained, self.curves, self.include = trained, curves, include
        self.asked, self.seed = config["quantize"], config["seed"]
        self.scheme = integer_scheme(self.asked) or "symmetric_channel_minmax"

    def missing(self, lines: list[dict[str, Any]]) -> list[int]:
        """The bits that have no line yet."""
        done = {line["bits"] for line in lines if line["curve"] == "aware"}
        return [bits for bits in self.asked["aware_bits"] if bits not in done]

    def run(self, missing: list[int], stop: Stop) -> Iterator[dict[str, Any]]:
        """Train at each of the bits; a line of compression.jsonl for each.

        Raises:
            Stopped: `stop` said so; these bits are trained again by the next run.
        """
        how = parse_scheme(self.scheme)
        assert isinstance(how, compress.Scheme)
        for bits in missing:
            rounded = partial(
                compress.fake_quantize,
                bits=bits,
                symmetric=how.symmetric,
                per_channel=how.per_channel,
                clip=how.clip,
                include=self.include,
            )
            scratch = self.asked["aware_from"] == "scratch"
            run, rate = self.trained.config, self.asked["aware_learning_rate"]
            if rate is None and not scratch:
                rate = run["optimizer"]["learning_rate"] / 10
            epochs = run["epochs"] if scratch else self.asked["aware_epochs"]
            tuner = Tuner(self.trained, epochs, rate, transform=compress.straight_through(rounded))
            start = (
                tuner.initial(run["seed"])
                if scratch
                else tuner.from_params(self.trained.params, self.trained.model_state, self.seed + bits)
            )
            state, status = tuner.train(start, f"{bits} bits, aware", stop)
            point = Version(curve="aware", bits=bits, scheme=self.scheme)
            (lines,) = self.curves.measure(
                [point], stop=lambda: False, params=state.params, model_state=state.model_state
            )
            yield as_line(lines[0]) | {"status": status}
