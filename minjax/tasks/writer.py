"""What a training run writes into its directory and shows on the screen."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from minjax import records
from minjax.errors import UserError
from minjax.findings.words import duration
from minjax.records import record
from minjax.records.run import (
    METRICS,
    PREDICTIONS,
    SUMMARY,
    Epoch,
    Predictions,
    RunSummary,
    write_predictions,
)
from minjax.records.samples import SAMPLES, Samples, write_samples
from minjax.tasks import workdir
from minjax.tasks.console import Progress, say
from minjax.tasks.events import Events
from minjax.tasks.report import outdate
from minjax.tasks.summary import headline
from minjax.train.checkpoint import Checkpoints, Restored
from minjax.train.metadata import Extent, Position

PARAMETERS, CHECKPOINTS = "parameters.txt", "checkpoints"


class RunWriter:
    """Writes a run's directory, and tells the user how the run goes. Of several processes the first alone has one.

    While it is entered, the directory is locked against other processes.

    Args:
        directory: the work directory.
        config: resolved, with the description of the data.
        provenance: what every result of the run says of its origin.
        steps_per_epoch: gradient steps in an epoch.
        label: what its lines on the screen begin with, where several runs are trained together.
    """

    def __init__(
        self,
        directory: Path,
        config: dict[str, Any],
        provenance: record.Provenance,
        steps_per_epoch: int,
        label: str = "",
    ):
        self.label = f"{label}: " if label else ""
        self.directory, self.config, self.provenance = directory, config, provenance
        self.steps_per_epoch = steps_per_epoch
        self._started = time.perf_counter()
        self._saved: Position | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> RunWriter:
        with contextlib.ExitStack() as stack:
            stack.enter_context(workdir.locked(self.directory))
            workdir.claim(self.directory, self.config)
            self.checkpoints = Checkpoints(self.directory / CHECKPOINTS)
            stack.callback(self.checkpoints.close)
            self._held = stack.pop_all()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held.__exit__(kind, error, trace)

    # -- the beginning

    def restore(self, like: Any, step: int | None = None) -> tuple[Restored | None, list[Epoch]]:
        """The newest whole checkpoint, None in a new run, and the records of the epochs before it.

        With `step` it is the checkpoint of that step, or the beginning, 0, which has none.

        metrics.jsonl becomes what the checkpoint says of these epochs, with a warning where it was anything else; the
        records of later epochs leave it: those epochs are trained again.

        Raises:
            UserError: no checkpoint can be read, or the records of some epochs are nowhere.
        """
        extent = Extent(self.config["epochs"], self.steps_per_epoch)
        warn = lambda text: _tell(f"warning: {text}")  # noqa: E731
        restored = None if step == 0 else self.checkpoints.restore(like, warn=warn, step=step, extent=extent)
        history: list[Epoch] = []
        if restored is not None:
            history = self._history(restored.history, restored.position.epoch, warn)
        record.write_lines(self.directory / METRICS, history)
        return restored, history

    def _history(self, carried: list[Epoch] | None, epoch: int, warn: Callable[[str], None]) -> list[Epoch]:
        """The records of the epochs before `epoch`: those that the checkpoint carries, or those of metrics.jsonl."""
        path, found, problem = self.directory / METRICS, list[Epoch](), ""
        try:
            found = [line for line in record.read_lines(path, Epoch) if line.epoch < epoch]
            problem = _lacking(path, [line.epoch for line in found], epoch - 1)
        except UserError as error:
            if path.is_dir():
                raise
            problem = str(error)
        if carried is None:  # a checkpoint of format 1
            if problem:
                raise UserError(
                    f"{problem}; the checkpoint, which an earlier minjax wrote, does not carry the records of its "
                    f"epochs: put {METRICS} back as it was, or use another --workdir to start over"
                )
            return found
        if found != carried:
            problem = problem or f"{path} differs from the records in the checkpoint"
            warn(f"{problem}; restored from the checkpoint, which carries the records of all {epoch - 1} epochs")
        return carried

    def introduce(self, params: Any, num_params: int, *, briefly: bool = False) -> None:
        """Say what a new run consists of; the table of its parameters goes into parameters.txt.

        Args:
            params: of its network.
            num_params: how many numbers they have.
            briefly: leave out what has been said of another run of the same training.
        """
        from clu import parameter_overview

        table = parameter_overview.get_parameter_overview(params, include_stats=False)
        records.write_text(self.directory / PARAMETERS, table + "\n")
        model = self.config["model"]["name"]
        say(f"{self.label}{model}: {num_params:,} parameters, listed in {self.directory / PARAMETERS}")
        if briefly:
            return
        data, origin = self.config["data"], self.provenance
        processes = f" in {origin.process_count} processes" if origin.process_count > 1 else ""
        sizes = ", ".join(f"{size:,} {name}" for name, size in data["sizes"].items())
        say(
            f"{data['name']}: {sizes} images, {data['classes']} classes; augmentation: {data['augment']}\n"
            f"{origin.device_count} x {origin.device}{processes}"
        )

    def start(self, position: Position, progress: Progress) -> None:
        """Say where a run goes on that is resumed; `progress` shows the steps from `position` on."""
        if position != Position():
            say(f"{self.label}resuming at epoch {position.epoch}, step {position.done} of {self.steps_per_epoch}")
        self.progress = progress
        self.events = Events(self.directory) if self.config["tensorboard"] else None

    # -- on the way

    def epoch(self, history: list[Epoch]) -> None:
        """Record an epoch, the last of `history`."""
        line = history[-1]
        record.append(self.directory / METRICS, line)
        self.progress.say(self.label + _describe(line, self.config["epochs"], self.progress.seconds_left))
        if self.events:  # a resumed run writes the events of its earlier epochs again
            self.events.write([line] if self.events.started else history)

    def save(
        self, tree: Any, position: Position, accuracy: float | None, history: list[Epoch], *, replace: bool = True
    ) -> None:
        """Save a checkpoint in the background.

        Args:
            tree: host arrays.
            position: where the run stands.
            accuracy: what the best checkpoint is chosen by; None: this one is not a candidate.
            history: the records of the epochs before.
            replace: whether a checkpoint of the same step is replaced or kept.
        """
        step = int(tree["state"].step)
        if replace or step not in self.checkpoints.steps():
            self.checkpoints.save(step, tree, position, accuracy, history)
        self._saved = position

    # -- the ends

    def complete(self, summary: RunSummary, predictions: Predictions, samples: Samples) -> None:
        """End a completed run: predictions, samples, summary, report."""
        self.checkpoints.wait()
        write_samples(self.directory / SAMPLES, samples)
        write_predictions(self.directory / PREDICTIONS, predictions)
        self._finish(summary)
        spent = duration(time.perf_counter() - self._started)
        say(f"{self.label}{headline(summary)}; {spent}; report: {self.directory}/report/index.html")

    def diverge(self, summary: RunSummary) -> None:
        """End a run whose loss is not finite at step `summary.diverged_step`."""
        self.checkpoints.wait()
        self._finish(summary)
        kept = self.checkpoints.steps()
        last = f"the last good checkpoint is from step {kept[-1]}" if kept else "no checkpoint was saved before that"
        where = f"at step {summary.diverged_step} (epoch {summary.epochs + 1})"
        _tell(f"{self.label}diverged: the loss is not finite {where}; {last}")

    def interrupt(self, summary: RunSummary, signal: str) -> None:
        """Leave a run that `signal` stopped where it was last saved."""
        self.checkpoints.wait()
        record.write(self.directory / SUMMARY, summary)
        assert self._saved is not None
        where = f"in epoch {self._saved.epoch} after step {self._saved.done} of {self.steps_per_epoch}"
        _tell(f"{self.label}{signal}: saved {where}; to resume: {summary.command}")

    def _finish(self, summary: RunSummary) -> None:
        from minjax.report import run as run_report

        if self.events and (problem := self.events.close()):
            _tell(f"warning: {problem}")
        outdate(self.directory)
        record.write(self.directory / SUMMARY, summary)
        run_report.write(self.directory)


def _lacking(path: Path, epochs: list[int], last: int) -> str:
    """What is wrong with the epochs that metrics.jsonl records, in words; empty if they are 1 to `last`, each once."""
    missing = sorted({*range(1, last + 1)} - {*epochs})
    if missing:
        which = f"epoch {missing[0]}" if len(missing) == 1 else f"{len(missing)} epochs, the first {missing[0]}"
        return f"{path} lacks {which} of {last}"
    if len(epochs) > last:
        return f"{path} records {len(epochs)} epochs where there were {last}: some are there twice"
    return "" if epochs == sorted(epochs) else f"{path} records its epochs out of order"


def _describe(line: Epoch, epochs: int, seconds_left: float) -> str:
    """The console's line for an epoch."""
    parts = [
        f"epoch {line.epoch:>{len(str(epochs))}}/{epochs}",
        f"train {_loss(line.train_loss)} {100 * line.train_accuracy:6.2f} %",
        f"test {_loss(line.test_loss)} {100 * line.test_accuracy:6.2f} %",
        f"lr {line.learning_rate:.2e}",
        f"{line.images_per_second:,.0f} images/s",
    ]
    if line.validation_accuracy is not None:
        parts.insert(2, f"validation {_loss(line.validation_loss)} {100 * line.validation_accuracy:6.2f} %")
    if seconds_left > 0:
        parts.append(f"{duration(seconds_left)} left")
    return "  ".join(parts)


def _loss(loss: float | None) -> str:
    return "infinite" if loss is None else f"{loss:.4f}"


def _tell(text: str) -> None:
    print(f"minjax: {text}", file=sys.stderr)
