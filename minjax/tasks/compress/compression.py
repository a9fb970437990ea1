"""One compression: find the recommended file, measure the curves that are asked for, write files, conclude."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import jax
from msgspec.structs import asdict, replace

from minjax import tree
from minjax.compress import METHODS
from minjax.curves.network import NetworkCurves
from minjax.data.splits import stratified
from minjax.findings import compression as findings
from minjax.findings.recommendation import answer
from minjax.findings.words import duration, plural
from minjax.interruption import RESUMABLE
from minjax.records.compression import (
    MEASUREMENTS,
    SUMMARY,
    CompressionSeconds,
    CompressionSummary,
    Dense,
    Measurement,
    Version,
    read_measurements,
)
from minjax.records.record import append, write, write_lines
from minjax.tasks.compress import products, shrunk
from minjax.tasks.compress.aware import Aware
from minjax.tasks.compress.judging import Judge
from minjax.tasks.compress.networks import Networks
from minjax.tasks.compress.plan import DEFAULT_SCHEME, plan
from minjax.tasks.compress.recommending import Recommending
from minjax.tasks.compress.rounds import Rounds
from minjax.tasks.compress.trained import Trained, load
from minjax.tasks.compress.tuning import Stopped
from minjax.tasks.console import Progress
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
        self.networks = Networks(self.trained, config, self.include, directory / "retrained")
        self.judge = Judge(self.trained, config["compress"]["metric"])
        self.recommending = None
        if config["compress"]["recommend"]:
            self.recommending = Recommending(self.networks, self.judge, config, directory)
        self.first = _first_convolution(self.networks)
        self.versions = plan(config, self.networks.prunable, self.first, bool(self.trained.model_state))
        trains = bool(config["prune"]["series"] or config["quantize"]["aware_bits"])
        if self.recommending is not None and len(self.versions) == 1 and not trains:
            self.versions, self.curves = [], self.recommending.curves  # there are no curves on the test split
        else:
            self.curves = _curves(config, self.trained, self.networks)
        self.measurements = read_measurements(directory)  # grows until all is measured

    def run(self) -> int:
        """Measure whatever has not been measured yet, and write what follows; returns the exit code."""
        write_lines(self.directory / MEASUREMENTS, self.measurements)  # without a half-written line
        self.stop.save_first()
        try:
            if self.recommending is not None:
                self._introduce()
                self.recommending.run(self.measurements, self._record, self.stop)
            if self.versions:
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
        self._finish(self._summary())
        return 0

    def add_files(self, summary: CompressionSummary) -> None:
        """Write the files that a finished compression lacks, from what it has measured."""
        if self.recommending is not None and products.gone(self.directory, summary):
            choice, recommended, runner_up = self.recommending.conclude(self.measurements)
            summary = replace(summary, choice=choice, recommended=recommended, runner_up=runner_up)
        written = {file.file for file in summary.packed}
        missing = {f: v for f, v in self._wanted().items() if f not in written or not (self.directory / f).exists()}
        packed = [file for file in summary.packed if file.file not in missing]
        packed += [products.write(self.networks, self.judge, v, self.directory, f) for f, v in missing.items()]
        self._finish(replace(summary, packed=packed))

    def _wanted(self) -> dict[str, Version]:
        return products.wanted(self.networks, self.config, self.measurements)

    def _finish(self, summary: CompressionSummary) -> None:
        """Write the result and its page, and say what it is."""
        outdate(self.directory)
        write(self.directory / SUMMARY, summary)
        from minjax.report import compression  # imports matplotlib

        page = compression.write(self.directory)
        for line in conclusion(summary, self.directory):
            print(line)
        print(f"{duration(summary.seconds.total)}; report: {page}", flush=True)

    def _measure_curves(self) -> None:
        """Measure the versions of the plan.

        Raises:
            Stopped: told to stop.
        """
        done = {m.version for m in self.measurements if m.series is None}
        missing = [version for version in self.versions if version not in done]
        print(
            f"curves: {len(missing)} of {plural(len(self.versions), 'version')} to measure on "
            f"{self.curves.test_images:,} test images",
            flush=True,
        )
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

    def _introduce(self) -> None:
        networks, run = self.networks, self.trained.config
        print(
            f"{self.trained.directory}: {run['model']['name']} on {run['data']['name']}; {networks.num_prunable:,} of "
            f"{self.trained.summary.num_params:,} parameters, in {len(networks.prunable)} arrays, can be pruned",
            flush=True,
        )

    def _dense(self) -> Dense:
        """The network before compression, on the test split."""
        if self.versions:
            return findings.dense(self.measurements)
        final, right = self.trained.summary.final, self.judge.dense("test")
        return Dense(accuracy=float(right.mean()), loss=final.test_loss if final else None)

    def _summary(self) -> CompressionSummary:
        """Write the packed files, and say what follows from everything."""
        trained, curves, measurements = self.trained, self.curves, self.measurements
        run, chance = trained.summary, trained.parts.dataset.chance()
        choice, recommended, runner_up = None, None, None
        if self.recommending is not None:
            choice, recommended, runner_up = self.recommending.conclude(measurements)
        packed = [products.write(self.networks, self.judge, v, self.directory, f) for f, v in self._wanted().items()]
        small = shrunk.write(self.networks, self.judge, self.config, self.directory, self.provenance)
        dense, used = self._dense(), {id(c): c for c in (curves, getattr(self.recommending, "curves", curves))}.values()
        return CompressionSummary(
            name=self.config["name"],
            model=run.model,
            dataset=run.dataset,
            optimizer=run.optimizer,
            num_params=run.num_params,
            num_classes=run.num_classes,
            seed=self.config["seed"],
            run=str(trained.directory),
            num_prunable=self.networks.num_prunable,
            chance=chance,
            dense=dense,
            test_images=curves.test_images if self.versions else len(trained.parts.dataset.test),
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
            shrink=small,
            choice=choice,
            recommended=recommended,
            runner_up=runner_up,
            status="completed",
            seconds=CompressionSeconds(
                train=run.seconds.train,
                evaluate=sum(m.seconds or 0.0 for m in measurements),
                compile=sum(c.program.compile_seconds for c in used),
                total=time.perf_counter() - self.started,
            ),
            compilations=sum(c.program.compilations for c in used),
            images_per_second=curves.images_seen / curves.program.seconds if curves.program.seconds else None,
            **asdict(self.provenance),
        )


def conclusion(summary: CompressionSummary, directory: Path) -> list[str]:
    """What the console says of a finished compression."""
    lines = answer(summary, str(directory))
    return lines if lines and not summary.phases else [findings.headline(summary), *lines]


def _include(config: dict[str, Any], trained: Trained) -> tuple[str, ...] | None:
    """The configured patterns; by default the convolution kernels, or all kernels if there is no convolution."""
    if config["prune"]["include"]:
        return tuple(config["prune"]["include"])
    leaves = tree.leaves(trained.params)
    return None if any(tree.is_convolution(name, leaf) for name, leaf in leaves.items()) else ("*kernel",)


def _curves(config: dict[str, Any], trained: Trained, networks: Networks) -> NetworkCurves:
    """Measures versions on the test split."""
    test, limit = trained.parts.dataset.test, config["compress"]["limit_test"]
    if limit is not None and limit < len(test):
        test = test.take(stratified(test.labels, limit, seed=config["seed"], purpose="test"))
    return NetworkCurves(
        trained.parts.model,
        trained.params,
        trained.model_state,
        trained.parts.engine.inputs,
        test,
        networks.calibration,
        schemes=config["quantize"]["schemes"] or [DEFAULT_SCHEME],
        include=networks.include,
        key=jax.random.key(config["seed"]),
        activation_bits=config["quantize"]["activation_bits"] is not None,
    )


def _first_convolution(networks: Networks) -> str | None:
    """The leaf that reads the image, if it is a prunable convolution's."""
    name, leaves = networks.first, tree.leaves(networks.trained.params)
    return name if name in networks.prunable and tree.is_convolution(name, leaves[name]) else None


def _describe(m: Measurement) -> str:
    """`pruning l1 45 %: accuracy 97.22 %`."""
    parts = [m.series or m.curve, m.method or ""]
    parts += [f"round {m.round}"] if m.round is not None else []
    parts += [f"{100 * m.amount:.0f} %"] if m.amount is not None else []
    parts += [f"{m.bits} bits"] if m.bits is not None else []
    return f"{' '.join(part for part in parts if part)}: accuracy {100 * m.accuracy:.2f} %"
