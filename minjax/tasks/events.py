"""TensorBoard events, made from the records of epochs by clu in a thread of its own.

clu's writers import TensorFlow, which takes seconds: the thread imports it while the device trains.
"""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path

from msgspec.structs import asdict

from minjax.records.run import Epoch

NOT_METRICS = ("epoch", "step", "population")


class Events:
    """Writes event files into a work directory. Nothing is imported before the first record arrives.

    Args:
        workdir: where the event files go. Those of an earlier part of the run are replaced: metrics.jsonl has it all.

    Attributes:
        problem: what went wrong, or None.
    """

    def __init__(self, workdir: Path):
        self._workdir = workdir
        self._queue: queue.SimpleQueue[Epoch | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.problem: str | None = None

    @property
    def started(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None

    def write(self, epochs: list[Epoch]) -> None:
        """Hand over the records of epochs."""
        for record in epochs:
            self._queue.put(record)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="events", daemon=True)
            self._thread.start()

    def close(self) -> str | None:
        """Wait until everything is on the disk; returns what went wrong, or None."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        return self.problem

    def _work(self) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its greetings are not the user's business
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # nor the one about these; nothing is computed with it
        try:
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TensorFlow's own
                from clu import metric_writers
        except ImportError as error:
            self.problem = f"no TensorBoard events were written: {error} (--config.tensorboard=False turns them off)"
            return
        try:
            for old in self._workdir.glob("events.out.tfevents.*"):
                old.unlink()
            writer = metric_writers.SummaryWriter(str(self._workdir))
            while (record := self._queue.get()) is not None:
                values = asdict(record).items()
                scalars = {name: value for name, value in values if name not in NOT_METRICS and value is not None}
                writer.write_scalars(record.step, scalars)
                writer.flush()
            writer.close()
        except OSError as error:
            self.problem = f"TensorBoard events are incomplete: {error}"
