"""What a table will take, before anything is trained: which cells can be, their steps, and the predicted time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from minjax import models
from minjax.errors import UserError
from minjax.findings.screen import columns
from minjax.findings.words import count, plural
from minjax.records.table import CellStatus
from minjax.studies import cost
from minjax.studies.arithmetic import Arithmetic, num_params
from minjax.tasks.assembly import read_data
from minjax.tasks.console import duration
from minjax.tasks.tables.cells import Planned
from minjax.train.engine import steps_per_epoch


@dataclasses.dataclass(frozen=True)
class Data:
    """What a plan needs to know of a data set; its images are not kept.

    Attributes:
        image_shape: height, width, channels.
        classes: how many there are.
        train, evaluated: images that are trained on, and that are evaluated after each epoch.
    """

    image_shape: tuple[int, int, int]
    classes: int
    train: int
    evaluated: int


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a cell will take, or why it cannot be trained.

    Attributes:
        status: "not_run" of a cell that can be trained, else "no_data" or "unfit".
        reason: why it cannot.
        num_params: of its network.
        steps: of the whole training.
        seconds: of the whole training, predicted.
    """

    status: CellStatus = "not_run"
    reason: str = ""
    num_params: int = 0
    steps: int = 0
    seconds: float = 0.0


class Plan:
    """A table's cells and what each will take.

    Attributes:
        asked: the table's configuration.
        cells: in the order in which they are trained.
    """

    def __init__(self, asked: dict[str, Any], cells: Sequence[Planned]):
        """Load each data set once and trace each network on it; nothing is compiled or written.

        Args:
            asked: from `settings.settle`.
            cells: from `cells.planned`.
        """
        self.asked, self.cells = asked, list(cells)
        self._machine = cost.machine()
        self._data: dict[str, Data | str] = {}  # by the fields of a data set; a text says why there is none
        self._networks: dict[str, tuple[cost.Work, int] | str] = {}
        self._forecasts = {planned.cell.directory: self._forecast(planned.config) for planned in self.cells}

    def __getitem__(self, planned: Planned) -> Forecast:
        return self._forecasts[planned.cell.directory]

    def describe(self) -> None:
        """Print the dry run: every network, data set and optimizer, with what its seeds take, and the whole."""
        rows = [("network", "data set", "optimizer", "parameters", "epochs", "batch", "steps", "predicted")]
        first = self.cells[0].cell.seed
        for planned in self.cells:
            cell, forecast = planned.cell, self[planned]
            if cell.seed != first:
                continue
            about = (cell.network, cell.dataset, cell.optimizer)
            scale = (str(cell.scale.epochs), str(cell.scale.batch_size))
            if forecast.reason:
                rows.append((*about, "", *scale, "", forecast.reason))
            else:
                rows.append((*about, count(forecast.num_params), *scale, count(forecast.steps), self._time(forecast)))
        possible = [self[planned] for planned in self.cells if not self[planned].reason]
        print("\n".join(columns(rows)))
        seeds = plural(self.asked["tables"]["seeds"], "seed")
        some = "" if len(possible) == len(self.cells) else f"; {len(possible)} of them can be trained"
        print(
            f"{plural(len(self.cells), 'run')}, {seeds} each{some}: {count(sum(one.steps for one in possible))} steps, "
            f"about {duration(sum(one.seconds for one in possible))} one after the other; times are guessed from a "
            f"matrix product at {self._machine.throughput / 1e9:.0f} GFLOP/s on this machine"
        )

    def _time(self, forecast: Forecast) -> str:
        seeds = self.asked["tables"]["seeds"]
        return duration(forecast.seconds) + (f" x {seeds}" if seeds > 1 else "")

    def _forecast(self, config: dict[str, Any]) -> Forecast:
        data = self._of_data(config)
        if isinstance(data, str):
            whole = {**config["dataset"], "validation_fraction": 0.0, "limit_train": None, "normalize": "train"}
            there = self._of_data({**config, "dataset": whole})
            return Forecast("no_data", there) if isinstance(there, str) else Forecast("unfit", data)
        network = self._of_network(config["model"], data)
        if isinstance(network, str):
            return Forecast("unfit", network)
        work, parameters = network
        batch = min(config["batch_size"], data.train)
        steps = config["epochs"] * steps_per_epoch(data.train, batch, config["drop_last"])
        kind = cost.kind(config["model"] | {"name": models.family(config["model"]["name"]).__name__.lower()})
        training = steps * self._machine.step_seconds(kind, work, batch)
        evaluating = config["epochs"] * data.evaluated * self._machine.image_seconds(kind, work)
        seconds = training + evaluating + self._machine.compile_seconds(kind)
        return Forecast("not_run", "", parameters, steps, seconds)

    def _of_data(self, config: dict[str, Any]) -> Data | str:
        key = json.dumps(config["dataset"])
        if key not in self._data:
            try:
                dataset = read_data(config)
            except UserError as error:
                self._data[key] = str(error)
            else:
                validation = 0 if dataset.validation is None else len(dataset.validation)
                self._data[key] = Data(
                    dataset.image_shape, dataset.num_classes, len(dataset.train), len(dataset.test) + validation
                )
        return self._data[key]

    def _of_network(self, model: dict[str, Any], data: Data) -> tuple[cost.Work, int] | str:
        key = json.dumps([model, data.image_shape, data.classes])
        if key not in self._networks:
            try:
                work = Arithmetic(model, data.image_shape, data.classes).own
                self._networks[key] = work, num_params(model, data.image_shape, data.classes)
            except UserError as error:
                self._networks[key] = str(error)
        return self._networks[key]
