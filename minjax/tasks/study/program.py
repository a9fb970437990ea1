"""The program of a group: built when it is first needed, it trains members and measures their curves."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from minjax import tree
from minjax.curves.population import PopulationCurves
from minjax.curves.versions import amounts
from minjax.data import Dataset, Split
from minjax.data.splits import stratified
from minjax.findings.samples import equal
from minjax.models import padded
from minjax.records import study as records
from minjax.studies.groups import Group
from minjax.studies.points import Point
from minjax.tasks.assembly import build_model, build_optimizer, inputs_of
from minjax.train import state as train_state
from minjax.train.engine import steps_per_epoch
from minjax.train.population import History, Population, TrainedMembers

MOST = 256  # members at a time
BYTES = 2**30  # that their states may take together


@dataclasses.dataclass(frozen=True)
class Member:
    """A point to be trained with a seed."""

    point: Point
    seed: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a member.

    Attributes:
        history: of this member, on the host.
        sizes: images of an epoch's training and of its evaluation.
        curves: `pruning` and `quantization`, or None.
        seconds: its share of the time for `train` and `curves`.
    """

    member: Member
    history: History
    sizes: dict[str, int]
    curves: records.MemberCurves | None
    seconds: records.MemberSeconds


class Program:
    """Trains the members of one group.

    Attributes:
        capacity: members at a time.
    """

    def __init__(self, group: Group, dataset: Dataset, study: dict[str, Any], seed: int, members: int):
        """Build the programs; nothing is compiled yet.

        Args:
            group: whose members are trained.
            dataset: on the host.
            study: the configuration's block.
            seed: of the choice of test images for the curves.
            members: how many there will be at most.
        """
        self.group, self.study = group, study
        config = group.config
        self.model = build_model(config, dataset.num_classes)
        optimizer, _ = build_optimizer(config, steps_per_epoch(len(dataset.train), config["batch_size"], True))
        self.numbers = math.prod(dataset.image_shape)
        self.classes = dataset.num_classes
        shape = dataset.image_shape

        def initial(key_seed: jax.Array, live: Any) -> train_state.TrainState:
            if not group.padded:
                return train_state.init(self.model, optimizer, shape, key_seed)
            draw = lambda key: {"params": padded.initial(self.model, live, self.numbers, key)}  # type: ignore  # noqa: E731
            return train_state.begin(draw, optimizer, key_seed)

        one = jax.tree.map(lambda x: x[0], self._lives(group.points[:1]))
        like = jax.eval_shape(initial, 0, one)
        self.shapes = {name: tuple(leaf.shape) for name, leaf in tree.leaves(like.params).items()}
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(like))
        together = study["together"]
        inputs = inputs_of(config, dataset)
        self.population = Population(
            self.model.apply,
            optimizer,
            initial,
            dataset.train,
            dataset.test,
            inputs,
            epochs=config["epochs"],
            batch_size=config["batch_size"],
            capacity=max(1, min(MOST, members, BYTES // size)),
            together=jax.default_backend() != "cpu" if together is None else together,
            devices=config["devices"],
        )
        self.capacity = self.population.capacity
        self.curves = PopulationCurves(
            self.model.apply,
            self.population,
            curve_split(dataset, study["curve_images"], seed),
            inputs,
            method=study["prune_method"],
            amounts=amounts(study["amounts"]),
            bits=study["bits"],
            scheme=study["scheme"],
            live=self._live if group.padded else None,
        )

    @property
    def compilations(self) -> int:
        """Programs compiled so far."""
        return self.population.program.compilations + self.curves.program.compilations

    @property
    def compile_seconds(self) -> float:
        """Spent on that."""
        return self.population.program.compile_seconds + self.curves.program.compile_seconds

    def train(
        self, members: Sequence[Member], *, stop: Callable[[], bool], tick: Callable[[float], None]
    ) -> Iterator[list[Outcome]]:
        """Train members, no more than the capacity; what comes of them is given as they are through.

        Args:
            members: of the group.
            stop: asked between dispatches; True ends it.
            tick: called with the share of the members' training that a dispatch has taken.
        """
        seeds = np.array([member.seed for member in members], np.int32)
        lives = self._lives([member.point for member in members])
        for trained in self.population.train(seeds, lives, stop=stop, tick=tick):
            few = members[trained.first : trained.first + trained.count]
            before = self.curves.program.seconds
            curves = self._curves(few, trained, stop)
            if curves is None:
                return
            measuring = self.curves.program.seconds - before
            wanted = max(1, sum(curve is not None for curve in curves))
            yield [
                Outcome(
                    member,
                    jax.tree.map(lambda x: x[place], trained.history),  # noqa: B023
                    self.population.sizes,
                    curves[place],
                    records.MemberSeconds(
                        train=trained.seconds / len(few),
                        curves=0.0 if curves[place] is None else measuring / wanted,
                    ),
                )
                for place, member in enumerate(few)
            ]

    def _curves(
        self, members: Sequence[Member], trained: TrainedMembers, stop: Callable[[], bool]
    ) -> list[records.MemberCurves | None] | None:
        """A member's curves, or None for one that has none; None for all when told to stop."""
        wanted = [has_curves(member.point, self.study["curves"]) for member in members]
        if not any(wanted):
            return [None] * len(members)
        state = trained.carry.state
        real = [self._real(member.point) for member in members]
        measured = self.curves.measure(
            state.params, state.model_state, trained.variants, real, trained.first, stop=stop, wanted=wanted
        )
        if measured is None:
            return None
        return measured

    def _real(self, point: Point) -> dict[str, int]:
        """Weights of each leaf that are the point's own."""
        if not self.group.padded:
            return {name: math.prod(shape) for name, shape in self.shapes.items()}
        sizes = (self.numbers, *point.config["model"]["widths"], self.classes)
        found = {}
        for place, name in enumerate(padded.layers(self.model)):  # type: ignore[arg-type]
            found[f"{name}/kernel"] = sizes[place] * sizes[place + 1]
            found[f"{name}/bias"] = sizes[place + 1]
        return found

    def _lives(self, points: Sequence[Point]) -> Any:
        """What tells the points of a padded group apart, with a leading axis; nothing for others."""
        if not self.group.padded:
            return ()
        init = self.group.config["model"]["init"]
        found = [padded.live(p.config["model"]["widths"], self.numbers, self.classes, init) for p in points]
        return jax.tree.map(lambda *x: np.stack(x), *found)

    def _live(self, live: Any) -> dict[str, jax.Array]:
        return padded.where_live(self.model, live, self.numbers)  # type: ignore[arg-type]


def has_curves(point: Point, which: str) -> bool:
    """Whether a point is pruned and quantized: those of equal shapes are compared, so they are by default."""
    return which == "all" or (which == "equal" and equal(point.fields, point.labels))


def curve_split(dataset: Dataset, images: int | None, seed: int) -> Split:
    """The test images that curves are measured on."""
    test = dataset.test
    if images is None or images >= len(test):
        return test
    return test.take(stratified(test.labels, images, seed=seed, purpose="test"))
