"""task=train: data, model and optimizer by name; epochs; records, checkpoints, report; resumable at any moment."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from minjax import records
from minjax.errors import UserError
from minjax.processes import joining
from minjax.processes.hosts import Hosts
from minjax.tasks import resolve, workdir
from minjax.tasks.assembly import assemble
from minjax.tasks.journal import Journal, Silence
from minjax.tasks.provenance import provenance
from minjax.tasks.signals import RESUMABLE, Interrupted, Stop
from minjax.tasks.summary import headline, summarize
from minjax.train.epoch import Totals
from minjax.train.loop import Diverged, Loop
from minjax.train.pace import Pace

DIVERGED = 1  # exit code


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Train, or go on training, or say that it is done.

    Args:
        config: of `task="train"`.
        directory: the work directory; None: `runs/<config name>-<dataset>-<optimizer>-s<seed>`.
        command: as the user typed it, for the records.

    Returns:
        The exit code: 0 completed, 1 diverged, 75 interrupted and resumable.

    Raises:
        UserError: whatever the user got wrong; nothing has been written then.
    """
    hosts = joining.current()
    resolved = resolve.resolve(config)
    check_same(hosts, resolved)
    place = workdir.default(resolved) if directory is None else directory
    if (code := hosts.on_first(lambda: _look(place, resolved, announce=directory is None))) is not None:
        return code
    with Stop(hosts) as stop:
        try:
            return hosts.end(Training(resolved, place, command, stop, hosts).run())
        except Interrupted as interruption:
            print(f"minjax: {interruption}", file=sys.stderr)
            hosts.leave(RESUMABLE, str(interruption))
            return RESUMABLE


def check_same(hosts: Hosts, config: dict[str, Any]) -> None:
    """See that all processes of the run were asked for the same.

    Raises:
        UserError: they were not; the difference is named.
    """
    words = ("process 0 has", f"process {hosts.index} has")
    lines = workdir.differences(hosts.from_first(config), config, operational=(), words=words)
    for found in hosts.gather(lines):
        if found:
            raise UserError(f"the processes of this run differ: {'; '.join(found)}")


def _look(directory: Path, config: dict[str, Any], announce: bool) -> int | None:
    if announce:
        print(f"work directory: {directory}")
    workdir.check(directory, config)
    return finished(directory)


def finished(directory: Path) -> int | None:
    """The exit code of a run that is over, after saying so; None for one that is not."""
    if not (directory / "summary.json").exists():
        return None
    summary = records.read_json(directory / "summary.json")
    if summary["status"] == "interrupted":
        return None
    if summary["status"] == "diverged":
        print(f"{directory}: this run diverged at step {summary['diverged_step']}; another --workdir starts a new one")
        return DIVERGED
    print(f"{directory}: this run is finished: {headline(summary)}")
    return 0


