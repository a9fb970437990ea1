"""task=train: data, model and optimizer by name; epochs; records, checkpoints, report; resumable at any moment."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from ml_collections import ConfigDict

from minjax.config import roles
from minjax.config.resolving import resolve
from minjax.data import Split
from minjax.deploy import sheet
from minjax.errors import UserError
from minjax.interruption import RESUMABLE
from minjax.processes import joining
from minjax.processes.hosts import Hosts
from minjax.records.record import builtins
from minjax.records.run import DataSheet, Epoch, Predictions, RunSummary, read_summary
from minjax.tasks import report, samples, workdir
from minjax.tasks.assembly import assemble
from minjax.tasks.provenance import provenance
from minjax.tasks.signals import Stop
from minjax.tasks.summary import headline, summarize
from minjax.tasks.writer import RunWriter
from minjax.train.epoch import Totals
from minjax.train.loop import Diverged, Loop
from minjax.train.metadata import Position
from minjax.train.pace import Pace

DIVERGED = 1  # exit code


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Train, resume, or say that the run is finished.

    Args:
        config: as the flags give it, with `task="train"`.
        directory: the work directory; None: `runs/<config name>-<dataset>-<optimizer>-s<seed>`.
        command: as the user typed it, for the records.

    Returns:
        The exit code: 0 completed, 1 diverged, 75 interrupted and resumable.

    Raises:
        UserError: a mistake in what was asked for; nothing has been written then.
        Interrupted: a signal came while there was nothing to save, or twice.
    """
    hosts = joining.current()
    resolved = resolve(config)
    check_agreement(hosts, resolved)
    target = workdir.default(resolved) if directory is None else directory
    if directory is None and hosts.first:
        print(f"work directory: {target}")
    if (code := hosts.on_first(lambda: _check_directory(target, resolved))) is not None:
        return code
    with Stop(hosts) as stop:
        return hosts.finish(Training(resolved, target, command, stop, hosts).run())


def run_within(config: dict[str, Any], directory: Path, command: str, stop: Stop) -> int:
    """Train, resume, or say that the run is finished, as a part of another task in this process.

    Args:
        config: as resolved.
        directory: the run's.
        command: the one that does the same on its own, for the records.
        stop: of the other task, which goes on after this.

    Returns:
        As `run`.

    Raises:
        UserError: as `run`.
    """
    if (code := _check_directory(directory, config)) is None:
        code = Training(config, directory, command, stop, joining.current()).run()
        stop.save_first()
    return code


def check_agreement(hosts: Hosts, config: dict[str, Any]) -> None:
    """See that every process of the run has the same configuration.

    Raises:
        UserError: one differs; names the fields and both values.
    """
    words = ("process 0 has", f"process {hosts.index} has")
    lines = roles.differences(hosts.broadcast(config), config, roles=roles.SHARED, words=words)
    for found in hosts.all_gather(lines):
        if found:
            raise UserError(f"the processes of this run differ: {'; '.join(found)}")


def _check_directory(directory: Path, config: dict[str, Any]) -> int | None:
    workdir.check(directory, config)
    return None if workdir.extends(directory, config) else finished(directory)


def finished(directory: Path) -> int | None:
    """The exit code of a run that is over, after saying so; None while there is something left to train.

    Its report is written if that was interrupted.
    """
    summary = read_summary(directory)
    if summary is None or summary.status == "interrupted":
        return None
    report.write_missing(directory)
    if summary.status == "diverged":
        print(f"{directory}: this run diverged at step {summary.diverged_step}; use another --workdir for a new one")
        return DIVERGED
    print(f"{directory}: this run is finished: {headline(summary)}; report: {directory / report.PAGE}")
    return 0


