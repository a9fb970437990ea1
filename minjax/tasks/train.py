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
from minjax.tasks import resolve, workdir
from minjax.tasks.assembly import assemble
from minjax.tasks.console import duration
from minjax.tasks.events import Events
from minjax.tasks.progress import Progress
from minjax.tasks.provenance import provenance
from minjax.tasks.signals import RESUMABLE, Interrupted, Stop
from minjax.tasks.summary import headline, summarize
from minjax.train import state as train_state
from minjax.train.checkpoint import Checkpoints
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
    resolved = resolve.resolve(config)
    if directory is None:
        directory = workdir.default(resolved)
        print(f"work directory: {directory}")
    workdir.check(directory, resolved)
    if (code := finished(directory)) is not None:
        return code
    with Stop() as stop:
        try:
            return Training(resolved, directory, command, stop).run()
        except Interrupted as interruption:
            print(f"minjax: {interruption}", file=sys.stderr)
            return RESUMABLE


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

    def __init__(self, config: dict[str, Any], directory: Path, command: str, stop: Stop):
        self.config, self.directory, self.stop = config, directory, stop
        self.started = time.perf_counter()
        self.parts = assemble(config)
        self.engine = self.parts.engine
        self.config["data"] = self.parts.describe()
        self.provenance = provenance(command)
        self.evaluation_pace = Pace()

    # -- the run

    def run(self) -> int:
        """Claim the directory, restore or start, train to the end; returns the exit code."""
        with workdir.locked(self.directory):
            workdir.claim(self.directory, self.config)
            self.checkpoints = Checkpoints(self.directory / "checkpoints")
            self.loop, self.history = self._restore_or_start()
            self.setup_seconds = time.perf_counter() - self.started
            self.splits = {n: self.engine.place_split(s) for n, s in self.parts.splits.items() if n != "train"}
            engine, loop = self.engine, self.loop
            done = (loop.epoch - 1) * engine.steps_per_epoch + loop.done
            self.progress = Progress(self.config["epochs"], engine.steps_per_epoch, done, engine.batch_size)
            self.events = Events(self.directory) if self.config["tensorboard"] else None
            self.stop.can_save = True
            try:
                return self._epochs()
            finally:
                self.progress.close()
                self.checkpoints.close()

    def _restore_or_start(self) -> tuple[Loop, list[dict[str, Any]]]:
        metrics_file = self.directory / "metrics.jsonl"
        zero = jax.tree.map(np.asarray, Totals.zero())
        like = {"state": self.parts.like, "totals": zero}
        restored = self.checkpoints.restore(like, warn=lambda text: print(f"minjax: warning: {text}", file=sys.stderr))
        pace = Pace(self.config["steps_per_call"])
        if restored is None:
            records.write_jsonl(metrics_file, [])
            state = self.engine.place(self.parts.initial(self.config["seed"]))
            self._introduce(state)
            return Loop(self.engine, state, self.engine.place(zero), pace=pace), []
        position = restored.position
        history = [line for line in records.read_jsonl(metrics_file) if line["epoch"] < position["epoch"]]
        records.write_jsonl(metrics_file, history)  # without lines of epochs that will be taken again
        where = f"epoch {position['epoch']}, step {position['done']} of {self.engine.steps_per_epoch}"
        print(f"resuming at {where}")
        placed = self.engine.place(restored.tree)
        seconds = position["train_seconds"]
        return Loop(
            self.engine, placed["state"], placed["totals"], position["epoch"], position["done"], pace, seconds
        ), history

    def _introduce(self, state: train_state.TrainState) -> None:
        from clu import parameter_overview

        print(parameter_overview.get_parameter_overview(self.engine.fetch(state.params), include_stats=False))
        data, devices = self.config["data"], f"{self.provenance['device_count']} x {self.provenance['device']}"
        sizes = ", ".join(f"{size} {name}" for name, size in data["sizes"].items())
        print(f"{self.config['model']['name']}: {self.parts.num_params:,} parameters; {devices}")
        print(f"{data['name']}: {sizes} images, {data['classes']} classes; augmentation: {data['augment']}", flush=True)

    def _epochs(self) -> int:
        loop = self.loop
        result: dict[str, Any] | None = None
        while loop.epoch <= self.config["epochs"] and not self._stopped_early():
            tick = lambda count, metrics: self.progress.tick(loop.epoch, loop.done, count, metrics)  # noqa: E731
            try:
                complete = loop.train_epoch(self.stop, tick)
            except Diverged as divergence:
                return self._diverged(divergence.step)
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
        records.append_jsonl(self.directory / "metrics.jsonl", line)
        self.history.append(line)
        self.progress.epoch(line)
        if self.events:  # a resumed run writes those of its earlier epochs again
            for record in [line] if self.events.started else self.history:
                self.events.write(record)
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

    def _save(self, accuracy: float | None) -> None:
        loop = self.loop
        tree = self.engine.fetch({"state": loop.state, "totals": loop.totals})
        position = {"epoch": loop.epoch, "done": loop.done, "train_seconds": loop.train_seconds}
        self.checkpoints.save(int(tree["state"].step), tree, position, accuracy)

    # -- the ends

    def _complete(self, test: dict[str, Any]) -> int:
        if self.loop.done == 0 and int(self.engine.fetch(self.loop.state.step)) not in self.checkpoints.steps():
            self._save(self._selection(self.history[-1]))  # an early stop between two checkpoints
        self.checkpoints.wait()
        self._write_predictions(test["predicted"])
        self._close_events()
        summary = self._summary("completed")
        records.write_json(self.directory / "summary.json", summary)
        self._report()
        self.progress.close()
        spent = duration(time.perf_counter() - self.started)
        print(f"{headline(summary)}; {spent}; report: {self.directory}/report/index.html")
        return 0

    def _diverged(self, step: int) -> int:
        self.checkpoints.wait()
        self._close_events()
        summary = self._summary("diverged") | {"diverged_step": step}
        records.write_json(self.directory / "summary.json", summary)
        self._report()
        self.progress.close()
        kept = self.checkpoints.steps()
        last = f"the last good checkpoint is that of step {kept[-1]}" if kept else "there is no checkpoint before it"
        print(
            f"minjax: diverged: the loss is not finite at step {step} (epoch {self.loop.epoch}); {last}",
            file=sys.stderr,
        )
        return DIVERGED

    def _interrupted(self) -> int:
        loop = self.loop
        self._save(None)
        self.checkpoints.wait()
        records.write_json(self.directory / "summary.json", self._summary("interrupted"))
        self.progress.close()
        print(
            f"minjax: {self.stop.name}: saved in epoch {loop.epoch} after step {loop.done} of "
            f"{self.engine.steps_per_epoch}; to resume: {self.provenance['command']}",
            file=sys.stderr,
        )
        return RESUMABLE

    def _close_events(self) -> None:
        if self.events and (problem := self.events.close()):
            print(f"minjax: warning: {problem}", file=sys.stderr)

    def _write_predictions(self, predicted: np.ndarray) -> None:
        import io

        buffer = io.BytesIO()
        names = np.array(self.parts.dataset.class_names)
        np.savez_compressed(buffer, labels=self.parts.dataset.test.labels, predicted=predicted, class_names=names)
        records.write_bytes(self.directory / "predictions.npz", buffer.getvalue())

    def _report(self) -> None:
        from minjax.report import run as run_report

        run_report.write(self.directory)

    def _summary(self, status: str) -> dict[str, Any]:
        seconds = {"setup": self.setup_seconds, "compile": self.engine.compile_seconds}
        sizes = {"num_params": self.parts.num_params, "num_classes": self.parts.dataset.num_classes}
        return summarize(self.config, self.parts.dataset.name, self.history, sizes, seconds, status) | self.provenance
