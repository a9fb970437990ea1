"""Pruning in rounds with training between them, and lottery tickets with their controls.

* one_shot: from the trained network to each amount at once, then fine-tuning; iterative pruning is compared with it.
* iterative: prune, fine-tune, prune what is left, ... (Han et al. 2015).
* lottery: prune the trained network, reset what is left to its initial values (or to those of an early epoch), train,
  prune that, ... (Frankle & Carbin 2019; Frankle et al. 2020).
* random_init: the lottery's masks with other initial values.
* random_mask: the lottery's initial values with as many weights of each layer pruned, but at random.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from msgspec.structs import replace

from minjax import compress, tree
from minjax.compress.methods import method
from minjax.curves.network import NetworkCurves
from minjax.errors import UserError
from minjax.records.compression import Measurement, Version
from minjax.tasks.compress.trained import Trained
from minjax.tasks.compress.tuning import Tuner, read, save
from minjax.tasks.signals import Stop
from minjax.train.state import TrainState

FINE_TUNED = ("one_shot", "iterative")
CONTROLS = ("random_init", "random_mask")
ORDER = (*FINE_TUNED, "lottery", *CONTROLS)


class Rounds:
    """The series of a configuration; the network of each round is saved when it is trained.

    Args:
        trained: the run that the series start from.
        config: from `settings.settle`.
        curves: measures the trained networks.
        include: patterns of the leaves that are pruned.
        folder: where the networks are saved.

    Raises:
        UserError: the epoch to rewind to is not in the run.
    """

    def __init__(self, trained: Trained, config: dict[str, Any], curves: NetworkCurves, include: Any, folder: Path):
        self._trained, self._curves, self._folder, self._include = trained, curves, folder, include
        self._prune, self._seed = config["prune"], config["seed"]
        count, amount = self._prune["rounds"], self._prune["round_amount"]
        group = method(self._prune["round_method"]).group
        self._amounts = [1 - group[0] / group[1]] if group else compress.rounds(self._prune["schedule"], amount, count)
        self._hold = tree.select(trained.params, include, tuple(self._prune["exclude"]))
        self._tuners: dict[bool, Tuner] = {}
        epochs = trained.config["epochs"]
        if self._prune["rewind_epoch"] >= epochs:
            raise UserError(
                f"prune.rewind_epoch is {self._prune['rewind_epoch']}; the run has {epochs} epochs, so it must be less"
            )

    def missing(self, measurements: Iterable[Measurement]) -> list[tuple[str, int]]:
        """The rounds (series, number from 1) that have no measurement yet, in the order in which to train them."""
        done = {(m.series, m.round) for m in measurements if m.curve == "rounds"}
        series = set(self._prune["series"])
        if series & set(CONTROLS):
            series.add("lottery")  # the controls need its masks
        numbers = range(1, len(self._amounts) + 1)
        wanted = [(name, number) for name in sorted(series, key=ORDER.index) for number in numbers]
        return [pair for pair in wanted if pair not in done]

    def run(self, missing: list[tuple[str, int]], stop: Stop) -> Iterator[Measurement]:
        """Train and measure these rounds; the network of a round is saved before its measurement is yielded.

        Raises:
            Stopped: told to stop; the round in training is trained again by the next run.
        """
        for series, number in missing:
            masks, start = self._start(series, number, stop)
            tuner = self._tuner(series)
            label = f"{series} {number}/{len(self._amounts)}, {100 * self._amounts[number - 1]:.1f} % pruned"
            first = 1 if series in FINE_TUNED else self._prune["rewind_epoch"] + 1
            state, status = tuner.train(tuner.masked(start, masks), label, stop, first=first)
            network = {"params": state.params, "model_state": state.model_state, "masks": masks}
            save(self._path(series, number), network)
            yield replace(self._measure(series, number, network), status=status)
            if number > 1 and series != "lottery":  # the controls need all masks of the lottery
                self._path(series, number - 1).unlink(missing_ok=True)

    def _measure(self, series: str, number: int, network: dict[str, Any]) -> Measurement:
        ((measurement,),) = self._curves.measure([Version(curve="rounds")], stop=lambda: False, **network)
        return replace(
            measurement,
            method=self._prune["round_method"],
            amount=self._amounts[number - 1],
            exclude=tuple(self._prune["exclude"]),
            series=series,
            round=number,
        )

    def _path(self, series: str, number: int) -> Path:
        return self._folder / f"{series}-{number}.npz"

    def _read(self, series: str, number: int) -> dict[str, Any]:
        """The network of a round that is saved."""
        masks = jax.tree.map(lambda x: np.ones(np.shape(x), bool), self._trained.params)
        like = {"params": self._trained.params, "model_state": self._trained.model_state, "masks": masks}
        return read(self._path(series, number), like)

    def _start(self, series: str, number: int, stop: Stop) -> tuple[Any, TrainState]:
        """The masks of a round and the state that its training starts from."""
        tuner, run_seed = self._tuner(series), self._trained.config["seed"]
        if series in CONTROLS:
            ticket = self._read("lottery", number)["masks"]
            if series == "random_init":
                return ticket, self._rewound(tuner, self._seed + 1000, stop)
            return self._shuffled(ticket), self._rewound(tuner, run_seed, stop)
        params, model_state, pruned = self._trained.params, self._trained.model_state, None
        if number > 1 and series != "one_shot":
            previous = self._read(series, number - 1)
            params, model_state, pruned = previous["params"], previous["model_state"], previous["masks"]
        masks = self._masks(params, number, pruned)
        if series == "lottery":
            return masks, self._rewound(tuner, run_seed, stop)
        return masks, tuner.from_params(params, model_state, self._seed + number)

    def _masks(self, params: Any, number: int, within: Any) -> Any:
        """The masks of a round; what `within` has pruned stays pruned."""
        group = method(self._prune["round_method"]).group
        masks = compress.masks(
            params,
            self._prune["round_method"],
            None if group else self._amounts[number - 1],
            key=jax.random.key(self._seed + number),
            include=self._include,
            exclude=self._prune["exclude"],
            within=within,
        )
        return jax.device_get(masks)

    def _shuffled(self, masks: Any) -> Any:
        """Masks that prune as many weights of each leaf, chosen at random."""
        ranks = compress.ranks(
            self._trained.params,
            "random",
            key=jax.random.key(self._seed + 2000),
            include=self._include,
            exclude=self._prune["exclude"],
        )

        def shuffle(path: Any, mask: np.ndarray) -> np.ndarray:
            rank = ranks.get(tree.path_name(path))
            return mask if rank is None else np.asarray(rank) >= np.count_nonzero(~mask)

        return jax.tree_util.tree_map_with_path(shuffle, masks)

    def _rewound(self, tuner: Tuner, seed: int, stop: Stop) -> TrainState:
        """The initial state of a seed, or its state after `rewind_epoch` epochs of dense training."""
        epoch, path = self._prune["rewind_epoch"], self._folder / f"dense-{seed}.npz"
        start = tuner.initial(seed)
        if not epoch:
            return start
        if not path.exists():
            state, _ = tuner.train(start, f"dense, up to epoch {epoch} to rewind to", stop, last=epoch)
            save(path, state)
        return read(path, start)

    def _tuner(self, series: str) -> Tuner:
        """Trains the rounds of a series: compiled once for fine-tuning, and once for training from the start."""
        fine_tuned = series in FINE_TUNED
        if fine_tuned not in self._tuners:
            epochs, rate = self._trained.config["epochs"], None
            if fine_tuned:
                epochs, rate = self._prune["epochs"], self._prune["learning_rate"]
                rate = self._trained.config["optimizer"]["learning_rate"] / 10 if rate is None else rate
            self._tuners[fine_tuned] = Tuner(self._trained, epochs, rate, self._hold)
        return self._tuners[fine_tuned]
