"""One compression: measure the curves, train again where that is asked for, write files, conclude."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import jax
from msgspec.structs import asdict

from minjax import tree
from minjax.compress import METHODS
from minjax.curves.network import NetworkCurves
from minjax.data.splits import stratified
from minjax.findings import compression as findings
from minjax.interruption import RESUMABLE
from minjax.records.compression import (
    MEASUREMENTS,
    SUMMARY,
    CompressionSeconds,
    CompressionSummary,
    Measurement,
    read_measurements,
)
from minjax.records.record import append, write, write_lines
from minjax.tasks.compress import products
from minjax.tasks.compress.aware import Aware
from minjax.tasks.compress.plan import DEFAULT_SCHEME, plan
from minjax.tasks.compress.rounds import Rounds
from minjax.tasks.compress.trained import Trained, load
from minjax.tasks.compress.tuning import Stopped
from minjax.tasks.console import Progress, duration
from minjax.tasks.provenance import provenance
from minjax.tasks.report import outdate
from minjax.tasks.signals import Stop

# Methods that prune whole channels of each layer; the paper's own first.
STRUCTURED = sorted(
    (name for name, how in METHODS.items() if how.unit == "channel" and how.selection == "layer"),
    key=lambda name: name != "l1_structured",
)


class Compression:
    """Compresses the network of one run.

    Args:
        config: from `settings.settle`.
        directory: the work directory, which is locked and claimed.
        source: the directory of the run that trained the network.
        command: the command as the user typed it.
        stop: whether a signal has come.

    Raises:
        UserError: the run cannot be read, or patterns or methods do not fit its network.
    """

    def __init__(self, config: dict[str, Any], directory: Path, source: Path, command: str, stop: Stop):
        self.config, self.directory, self.stop = config, directory, stop
        self.started = time.perf_counter()
        self.provenance = provenance(command)
        self.trained = load(source)
        self.include = _include(config, self.trained)
        self.curves = _curves(config, self.trained, self.include)
        self.first = _first_convolution(self.curves, self.trained)
        self.versions = plan(config, self.curves.prunable, self.first, bool(self.trained.model_state))
        self.measurements = read_measurements(directory)  # grows until all is measured

    def run(self) -> int:
        """Measure whatever has not been measured yet, and write what follows; returns the exit code."""
        write_lines(self.directory / MEASUREMENTS, self.measurements)  # without a half-written line
        self.stop.save_first()
        try:
            self._measure_curves()
            self._train_again()
        except Stopped:
            print(
                f"minjax: {self.stop.name}: every version measured so far is saved; to resume: "
                f"{self.provenance.command}",
                file=sys.stderr,
            )
            return RESUMABLE
        self.stop.leave_at_once("packed files and the report were")
        print("writing packed files and shrinking", flush=True)
        summary = self._summary()
        outdate(self.directory)
        write(self.directory / SUMMARY, summary)
        from minjax.report import compression  # imports matplotlib

        page = compression.write(self.directory)
        print(f"{findings.headline(summary)}; {duration(summary.seconds.total)}; report: {page}")
        return 0

    def _measure_curves(self) -> None:
        """Measure the versions of the plan.

        Raises:
            Stopped: told to stop.
        """
        done = {m.version for m in self.measurements if m.series is None}
        missing = [version for version in self.versions if version not in done]
        self._introduce(len(missing))
        with Progress(len(self.versions), len(self.versions) - len(missing), "versions") as progress:
            for measured in self.curves.measure(missing, stop=self.stop):
                self._record(measured)
                progress.advance(len(measured), status=_describe(measured[-1]))
        if self.stop():
            raise Stopped

    def _train_again(self) -> None:
        """Train and measure the rounds of pruning and the quantization-aware networks.

        Raises:
            Stopped: told to stop.
        """
        rounds = Rounds(self.trained, self.config, self.curves, self.include, self.directory / "rounds")
        aware = Aware(self.trained, self.config, self.curves, self.include)
        for measurement in chain(
            rounds.run(rounds.missing(self.measurements), self.stop),
            aware.run(aware.missing(self.measurements), self.stop),
        ):
            self._record([measurement])
            print(_describe(measurement), flush=True)

    def _record(self, measured: Sequence[Measurement]) -> None:
        append(self.directory / MEASUREMENTS, *measured)
        self.measurements += measured

    def _introduce(self, missing: int) -> None:
        curves, run = self.curves, self.trained.config
        print(
            f"{self.trained.directory}: {run['model']['name']} on {run['data']['name']}; {curves.num_prunable:,} of "
            f"{self.trained.summary.num_params:,} parameters, in {len(curves.prunable)} arrays, can be pruned; "
            f"{missing} of {len(self.versions)} versions to measure on {curves.test_images:,} test images",
            flush=True,
        )

    def _summary(self) -> CompressionSummary:
        """Write the packed files, and say what follows from everything."""
        trained, curves, measurements = self.trained, self.curves, self.measurements
        run, chance = trained.summary, 1 / trained.summary.num_classes
        packed = products.packed(trained, self.config, self.include, self.directory)
        shrunk = products.shrunk(trained, self.config, self.include)
        return CompressionSummary(
            name=self.config["name"],
            model=run.model,
            dataset=run.dataset,
            optimizer=run.optimizer,
            num_params=run.num_params,
            num_classes=run.num_classes,
            seed=self.config["seed"],
            run=str(trained.directory),
            num_prunable=curves.num_prunable,
            chance=chance,
            dense=findings.dense(measurements),
            test_images=curves.test_images,
            phases=findings.curve_phases(measurements, chance),
            first_layer=findings.first_layer(
                measurements,
                self.first,
                inputs=trained.parts.dataset.image_shape[-1],
                exclude=self.config["prune"]["exclude"],
                structured=STRUCTURED,
            ),
            pareto=findings.pareto_front(measurements),
            packed=packed,
            shrink=shrunk,
            status="completed",
            seconds=CompressionSeconds(
                train=run.seconds.train,
                evaluate=sum(m.seconds or 0.0 for m in measurements),
                compile=curves.program.compile_seconds,
                total=time.perf_counter() - self.started,
            ),
            compilations=curves.program.compilations,
            images_per_second=curves.images_seen / curves.program.seconds if curves.program.seconds else None,
            **asdict(self.provenance),
        )


def _include(config: dict[str, Any], trained: Trained) -> tuple[str, ...] | None:
    """The configured patterns; by default the convolution kernels, or all kernels if there is no convolution."""
    if config["prune"]["include"]:
        return tuple(config["prune"]["include"])
    leaves = tree.leaves(trained.params)
    return None if any(tree.is_convolution(name, leaf) for name, leaf in leaves.items()) else ("*kernel",)


def _curves(config: dict[str, Any], trained: Trained, include: tuple[str, ...] | None) -> NetworkCurves:
    parts, asked, seed = trained.parts, config["compress"], config["seed"]
    test, train = parts.dataset.test, parts.dataset.train
    if asked["limit_test"] is not None and asked["limit_test"] < len(test):
        test = test.take(stratified(test.labels, asked["limit_test"], seed=seed, purpose="test"))
    images = min(asked["calibration_images"], len(train))
    calibration = train.take(stratified(train.labels, images, seed=seed, purpose="calibration")).images
    return NetworkCurves(
        parts.model,
        trained.params,
        trained.model_state,
        parts.engine.inputs,
        test,
        calibration,
        schemes=config["quantize"]["schemes"] or [DEFAULT_SCHEME],
        include=include,
        key=jax.random.key(seed),
        activation_bits=config["quantize"]["activation_bits"] is not None,
    )


def _first_convolution(curves: NetworkCurves, trained: Trained) -> str | None:
    """The leaf that reads the image, if it is a prunable convolution's."""
    name = next(iter(curves.multiply_adds.kernels))
    return name if name in curves.prunable and tree.is_convolution(name, tree.leaves(trained.params)[name]) else None


def _describe(m: Measurement) -> str:
    """`pruning l1 45 %: accuracy 97.22 %`."""
    parts = [m.series or m.curve, m.method or ""]
    parts += [f"round {m.round}"] if m.round is not None else []
    parts += [f"{100 * m.amount:.0f} %"] if m.amount is not None else []
    parts += [f"{m.bits} bits"] if m.bits is not None else []
    return f"{' '.join(part for part in parts if part)}: accuracy {100 * m.accuracy:.2f} %"
