"""A run directory read back: what the figures need, checked, with one clear error for what cannot be used."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minjax import records
from minjax.errors import UserError
from minjax.report.formats import finite, printable

STATUSES = ("completed", "diverged", "interrupted")


@dataclass(frozen=True)
class Predictions:
    """What the network said of each image of the test split.

    Attributes:
        labels: int64 [N], the true class of each image.
        predicted: int64 [N], the class the network chose.
        class_names: one a class, in the order of the labels, fit to print.
    """

    labels: np.ndarray
    predicted: np.ndarray
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class RunRecord:
    """The records of one run. An absent part is empty or None; nothing is made up for it.

    Attributes:
        path: the run directory, as it was named.
        config: the resolved configuration, {} if config.json is absent.
        epochs: the lines of metrics.jsonl in the order of the epochs; of an epoch written twice, the later line.
        summary: summary.json, None while the run is unfinished.
        predictions: predictions.npz, None if absent.
    """

    path: Path
    config: dict[str, Any]
    epochs: list[dict[str, Any]]
    summary: dict[str, Any] | None
    predictions: Predictions | None

    @property
    def model(self) -> str:
        """The model's name."""
        return self._named("model")

    @property
    def optimizer(self) -> str:
        """The optimizer's name."""
        return self._named("optimizer")

    @property
    def dataset(self) -> str:
        """The data set's name as it is shown; for a folder that is the folder's own name."""
        if self.summary:
            return self._named("dataset")
        fields = self.config.get("dataset", {})
        path = fields.get("path") if self.is_folder else ""
        return printable(Path(path).name) if path else self._named("dataset")

    @property
    def is_folder(self) -> bool:
        """Whether the data came from a user's own folder."""
        return self.config.get("dataset", {}).get("name") == "folder"

    @property
    def status(self) -> str:
        """`completed`, `diverged`, `interrupted`, or `unfinished` where there is no summary yet."""
        return self.summary["status"] if self.summary else "unfinished"

    def status_text(self) -> str:
        """The status in words: with the step for a diverged run, the epochs done for one that was cut short."""
        if self.status == "completed":
            return "completed"
        if self.summary and self.status == "diverged":
            step = finite(self.summary.get("diverged_step"))
            return "diverged" if step is None else f"diverged at step {step:,.0f}"
        last = int(self.epochs[-1]["epoch"]) if self.epochs else 0
        planned = finite(self.config.get("epochs"))
        return f"{self.status} after epoch {last}" + ("" if planned is None else f" of {planned:.0f}")

    def series(self, field: str) -> tuple[list[int], list[float]]:
        """The epochs at which `field` is a finite number, and its values there."""
        pairs = [(int(line["epoch"]), finite(line.get(field))) for line in self.epochs]
        known = [(epoch, value) for epoch, value in pairs if value is not None]
        return [epoch for epoch, _ in known], [value for _, value in known]

    def number(self, *keys: str) -> float | None:
        """A number of the summary by its path, e.g. ``number("final", "test_accuracy")``; None if absent."""
        value: Any = self.summary
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return finite(value)

    def _named(self, key: str) -> str:
        if self.summary:
            return printable(self.summary[key])
        return printable(str(self.config.get(key, {}).get("name", "unknown")))


def read(run_dir: Path | str) -> RunRecord:
    """Read the records of a run.

    Raises:
        UserError: not a run directory, or a record that is corrupt; the message names the directory.
    """
    path = Path(run_dir)
    if not path.is_dir():
        raise UserError(f"{path} is not a run directory: there is no such directory")
    if not (path / "config.json").exists() and not (path / "summary.json").exists():
        raise UserError(f"{path} is not a run directory: it has neither config.json nor summary.json")
    return RunRecord(
        path=path,
        config=read_part(path, "config.json", read_config) or {},
        epochs=read_part(path, "metrics.jsonl", _metrics) or [],
        summary=read_part(path, "summary.json", _summary),
        predictions=read_part(path, "predictions.npz", _predictions),
    )


def read_part(path: Path, name: str, reader: Callable[[Path], Any]) -> Any:
    """`reader` on the file, None if there is none; whatever is wrong with it is one error that names it."""
    if not (path / name).exists():
        return None
    try:
        return reader(path / name)
    except UserError as error:
        raise UserError(f"corrupt record in {path}: {error}") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"corrupt record in {path}: {name}: {' '.join(str(error).split())}") from error


def read_config(path: Path) -> dict[str, Any]:
    """config.json, with its groups of fields checked to be such."""
    config = records.read_json(path)
    if not isinstance(config, dict):
        raise UserError(f"{path.name} is not an object")
    for room in ("dataset", "model", "optimizer"):
        if not isinstance(config.get(room, {}), dict):
            raise UserError(f"{path.name}: {room!r} is not an object")
    return config


def _metrics(path: Path) -> list[dict[str, Any]]:
    lines: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(records.read_jsonl(path), 1):
        epoch = line.get("epoch") if isinstance(line, dict) else None
        if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 1:
            raise UserError(f"{path.name}, line {number}, has no epoch (an integer from 1)")
        lines[epoch] = line
    return [lines[epoch] for epoch in sorted(lines)]


def _summary(path: Path) -> dict[str, Any]:
    summary = records.read_json(path)
    if not isinstance(summary, dict):
        raise UserError(f"{path.name} is not an object")
    for key in ("model", "dataset", "optimizer"):
        if not isinstance(summary.get(key), str) or not summary[key]:
            raise UserError(f"{path.name} has no {key!r}")
    if summary.get("status") not in STATUSES:
        raise UserError(f"{path.name}: status {summary.get('status')!r} is not one of {', '.join(STATUSES)}")
    for part in ("final", "best_validation", "max_test_accuracy"):
        values = summary.get(part)
        if values is not None and not isinstance(values, dict):
            raise UserError(f"{path.name}: {part!r} is not an object")
        for key, value in (values or {}).items():
            number = finite(value)
            if key.endswith("accuracy") and number is not None and not 0 <= number <= 1:
                raise UserError(f"{path.name}: {part}.{key} {value} is not a fraction between 0 and 1")
    if summary["status"] == "completed" and finite((summary.get("final") or {}).get("test_accuracy")) is None:
        raise UserError(f"{path.name} is of a completed run but has no final.test_accuracy")
    return summary


def _predictions(path: Path) -> Predictions:
    with np.load(path, allow_pickle=False) as arrays:
        labels, predicted, names = (np.asarray(arrays[key]) for key in ("labels", "predicted", "class_names"))
    if labels.ndim != 1 or labels.shape != predicted.shape or names.ndim != 1:
        raise UserError(f"{path.name}: labels {labels.shape}, predicted {predicted.shape}, class_names {names.shape}")
    if labels.size == 0 or not all(np.issubdtype(array.dtype, np.integer) for array in (labels, predicted)):
        raise UserError(f"{path.name}: labels and predicted must be integers, and of one image at least")
    low, high = min(labels.min(), predicted.min()), max(labels.max(), predicted.max())
    if low < 0 or high >= len(names):
        raise UserError(f"{path.name}: classes {low} to {high}, but {len(names)} class names")
    return Predictions(
        labels.astype(np.int64), predicted.astype(np.int64), tuple(printable(str(name)) for name in names)
    )
