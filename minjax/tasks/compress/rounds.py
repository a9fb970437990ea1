"""Pruning in rounds with training between them, and lottery tickets with their controls.

* one_shot: each amount at once from the trained network, then fine-tuning: what iterative pruning is compared with.
* iterative: prune, fine-tune, prune what is left, ... (Han et al. 2015).
* lottery: prune the trained network, put what is left back to its initial values (or those of an early epoch),
  train, prune that, ... (Frankle & Carbin 2019; Frankle et al. 2020).
* random_init: the lottery's masks with other initial values. random_mask: its initial values with as many weights
  of each layer pruned at random. Both are trained as the lottery's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minjax import compress, tree
from minjax.compress.methods import method
from minjax.curves.network import NetworkCurves
from minjax.errors import UserError
from minjax.records.compression import Version
from minjax.tasks.compress.lines import as_line
from minjax.tasks.compress.trained import Trained
from minjax.tasks.compress.tuning import Tuner, read, save
from minjax.tasks.signals import Stop
from minjax.train.state import TrainState

FINE_TUNED = ("one_shot", "iterative")
CONTROLS = ("random_init", "random_mask")


class Rounds:
    """The series of a configuration, each round saved when it is done.

    Args:
        trained: where it starts.
        config: of `settings.settle`.
        curves: to measure with.
        include: patterns of what is pruned.
        folder: for the saved rounds.
    """

    def __init__(self, trained: Trained, config: dict[str, Any], curves: NetworkCurves, include: Any, folder: Path):
        self.trained, self.curves, self.folder, self.include = trained, curves, folder, include
        self.asked, self.seed = config["prune"], config["seed"]
        count, amount = self.asked["rounds"], self.asked["round_amount"]
        group = method(self.asked["round_method"]).group
        self.amounts = [1 - group[0] / group[1]] if group else compress.rounds(self.asked["schedule"], amount, count)
        self.hold = tree.select(trained.params, include, tuple(self.asked["exclude"]))
        self._tuners: dict[bool, Tuner] = {}
        self._stop = Stop()
        if self.asked["rewind_epoch"] >= trained.config["epochs"]:
            raise UserError(
                f"prune.rewind_epoch is {self.asked['rewind_epoch']}; the run has {trained.config['epochs']} epochs, "
                "so it must be less"
            )

    def missing(self, lines: list[dict[str, Any]]) -> list[tuple[str, int]]:
        """The rounds (from 1) of each series that have no line yet, in the order in which they are trained."""
        done = {(line["series"], line["round"]) for line in lines if line["curve"] == "rounds"}
        series = list(self.asked["series"])
        if any(name in CONTROLS for name in series) and "lottery" not in series:
            series.append("lottery")  # its masks are theirs
        series.sort(key=("one_shot", "iterative", "lottery", *CONTROLS).index)
        wanted = [(name, number) for name in series for number in range(1, len(self.amounts) + 1)]
        return [round_ for round_ in wanted if round_ not in done]

    def run(self, missing: list[tuple[str, int]], stop: Stop) -> Iterator[dict[str, Any]]:
        """Train the missing rounds; a line of compression.jsonl for each, given when its state is saved.

        Raises:
            Stopped: `stop` said so; the round is trained again by the next run.
        """
        self._stop = stop
        for series, number in missing:
            masks, start = self._start(series, number)
            tuner = self._tuner(series)
            amount = self.amounts[number - 1]
            label = f"{series} {number}/{len(self.amounts)}, {100 * amount:.1f} % pruned"
            first = 1 if series in FINE_TUNED else self.asked["rewind_epoch"] + 1
            state, status = tuner.train(tuner.masked(start, masks), label, stop, first=first)
            ended = {"params": state.params, "model_state": state.model_state, "masks": masks}
            save(self._path(series, number), ended)
            yield self._line(series, number, ended, stop) | {"status": status}
            if number > 1 and series != "lottery":
                self._path(series, number - 1).unlink(missing_ok=True)

    def _path(self, series: str, number: int) -> Path:
        return self.folder / f"{series}-{number}.npz"

    def _read(self, series: str, number: int) -> dict[str, Any]:
        kept = jax.tree.map(lambda x: np.ones(np.shape(x), bool), self.trained.params)
        like = {"params": self.trained.params, "model_state": self.trained.model_state, "masks": kept}
        return read(self._path(series, number), like)

    def _start(self, series: str, number: int) -> tuple[Any, TrainState]:
        """The masks of the round, and the state that it trains from."""
        before = None
        if number > 1 and series in ("iterative", "lottery"):
            before = self._read(series, number - 1)
        params = self.trained.params if before is None else before["params"]
        tuner = self._tuner(series)
        if series in FINE_TUNED:
            masks = self._masks(params, number, None if before is None else before["masks"])
            model_state = self.trained.model_state if before is None else before["model_state"]
            return masks, tuner.from_params(params, model_state, self.seed + number)
        if series == "lottery":
            masks = self._masks(params, number, None if before is None else before["masks"])
            return masks, self._rewound(tuner, self.trained.config["seed"])
        ticket = self._read("lottery", number)["masks"]
        if series == "random_init":
            return ticket, self._rewound(tuner, self.seed + 1000)
        return self._shuffled(ticket), self._rewound(tuner, self.trained.config["seed"])

    def _masks(self, params: Any, number: int, within: Any) -> Any:
        group = method(self.asked["round_method"]).group
        masks = compress.masks(
            params,
            self.asked["round_method"],
            None if group else self.amounts[number - 1],
            key=jax.random.key(self.seed + number),
            include=self.include,
            exclude=self.asked["exclude"],
            within=within,
        )
        return jax.device_get(masks)

    def _shuffled(self, masks: Any) -> Any:
        """As many weights of each leaf pruned, but at random."""
        ranks = compress.ranks(
            self.trained.params,
            "random",
            key=jax.random.key(self.seed + 2000),
            include=self.include,
            exclude=self.asked["exclude"],
        )

        def shuffle(path: Any, mask: np.ndarray) -> np.ndarray:
            order = ranks.get(tree.path_name(path))
            return mask if order is None else np.asarray(order) >= np.count_nonzero(~mask)

        return jax.tree_util.tree_map_with_path(shuffle, masks)

    def _rewound(self, tuner: Tuner, seed: int) -> TrainState:
        """The initial state of a seed, or that after `rewind_epoch` epochs of dense training, optimizer included."""
        epoch, path = self.asked["rewind_epoch"], self.folder / f"dense-{seed}.npz"
        start = tuner.initial(seed)
        if not epoch:
            return start
        if not path.exists():
            state, _ = tuner.train(start, f"to the epoch of rewinding, {epoch}", self._stop, last=epoch)
            save(path, state)
        return read(path, start)

    def _tuner(self, series: str) -> Tuner:
        fine = series in FINE_TUNED
        if fine not in self._tuners:
            config, rate = self.trained.config, self.asked["learning_rate"]
            if fine:
                rate = config["optimizer"]["learning_rate"] / 10 if rate is None else rate
                self._tuners[fine] = Tuner(self.trained, self.asked["epochs"], rate, self.hold)
            else:
                self._tuners[fine] = Tuner(self.trained, config["epochs"], None, self.hold)
        return self._tuners[fine]

    def _line(self, series: str, number: int, ended: dict[str, Any], stop: Stop) -> dict[str, Any]:
        (lines,) = self.curves.measure([Version(curve="rounds")], stop=lambda: False, **ended)
        place = {"method": self.asked["round_method"], "amount": self.amounts[number - 1], "series": series}
        return as_line(lines[0]) | place | {"exclude": list(self.asked["exclude"]), "round": number}
