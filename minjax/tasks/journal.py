"""What a training run leaves on the disk and says on the screen: directory, records, checkpoints, events, report.

In a run of several processes the first alone has a `Journal`; the others have a `Silence` in its place and compute.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from minjax import records
from minjax.tasks import workdir
from minjax.tasks.console import duration
from minjax.tasks.events import Events
from minjax.tasks.progress import Progress
from minjax.tasks.summary import headline
from minjax.train.checkpoint import Checkpoints, Restored


class Silence:
    """Keeps nothing and says nothing. `Journal` says what each method is told."""

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def restore(self, like: Any) -> tuple[Restored | None, list[dict[str, Any]]]:
        """Nothing, and no history."""
        return None, []

    def introduce(self, params: Any, num_params: int) -> None:
        """Nothing."""

    def resuming(self, where: str) -> None:
        """Nothing."""

    def begin(self, steps: int, done: int, batch_size: int) -> None:
        """Nothing."""

    def tick(self, epoch: int, place: int, count: int, metrics: dict[str, float]) -> None:
        """Nothing."""

    def epoch(self, line: dict[str, Any], history: list[dict[str, Any]]) -> None:
        """Nothing."""

    def save(self, tree: Any, position: dict[str, Any], accuracy: float | None, *, again: bool = True) -> None:
        """Nothing."""

    def completed(self, summary: dict[str, Any], predictions: dict[str, np.ndarray]) -> None:
        """Nothing."""

    def diverged(self, summary: dict[str, Any], epoch: int) -> None:
        """Nothing."""

    def interrupted(self, summary: dict[str, Any], signal: str, where: str) -> None:
        """Nothing."""


class Journal(Silence):
    """The directory of a run, held against other processes while it is entered.

    Args:
        directory: the work directory.
        config: resolved, with what is known of the data.
        provenance: of the records.
    """

    def __init__(self, directory: Path, config: dict[str, Any], provenance: dict[str, Any]):
        self.directory, self.config, self.provenance = directory, config, provenance
        self.started = time.perf_counter()
        self._metrics = directory / "metrics.jsonl"
        self._held = contextlib.ExitStack()
        self._progress: Progress | None = None
        self._checkpoints: Checkpoints | None = None

    @property
    def checkpoints(self) -> Checkpoints:
        """Of the run; there are none before the directory is held."""
        assert self._checkpoints is not None
        return self._checkpoints

    @property
    def progress(self) -> Progress:
        """On the screen, from `begin` on."""
        assert self._progress is not None
        return self._progress

    def __enter__(self) -> Journal:
        with contextlib.ExitStack() as stack:
            stack.enter_context(workdir.locked(self.directory))
            workdir.claim(self.directory, self.config)
            self._checkpoints = Checkpoints(self.directory / "checkpoints")
            stack.callback(self._checkpoints.close)
            self._held = stack.pop_all()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress:
            self._progress.close()
        self._held.__exit__(kind, error, trace)

    def restore(self, like: Any) -> tuple[Restored | None, list[dict[str, Any]]]:
        """The newest whole checkpoint (None: a new run) and the lines of the epochs before it, which alone are kept."""
        restored = self.checkpoints.restore(like, warn=lambda text: print(f"minjax: warning: {text}", file=sys.stderr))
        history = []
        if restored is not None:
            lines = records.read_jsonl(self._metrics)
            history = [line for line in lines if line["epoch"] < restored.position["epoch"]]
        records.write_jsonl(self._metrics, history)
        return restored, history

    def introduce(self, params: Any, num_params: int) -> None:
        """Show what a new run is made of."""
        from clu import parameter_overview

        print(parameter_overview.get_parameter_overview(params, include_stats=False))
        data, devices = self.config["data"], f"{self.provenance['device_count']} x {self.provenance['device']}"
        if self.provenance["process_count"] > 1:
            devices += f" in {self.provenance['process_count']} processes"
        sizes = ", ".join(f"{size} {name}" for name, size in data["sizes"].items())
        print(f"{self.config['model']['name']}: {num_params:,} parameters; {devices}")
        print(f"{data['name']}: {sizes} images, {data['classes']} classes; augmentation: {data['augment']}", flush=True)

    def resuming(self, where: str) -> None:
        """Say where the run goes on."""
        print(f"resuming at {where}", flush=True)

    def begin(self, steps: int, done: int, batch_size: int) -> None:
        """Training begins; of `steps` an epoch, so many of the whole run are `done`."""
        self._progress = Progress(self.config["epochs"], steps, done, batch_size)
        self.events = Events(self.directory) if self.config["tensorboard"] else None

    def tick(self, epoch: int, place: int, count: int, metrics: dict[str, float]) -> None:
        """`count` steps more are done, which brings `epoch` to step `place`."""
        self.progress.tick(epoch, place, count, metrics)

    def epoch(self, line: dict[str, Any], history: list[dict[str, Any]]) -> None:
        """An epoch is complete: `line` is its record, the last of `history`."""
        records.append_jsonl(self._metrics, line)
        self.progress.epoch(line)
        if self.events:  # a resumed run writes those of its earlier epochs again
            for record in [line] if self.events.started else history:
                self.events.write(record)

    def save(self, tree: Any, position: dict[str, Any], accuracy: float | None, *, again: bool = True) -> None:
        """Save a checkpoint in the background; one of the same step is replaced, or kept where not `again`."""
        step = int(tree["state"].step)
        if again or step not in self.checkpoints.steps():
            self.checkpoints.save(step, tree, position, accuracy)

    def completed(self, summary: dict[str, Any], predictions: dict[str, np.ndarray]) -> None:
        """The run is at its end: predictions, summary, report."""
        self.checkpoints.wait()
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **predictions)  # type: ignore[arg-type]
        records.write_bytes(self.directory / "predictions.npz", buffer.getvalue())
        self._finish(summary)
        spent = duration(time.perf_counter() - self.started)
        print(f"{headline(summary)}; {spent}; report: {self.directory}/report/index.html")

    def diverged(self, summary: dict[str, Any], epoch: int) -> None:
        """The loss is not finite at step `summary["diverged_step"]`, in `epoch`."""
        self.checkpoints.wait()
        self._finish(summary)
        kept, step = self.checkpoints.steps(), summary["diverged_step"]
        last = f"the last good checkpoint is that of step {kept[-1]}" if kept else "there is no checkpoint before it"
        print(f"minjax: diverged: the loss is not finite at step {step} (epoch {epoch}); {last}", file=sys.stderr)

    def interrupted(self, summary: dict[str, Any], signal: str, where: str) -> None:
        """A signal came; what was saved last is where the run stands."""
        self.checkpoints.wait()
        records.write_json(self.directory / "summary.json", summary)
        self.progress.close()
        command = self.provenance["command"]
        print(f"minjax: {signal}: saved {where}; to resume: {command}", file=sys.stderr)

    def _finish(self, summary: dict[str, Any]) -> None:
        from minjax.report import run as run_report

        if self.events and (problem := self.events.close()):
            print(f"minjax: warning: {problem}", file=sys.stderr)
        records.write_json(self.directory / "summary.json", summary)
        run_report.write(self.directory)
        self.progress.close()