class Training:
    """A training run. Every process computes; the first alone has a writer."""

    def __init__(self, config: dict[str, Any], directory: Path, command: str, stop: Stop, hosts: Hosts):
        self.started = time.perf_counter()
        self.stop, self.hosts = stop, hosts
        self.parts = assemble(config)
        self.engine = self.parts.engine
        self.config = config | {"data": self.parts.describe()}
        check_agreement(hosts, self.config)  # now with the data
        self.provenance = provenance(command, devices=len(self.engine.devices), processes=hosts.count)
        self.writer = (
            RunWriter(directory, self.config, self.provenance, self.engine.steps_per_epoch) if hosts.first else None
        )
        self.evaluation_pace = Pace(agree=hosts.broadcast)
        self.evaluate_seconds = 0.0
        self.history: list[Epoch] = []

    def run(self) -> int:
        """Restore or start, and train to the end; returns the exit code."""
        with self.writer or contextlib.nullcontext():
            self.loop = self._restore_or_start()
            self.setup_seconds = time.perf_counter() - self.started
            self.splits = {n: self.engine.place_split(s) for n, s in self.parts.splits.items() if n != "train"}
            if self.writer:
                self.writer.start(self.loop.position)
            self.stop.save_first()
            try:
                return self._train()
            except Diverged as divergence:
                self.stop.leave_at_once("result and report were")
                if self.writer:
                    self.writer.diverge(self._summary("diverged", divergence.step))
                return DIVERGED

    def _restore_or_start(self) -> Loop:
        """The loop where the newest checkpoint left it, or at the beginning, on the devices of every process."""
        zero = jax.tree.map(np.asarray, Totals.zero())
        restored, found = None, None
        if self.writer:
            restored, history = self.writer.restore({"state": self.parts.like, "totals": zero})
            found = (builtins(restored.position), [builtins(line) for line in history]) if restored else None
        found = self.hosts.broadcast(found)
        if restored:
            tree = restored.tree
        else:  # a new run, or the first process has read the checkpoint
            tree = {"state": jax.device_get(self.parts.initial(self.config["seed"])), "totals": zero}
        placed = self.engine.place(self.hosts.broadcast_arrays(tree))
        position = Position()
        if found:
            position, self.history = Position(**found[0]), [Epoch(**line) for line in found[1]]
        elif self.writer:
            self.writer.introduce(tree["state"].params, self.parts.num_params)
        pace = Pace(self.config["steps_per_call"], agree=self.hosts.broadcast)
        return Loop(self.engine, placed["state"], placed["totals"], pace=pace, **builtins(position))

    def _train(self) -> int:
        loop = self.loop
        results: dict[str, dict[str, Any]] | None = None
        while loop.epoch <= self.config["epochs"] and not self._stopped_early():
            complete = loop.train_epoch(self.stop, self._show)
            results = self._evaluate(self.splits) if complete else None
            if results is None:
                return self._interrupt()
            self._end_epoch(results)
        if results is None:  # resumed after the last epoch
            results = self._evaluate({"test": self.splits["test"]})
            if results is None:
                return self._interrupt()
        return self._complete(results["test"])

    def _show(self, count: int, metrics: dict[str, float]) -> None:
        if self.writer:
            self.writer.advance(count, self.loop.position, metrics)

    def _evaluate(self, splits: dict[str, Split]) -> dict[str, dict[str, Any]] | None:
        """The results by split; None when told to stop meanwhile."""
        before, started = self.engine.compile_seconds, time.perf_counter()
        results = {}
        for name, split in splits.items():
            result = self.engine.evaluate(self.loop.state, split, pace=self.evaluation_pace, stop=self.stop)
            if result is None:
                return None
            results[name] = result
        self.evaluate_seconds = time.perf_counter() - started - (self.engine.compile_seconds - before)
        return results

    def _end_epoch(self, results: dict[str, dict[str, Any]]) -> None:
        """Record the epoch, go on to the next one, and save when it is time to, or this is the best epoch."""
        loop = self.loop
        line = self._record(results)
        self.history.append(line)
        if self.writer:
            self.writer.epoch(self.history)
        best = _selection(line) >= max(map(_selection, self.history))
        loop.next_epoch()
        if line.epoch % self.config["checkpoint_every"] == 0 or line.epoch == self.config["epochs"] or best:
            self._save(_selection(line))

    def _record(self, results: dict[str, dict[str, Any]]) -> Epoch:
        loop, engine = self.loop, self.engine
        step = int(np.asarray(engine.fetch(loop.state.step)))
        train, test, validation = loop.metrics(), results["test"], results.get("validation")
        images = engine.full_steps * engine.batch_size + engine.tail
        return Epoch(
            epoch=loop.epoch,
            step=step,
            train_loss=train["loss"],
            train_accuracy=train["accuracy"],
            validation_loss=_finite(validation["loss"]) if validation else None,
            validation_accuracy=validation["accuracy"] if validation else None,
            test_loss=_finite(test["loss"]),
            test_accuracy=test["accuracy"],
            learning_rate=float(self.parts.schedule(step - 1)),
            seconds=loop.train_seconds,
            evaluate_seconds=self.evaluate_seconds,
            images_per_second=images / loop.train_seconds,
        )

    def _stopped_early(self) -> bool:
        patience = self.config["early_stop"]
        if not patience or not self.history:
            return False
        return len(self.history) - 1 - int(np.argmax([_selection(line) for line in self.history])) >= patience

    def _save(self, accuracy: float | None, *, replace: bool = True) -> None:
        if self.writer:
            tree = self.engine.fetch({"state": self.loop.state, "totals": self.loop.totals})
            self.writer.save(tree, self.loop.position, accuracy, self.history, replace=replace)

    # -- the ends

    def _complete(self, result: dict[str, Any]) -> int:
        if self.loop.done == 0:
            self._save(_selection(self.history[-1]), replace=False)  # an early stop between two checkpoints
        self.stop.leave_at_once("result and report were")
        if self.writer:
            dataset = self.parts.dataset
            labels, names = np.asarray(dataset.test.labels), tuple(dataset.class_names)
            predictions = Predictions(labels, result["predicted"], names, result["confidence"])
            shown = samples.of_run(dataset, predictions, self.engine.inputs, self.config["seed"])
            self.writer.complete(self._summary("completed"), predictions, shown)
        return 0

    def _interrupt(self) -> int:
        self._save(None)
        if self.writer:
            self.writer.interrupt(self._summary("interrupted"), str(self.stop.name))
        return RESUMABLE

    def _summary(
        self, status: Literal["completed", "diverged", "interrupted"], diverged_step: int | None = None
    ) -> RunSummary:
        return summarize(
            self.config,
            self.history,
            self.provenance,
            num_params=self.parts.num_params,
            setup_seconds=self.setup_seconds,
            compile_seconds=self.engine.compile_seconds,
            status=status,
            diverged_step=diverged_step,
            sheet=self._sheet() if status == "completed" else None,
        )

    def _sheet(self) -> DataSheet:
        like = self.parts.like
        shapes = {"params": like.params, **like.model_state}
        model = self.parts.model.clone(axis_name=None)  # no layer is to wait for other devices
        return sheet.of_shapes(model, shapes, self.parts.dataset.image_shape)


def _selection(line: Epoch) -> float:
    """What the best epoch is chosen by: validation accuracy where there is a validation split."""
    return line.test_accuracy if line.validation_accuracy is None else line.validation_accuracy


def _finite(loss: float) -> float | None:
    return loss if np.isfinite(loss) else None  # JSON has no infinity
