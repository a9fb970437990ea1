"""What a table will take, before anything is trained: which cells can be, their steps, and the predicted time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from minjax import models
from minjax.errors import UserError
from minjax.findings.screen import columns
from minjax.findings.words import count, duration, plural
from minjax.records.table import CellStatus
from minjax.studies import cost
from minjax.studies.arithmetic import Arithmetic, num_params
from minjax.tasks.assembly import read_data
from minjax.tasks.tables.cells import Planned
from minjax.tasks.tables.populations import about, most, obstacle, populations
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
        together: how many seeds one program trains at most; 1: each has its own.
        obstacle: why it is 1.
    """

    status: CellStatus = "not_run"
    reason: str = ""
    num_params: int = 0
    steps: int = 0
    seconds: float = 0.0
    together: int = 1
    obstacle: str = ""


class Plan:
    """A table's cells and what each will take.

    Attributes:
        asked: the table's configuration.
        cells: in the order in which they are trained alone.
        populations: the cells in the order in which they are trained, those of one program in one entry.
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
        self._together: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._forecasts = {planned.cell.directory: self._forecast(planned) for planned in self.cells}
        self.populations = populations(self.cells, lambda planned: self[planned].together)

    def __getitem__(self, planned: Planned) -> Forecast:
        return self._forecasts[planned.cell.directory]

    def describe(self) -> None:
        """Print the dry run: every network, data set and optimizer, with what its seeds take, and the whole."""
        seeds = self.asked["tables"]["seeds"]
        header = ["network", "data set", "optimizer", "parameters", "epochs", "batch", "steps", "predicted", "seeds"]
        first = self.cells[0].cell.seed
        rows = [header, *(self._row(planned) for planned in self.cells if planned.cell.seed == first)]
        possible = [self[planned] for planned in self.cells if not self[planned].reason]
        print("\n".join(columns(rows if seeds > 1 else [row[:8] for row in rows])))
        some = "" if len(possible) == len(self.cells) else f"; {len(possible)} of them can be trained"
        print(
            f"{plural(len(self.cells), 'run')}, {plural(seeds, 'seed')} each{some}: "
            f"{count(sum(one.steps for one in possible))} steps, about "
            f"{duration(sum(one.seconds for one in possible))} one after the other; times are guessed from a matrix "
            f"product at {self._machine.throughput / 1e9:.0f} GFLOP/s on this machine"
        )

    def _row(self, planned: Planned) -> list[str]:
        """What the dry run says of the seeds of a network."""
        cell, forecast = planned.cell, self[planned]
        row = [cell.network, cell.dataset, cell.optimizer]
        scale = [str(cell.scale.epochs), str(cell.scale.batch_size)]
        if forecast.reason:
            last = ["", forecast.reason] if self.asked["tables"]["seeds"] > 1 else [forecast.reason]
            return [*row, "", *scale, "", *last]
        steps = count(forecast.steps)
        return [*row, count(forecast.num_params), *scale, steps, self._time(forecast), self._way(planned)]

    def _way(self, planned: Planned) -> str:
        """How the seeds of a network are trained, and why."""
        forecast = self[planned]
        if forecast.obstacle:
            return f"one by one: {forecast.obstacle}"
        sizes = [str(len(one)) for one in self.populations if about(one[0]) == about(planned)]
        return f"{' + '.join(sizes)} together"

    def _time(self, forecast: Forecast) -> str:
        seeds = self.asked["tables"]["seeds"]
        return duration(forecast.seconds) + (f" x {seeds}" if seeds > 1 else "")

    def _forecast(self, planned: Planned) -> Forecast:
        config = planned.config
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
        return Forecast("not_run", "", parameters, steps, seconds, *self._side_by_side(planned, data))

    def _side_by_side(self, planned: Planned, data: Data) -> tuple[int, str]:
        """How many seeds of a network one program trains, and why it is one."""
        if self.asked["tables"]["seeds"] == 1:
            return 1, ""
        key = about(planned)
        if key not in self._together:
            found = 1, obstacle(planned.config, self.asked)
            if not found[1]:
                many = most(planned.config, data.image_shape, data.classes, data.train, data.evaluated)
                found = many, "" if many > 1 else "the memory holds no two of them"
            self._together[key] = found
        return self._together[key]

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