class Training:
    """One run: everything that is set up once, and the epochs."""

    def __init__(self, config: dict[str, Any], directory: Path, command: str, stop: Stop, hosts: Hosts):
        self.config, self.stop, self.hosts = config, stop, hosts
        self.started = time.perf_counter()
        self.parts = assemble(config)
        self.engine = self.parts.engine
        self.config["data"] = self.parts.describe()
        check_same(hosts, self.config)  # the data too
        counts = {"device_count": len(self.engine.devices), "process_count": hosts.count}
        self.provenance = provenance(command) | counts
        self.journal = Journal(directory, self.config, self.provenance) if hosts.first else Silence()
        self.evaluation_pace = Pace(agree=hosts.from_first)

    # -- the run

    def run(self) -> int:
        """Claim the directory, restore or start, train to the end; returns the exit code."""
        with self.journal:
            self.loop, self.history = self._restore_or_start()
            self.setup_seconds = time.perf_counter() - self.started
            self.splits = {n: self.engine.place_split(s) for n, s in self.parts.splits.items() if n != "train"}
            engine, loop = self.engine, self.loop
            done = (loop.epoch - 1) * engine.steps_per_epoch + loop.done
            self.journal.begin(engine.steps_per_epoch, done, engine.batch_size)
            self.stop.can_save = True
            return self._epochs()

    def _restore_or_start(self) -> tuple[Loop, list[dict[str, Any]]]:
        zero = jax.tree.map(np.asarray, Totals.zero())
        restored, lines = self.journal.restore({"state": self.parts.like, "totals": zero})
        found = (restored.position, lines) if restored is not None else None
        position, history = self.hosts.from_first(found) or (None, [])
        tree = restored.tree if restored is not None else None
        if tree is None:  # a new run, or another process has read the checkpoint
            tree = {"state": jax.device_get(self.parts.initial(self.config["seed"])), "totals": zero}
        placed = self.engine.place(self.hosts.share(tree))
        loop = Loop(self.engine, placed["state"], placed["totals"])
        loop.pace = Pace(self.config["steps_per_call"], agree=self.hosts.from_first)
        if position is None:
            self.journal.introduce(tree["state"].params, self.parts.num_params)
        else:
            loop.epoch, loop.done, loop.train_seconds = (position[k] for k in ("epoch", "done", "train_seconds"))
            self.journal.resuming(f"epoch {loop.epoch}, step {loop.done} of {self.engine.steps_per_epoch}")
        return loop, history

    def _epochs(self) -> int:
        loop = self.loop
        result: dict[str, Any] | None = None
        while loop.epoch <= self.config["epochs"] and not self._stopped_early():
            tick = lambda count, metrics: self.journal.tick(loop.epoch, loop.done, count, metrics)  # noqa: E731
            try:
                complete = loop.train_epoch(self.stop, tick)
            except Diverged as divergence:
                self.journal.diverged(self._summary("diverged") | {"diverged_step": divergence.step}, loop.epoch)
                return DIVERGED
            result = self._evaluate() if complete else None
            if result is None:
                return self._interrupted()
            self._end_epoch(result)
        if result is None:  # resumed after the last epoch
            result = {"test": self.engine.evaluate(loop.state, self.splits["test"])}
        return self._complete(result["test"])

    def _evaluate(self) -> dict[str, Any] | None:
        """Every split's metrics; None when told to stop meanwhile."""
        before, started = self.engine.compile_seconds, time.perf_counter()
        results = {}
        for name, split in self.splits.items():
            result = self.engine.evaluate(self.loop.state, split, pace=self.evaluation_pace, stop=self.stop)
            if result is None:
                return None
            results[name] = result
        self.evaluate_seconds = time.perf_counter() - started - (self.engine.compile_seconds - before)
        return results

    def _end_epoch(self, result: dict[str, dict[str, Any]]) -> None:
        loop, engine = self.loop, self.engine
        step = int(np.asarray(engine.fetch(loop.state.step)))
        train = loop.metrics()
        line: dict[str, Any] = {
            "epoch": loop.epoch,
            "step": step,
            "train_loss": train["loss"],
            "train_accuracy": train["accuracy"],
        }
        for name in ("validation", "test"):
            if name in result:
                line |= {f"{name}_loss": result[name]["loss"], f"{name}_accuracy": result[name]["accuracy"]}
        images = engine.full_steps * engine.batch_size + engine.tail
        line |= {
            "learning_rate": float(self.parts.schedule(step - 1)),
            "seconds": loop.train_seconds,
            "evaluate_seconds": self.evaluate_seconds,
            "images_per_second": images / loop.train_seconds,
        }
        if not np.isfinite(line["test_loss"]):
            line["test_loss"] = None  # JSON has no infinity
        self.history.append(line)
        self.journal.epoch(line, self.history)
        best = self._selection(line) >= max(map(self._selection, self.history))
        epoch = loop.epoch
        loop.next_epoch()
        if epoch % self.config["checkpoint_every"] == 0 or epoch == self.config["epochs"] or best:
            self._save(self._selection(line))

    def _selection(self, line: dict[str, Any]) -> float:
        """What "the best checkpoint" is judged by: validation accuracy where there is a validation split."""
        return line["validation_accuracy" if "validation_accuracy" in line else "test_accuracy"]

    def _stopped_early(self) -> bool:
        patience = self.config["early_stop"]
        if not patience or not self.history:
            return False
        accuracies = [line["validation_accuracy"] for line in self.history]
        return len(accuracies) - 1 - int(np.argmax(accuracies)) >= patience

    def _save(self, accuracy: float | None, *, again: bool = True) -> None:
        loop = self.loop
        tree = self.engine.fetch({"state": loop.state, "totals": loop.totals})
        position = {"epoch": loop.epoch, "done": loop.done, "train_seconds": loop.train_seconds}
        self.journal.save(tree, position, accuracy, again=again)

    # -- the ends

    def _complete(self, test: dict[str, Any]) -> int:
        if self.loop.done == 0:
            self._save(self._selection(self.history[-1]), again=False)  # an early stop between two checkpoints
        dataset = self.parts.dataset
        predictions = {"labels": dataset.test.labels, "predicted": test["predicted"]}
        predictions["class_names"] = np.array(dataset.class_names)
        self.journal.completed(self._summary("completed"), predictions)
        return 0

    def _interrupted(self) -> int:
        self._save(None)
        where = f"in epoch {self.loop.epoch} after step {self.loop.done} of {self.engine.steps_per_epoch}"
        self.journal.interrupted(self._summary("interrupted"), str(self.stop.name), where)
        return RESUMABLE

    def _summary(self, status: str) -> dict[str, Any]:
        seconds = {"setup": self.setup_seconds, "compile": self.engine.compile_seconds}
        sizes = {"num_params": self.parts.num_params, "num_classes": self.parts.dataset.num_classes}
        return summarize(self.config, self.parts.dataset.name, self.history, sizes, seconds, status) | self.provenance
