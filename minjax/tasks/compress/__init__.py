"""task=compress: curves over amounts and bits of a trained network, packed files, smaller networks; resumable."""

from __future__ import annotations

import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from minjax import records, tree
from minjax.compress import METHODS
from minjax.curves.network import NetworkCurves
from minjax.data import Split
from minjax.data.splits import stratified
from minjax.findings import compression as outcome
from minjax.records.compression import Version
from minjax.records.record import builtins
from minjax.tasks import train, workdir
from minjax.tasks.compress import plan as planning
from minjax.tasks.compress import products, settings
from minjax.tasks.compress.aware import Aware
from minjax.tasks.compress.lines import as_line
from minjax.tasks.compress.rounds import Rounds
from minjax.tasks.compress.trained import Trained, check, load
from minjax.tasks.compress.tuning import Stopped
from minjax.tasks.console import Progress, duration
from minjax.tasks.provenance import provenance
from minjax.tasks.signals import RESUMABLE, Interrupted, Stop

POINTS, RESULT = "compression.jsonl", "compression.json"
# The paper's method first.
STRUCTURED = sorted(
    (name for name, how in METHODS.items() if how.unit == "channel" and how.selection == "layer"),
    key=lambda name: name != "l1_structured",
)


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Compress the network of a finished run, or train one first; or go on; or say that it is done.

    Args:
        config: of `task="compress"`.
        directory: the work directory; None: `runs/<config name>-<the run's name, or as for training>`.
        command: as the user typed it, for the records.

    Returns:
        The exit code: 0 completed, 1 the training that comes first diverged, 75 interrupted and resumable.

    Raises:
        UserError: whatever the user got wrong.
    """
    settled = settings.settle(config)
    if directory is None:
        directory = _default_directory(settled)
        print(f"work directory: {directory}")
    if settled["run"]:
        check(Path(settled["run"]))
    workdir.check(directory, settled)
    if (directory / RESULT).exists():
        print(f"{directory}: this compression is finished: {headline(records.read_json(directory / RESULT))}")
        return 0
    settings.check_patterns(settled)
    with workdir.locked(directory):
        workdir.claim(directory, settled)
        source = Path(settled["run"]) if settled["run"] else directory / "trained"
        if not settled["run"]:
            training = config.copy_and_resolve_references()
            training.task = "train"
            if code := train.run(training, source, command):
                return code
        with Stop() as stop:
            try:
                return Compression(settled, directory, source, command, stop).run()
            except Interrupted as interruption:
                print(f"minjax: {interruption}", file=sys.stderr)
                return RESUMABLE


def _default_directory(settled: dict[str, Any]) -> Path:
    if settled["run"]:
        return Path("runs") / f"{settled['name']}-{Path(settled['run']).resolve().name}"
    return workdir.default(settled["training"] | {"name": settled["name"]})


def headline(result: dict[str, Any]) -> str:
    """One line: the dense accuracy, and how far it can be pruned and quantized."""
    text = f"dense {100 * result['dense']['accuracy']:.2f} %"
    pruned = [p for p in result["phases"] if p["curve"] == "pruning" and p["plateau_end"] is not None]
    if pruned:
        best = max(pruned, key=lambda p: p["plateau_end"])
        text += f"; {100 * best['plateau_end']:.0f} % pruned within a point ({best['method']}, batch norm {best['bn']})"
    bits = [p for p in result["phases"] if p["curve"] == "quantization" and p["plateau_end"] is not None]
    if bits:
        best = min(bits, key=lambda p: p["plateau_end"])
        text += f"; {best['plateau_end']:.0f} bits within a point ({best['scheme']}, batch norm {best['bn']})"
    return text


class Compression:
    """One run of task=compress: everything that is set up once, and the measurements."""

    def __init__(self, config: dict[str, Any], directory: Path, source: Path, command: str, stop: Stop):
        self.config, self.directory, self.stop = config, directory, stop
        self.started = time.perf_counter()
        self.trained = load(source)
        self.provenance = builtins(provenance(command))
        self.include = _include(config, self.trained)
        self.curves = self._curves()
        self.first = _first_convolution(self.curves, self.trained.params)
        self.points = planning.plan(config, self.curves.prunable, self.first, bool(self.trained.model_state))

    def _curves(self) -> NetworkCurves:
        trained, config = self.trained, self.config
        parts, asked = trained.parts, config["compress"]
        test, train_split, seed = parts.dataset.test, parts.dataset.train, config["seed"]
        if asked["limit_test"] is not None and asked["limit_test"] < len(test.labels):
            chosen = stratified(test.labels, asked["limit_test"], seed=seed, purpose="test")
            test = Split(test.images[chosen], test.labels[chosen])
        count = min(asked["calibration_images"], len(train_split.labels))
        calibration = train_split.images[stratified(train_split.labels, count, seed=seed, purpose="calibration")]
        return NetworkCurves(
            parts.model,
            trained.params,
            trained.model_state,
            parts.engine.inputs,
            test,
            calibration,
            schemes=config["quantize"]["schemes"] or ["symmetric_channel_minmax"],
            include=self.include,
            key=jax.random.key(seed),
            activation_bits=config["quantize"]["activation_bits"] is not None,
        )

    def run(self) -> int:
        """Measure what is left, write what follows from it; returns the exit code."""
        lines = self._restore()
        done = {_version(line) for line in lines if line["series"] is None}
        left = [point for point in self.points if point not in done]
        self._introduce(len(left))
        self.stop.can_save = True
        progress = Progress(len(self.points), len(self.points) - len(left), "versions")
        try:
            for batch in self.curves.measure(left, stop=self.stop):
                new = [as_line(measurement) for measurement in batch]
                records.append_jsonl(self.directory / POINTS, *new)
                lines += new
                progress.advance(len(new), status=_describe(new[-1]))
            if self.stop():
                return self._interrupted()
        finally:
            progress.close()
        try:
            self._train_again(lines)
        except Stopped:
            return self._interrupted()
        return self._complete(lines)

    def _train_again(self, lines: list[dict[str, Any]]) -> None:
        """The rounds of pruning and the quantization-aware trainings that have no line yet."""
        rounds = Rounds(self.trained, self.config, self.curves, self.include, self.directory / "rounds")
        aware = Aware(self.trained, self.config, self.curves, self.include)
        for line in chain(
            rounds.run(rounds.missing(lines), self.stop) if self.config["prune"]["series"] else (),
            aware.run(aware.missing(lines), self.stop),
        ):
            records.append_jsonl(self.directory / POINTS, line)
            lines.append(line)
            print(_describe(line), flush=True)

    def _restore(self) -> list[dict[str, Any]]:
        """The lines measured so far, each once, in a file that ends with a whole line."""
        path = self.directory / POINTS
        known: dict[Any, dict[str, Any]] = {}
        for line in records.read_jsonl(path):
            known[_version(line), line["series"], line["round"]] = line
        records.write_jsonl(path, known.values())
        return list(known.values())

    def _introduce(self, left: int) -> None:
        curves, data = self.curves, self.trained.config["data"]
        print(
            f"{self.trained.directory}: {self.trained.config['model']['name']} on {data['name']}; "
            f"{len(curves.prunable)} prunable parameters with {curves.num_prunable:,} of "
            f"{self.trained.summary['num_params']:,} weights; {left} of {len(self.points)} points to measure on "
            f"{curves.test_images:,} test images",
            flush=True,
        )

    def _interrupted(self) -> int:
        print(
            f"minjax: {self.stop.name}: every point measured so far is saved; to resume: {self.provenance['command']}",
            file=sys.stderr,
        )
        return RESUMABLE

    def _complete(self, lines: list[dict[str, Any]]) -> int:
        print("writing packed files and shrinking", flush=True)
        packed = products.packed(self.trained, self.config, self.include, self.directory)
        shrunk = products.shrunk(self.trained, self.config, self.include)
        result = self._result(lines) | {"packed": packed, "shrink": shrunk}
        result["seconds"]["total"] = time.perf_counter() - self.started
        records.write_json(self.directory / RESULT, result)
        from minjax.report import compression

        page = compression.write(self.directory)
        print(f"{headline(result)}; {duration(result['seconds']['total'])}; report: {page}")
        return 0

    def _result(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        summary, curves = self.trained.summary, self.curves
        chance = 1 / summary["num_classes"]
        inputs = self.trained.parts.dataset.image_shape[-1]
        named = ("model", "dataset", "optimizer", "num_params", "num_classes")
        return {
            "name": self.config["name"],
            **{key: summary[key] for key in named},
            "seed": self.config["seed"],
            "run": str(self.trained.directory),
            "num_prunable": curves.num_prunable,
            "chance": chance,
            "dense": outcome.dense(lines),
            "test_images": curves.test_images,
            "phases": outcome.all_phases(lines, chance),
            "first_layer": outcome.first_layer(lines, self.first, inputs, self.config["prune"]["exclude"], STRUCTURED),
            "pareto": outcome.front(lines),
            "status": "completed",
            "seconds": {
                "train": summary["seconds"]["train"],
                "evaluate": float(np.sum([line["seconds"] or 0 for line in lines])),
                "compile": curves.program.compile_seconds,
            },
            "compilations": curves.program.compilations,
            "images_per_second": curves.images_seen / curves.program.seconds if curves.program.seconds else None,
            **self.provenance,
        }


def _include(config: dict[str, Any], trained: Trained) -> Any:
    """The patterns asked for; by default the convolution kernels, or every kernel where there is no convolution."""
    if config["prune"]["include"]:
        return tuple(config["prune"]["include"])
    named = tree.leaves(trained.params)
    return None if any(tree.is_convolution(name, leaf) for name, leaf in named.items()) else ("*kernel",)


def _first_convolution(curves: NetworkCurves, params: Any) -> str | None:
    """The leaf that reads the image, where it is a prunable convolution's."""
    name = next(iter(curves.multiply_adds.kernels))
    return name if name in curves.prunable and tree.is_convolution(name, tree.leaves(params)[name]) else None


def _version(line: dict[str, Any]) -> Version:
    values = {name: line["bn" if name == "batch_norm" else name] for name in Version.__struct_fields__}
    return Version(**values | {"exclude": tuple(line["exclude"])})


def _describe(line: dict[str, Any]) -> str:
    what = [line["series"] or line["curve"], line["method"] or ""]
    what += [f"round {line['round']}"] if line["round"] is not None else []
    what += [f"{100 * line['amount']:.0f} %"] if line["amount"] is not None else []
    what += [f"{line['bits']} bits"] if line["bits"] is not None else []
    return f"{' '.join(part for part in what if part)}: accuracy {100 * line['accuracy']:.2f} %"
