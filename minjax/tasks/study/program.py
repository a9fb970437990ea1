"""The program of a group: it trains members, measures their curves, and yields their records."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import flax.struct
import jax
import numpy as np
import optax

from minjax.curves.population import PopulationCurves
from minjax.curves.versions import amounts
from minjax.data import Dataset
from minjax.models import padded
from minjax.records.member import MemberCurves, MemberSeconds
from minjax.records.study import MemberRecord
from minjax.studies.groups import TRACED, Group
from minjax.studies.points import Member, Point, has_curves
from minjax.tasks.assembly import build_model, build_optimizer, inputs_of
from minjax.tasks.study.members import failed
from minjax.tasks.study.members import trained as record
from minjax.tasks.study.partitions import Partitions
from minjax.train import state as train_state
from minjax.train.engine import steps_per_epoch
from minjax.train.population import Population, TrainedMembers
from minjax.train.unfinished import Unfinished

MOST = 256  # members trained at a time
BYTES = 2**30  # of memory for their states


def unfinished_name(point: str, seed: int) -> str:
    """What a member is called while it is kept in training."""
    return f"{point}-{seed}"


@flax.struct.dataclass
class Traits:
    """What tells the members of a group apart besides their seeds; any leading axes for a population.

    Attributes:
        optimizer: the optimizer's numbers that are arguments of the program, by field.
        live: what is real of a padded network; None: nothing is padded.
    """

    optimizer: dict[str, Any]
    live: padded.Live | None


class Program:
    """Trains the members of one group.

    Attributes:
        capacity: how many members it trains at a time.
        inputs: how images become the model's input; mean and deviation are those of a member's own images.
    """

    def __init__(
        self,
        group: Group,
        dataset: Dataset,
        partitions: Partitions,
        study: dict[str, Any],
        members: int,
        curves: PopulationCurves | None = None,
        unfinished: Path | None = None,
    ):
        """Build what is to be compiled; nothing is compiled yet.

        Args:
            group: the points that it trains.
            dataset: on the host, with the whole training split.
            partitions: how members divide it.
            study: the section `study` of the configuration.
            members: how many there will be at most.
            curves: those of a program that differs in its number of epochs alone; None: its own.
            unfinished: where members in training are kept; None: they are not.
        """
        self.group, self.dataset, self.partitions, self.study = group, dataset, partitions, study
        self._unfinished = unfinished
        config = group.config
        self.model = build_model(config, dataset.num_classes)
        images = partitions.sizes
        steps = steps_per_epoch(images["train"], config["batch_size"], True)

        def optimizer(traits: Traits) -> optax.GradientTransformation:
            return build_optimizer({**config, "optimizer": {**config["optimizer"], **traits.optimizer}}, steps)[0]

        self._lives: dict[str, padded.Live] = {}  # by point
        shape = dataset.image_shape

        def initial(key_seed: jax.Array, traits: Traits) -> train_state.TrainState:
            if traits.live is None:
                return train_state.init(self.model, optimizer(traits), shape, key_seed)
            draw = lambda key: padded.initial(self.model, traits.live, shape, key)  # type: ignore  # noqa: E731
            return train_state.begin(draw, optimizer(traits), key_seed)

        one = jax.tree.map(lambda x: x[0], self._traits(group.points[:1]))
        like = jax.eval_shape(initial, 0, one)
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(like))
        size += 4 * (images["train"] + images["validation"] + images["curves"])  # the indices of its images
        size += images["validation"] // 8 + 1  # which of them it classifies correctly
        together = study["together"]
        self.inputs = inputs_of(config, dataset)
        self.population = Population(
            self.model.apply,
            optimizer,
            initial,
            dataset.train,
            self.inputs,
            images=(images["train"], images["validation"]),
            epochs=config["epochs"],
            batch_size=config["batch_size"],
            capacity=max(1, min(MOST, members, BYTES // size)),
            together=jax.default_backend() != "cpu" if together is None else together,
            devices=config["devices"],
        )
        self.capacity = self.population.capacity
        self._compiled = [self.population.program]
        if curves is None:
            curves = self._own_curves()
            self._compiled.append(curves.program)
        self.curves = curves

    def _own_curves(self) -> PopulationCurves:
        study = self.study
        return PopulationCurves(
            self.model.apply,
            self.population,
            self.inputs,
            images=self.partitions.sizes["curves"],
            method=study["prune_method"],
            amounts=amounts(study["amounts"]),
            bits=study["bits"],
            scheme=study["scheme"],
            live=self._live if self.group.padded else None,
        )

    @property
    def compilations(self) -> int:
        """How many programs were compiled so far: training and curves."""
        return sum(program.compilations for program in self._compiled)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling."""
        return sum(program.compile_seconds for program in self._compiled)

    def train(
        self,
        members: Sequence[Member],
        *,
        recorded: Collection[tuple[str, int]] = (),
        stop: Callable[[], bool] = lambda: False,
        tick: Callable[[float], None] = lambda seconds: None,
    ) -> Iterator[list[MemberRecord]]:
        """Train members of the group and yield their records, some at a time.

        Members that run one after the other are left out if they are recorded. Members that run side by side are
        trained in the populations that they were in before the study was interrupted, so that what a member is beside
        does not change; those that are recorded are not yielded again.

        Args:
            members: all that this stage of the study asks of the group.
            recorded: (point, seed) of the members that have a record.
            stop: asked between dispatches; True ends the training.
            tick: called with the predicted seconds of the work that was done.
        """
        if not self.population.together:
            members = [member for member in members if member.key not in recorded]
        for first in range(0, len(members), self.capacity):
            population = members[first : first + self.capacity]
            if all(member.key in recorded for member in population):
                continue
            yield from self._train(population, recorded, stop, tick)
            if stop():
                return

    def _train(
        self,
        members: Sequence[Member],
        recorded: Collection[tuple[str, int]],
        stop: Callable[[], bool],
        tick: Callable[[float], None],
    ) -> Iterator[list[MemberRecord]]:
        """Train one population; members that do not fit into the memory, say, are recorded as failed."""
        work, done = len(members) * self.group.seconds, 0
        try:
            for trained in self.networks(members, stop, lambda share: tick(share * work)):
                part = members[trained.first : trained.first + trained.count]
                records = self._records(part, trained, stop)
                if records is None:
                    return
                done += len(part)
                yield [record for record in records if (record.point, record.seed) not in recorded]
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            yield [
                failed(member, self.dataset, reason, chance=self.partitions.chance)
                for member in members[done:]
                if member.key not in recorded
            ]

    def networks(
        self,
        members: Sequence[Member],
        stop: Callable[[], bool],
        tick: Callable[[float], None] | None = None,
        purpose: str = "",
    ) -> Iterator[TrainedMembers]:
        """Train members of the group, at most `capacity`, and yield them as they finish; see `Population.train`.

        Args:
            members: which.
            stop: asked between dispatches.
            tick: called after each dispatch with the share of the work that was done in it.
            purpose: what they are trained for, if not to be recorded: until then those are kept that have ended.
        """
        seeds = np.array([member.seed for member in members], np.int32)
        traits, parts = self._traits([member.point for member in members]), self.partitions.of(seeds.tolist())
        unfinished = None
        if self._unfinished is not None:
            names = [f"{unfinished_name(*member.key)}{purpose}" for member in members]
            unfinished = Unfinished(
                self._unfinished, names, lambda text: print(f"minjax: note: {text}", file=sys.stderr)
            )
        return self.population.train(seeds, traits, parts, stop=stop, tick=tick, unfinished=unfinished)

    def _records(
        self, members: Sequence[Member], trained: TrainedMembers, stop: Callable[[], bool]
    ) -> list[MemberRecord] | None:
        """Measure the curves of members that are trained, and record them; None when told to stop."""
        before = self.curves.program.seconds
        curves = self._curves(members, trained, stop)
        if curves is None:
            return None
        measured = sum(curve is not None for curve in curves)
        seconds = (self.curves.program.seconds - before) / max(1, measured)
        return [
            record(
                member,
                self.dataset,
                jax.tree.map(lambda x: x[index], trained.history),  # noqa: B023
                self.population.sizes,
                curve,
                MemberSeconds(train=trained.seconds / len(members), curves=0.0 if curve is None else seconds),
                chance=self.partitions.chance,
                labels=self.partitions.labels(member.seed) if self.partitions.balanced else None,
            )
            for index, (member, curve) in enumerate(zip(members, curves, strict=True))
        ]

    def _curves(
        self, members: Sequence[Member], trained: TrainedMembers, stop: Callable[[], bool]
    ) -> list[MemberCurves | None] | None:
        """The curves of each member, None for one that is not to have any; None instead when told to stop."""
        wanted = [has_curves(member.point, self.study["curves"]) and not member.fresh for member in members]
        if not any(wanted):
            return [None] * len(members)
        state = trained.carry.state
        sizes = [self._sizes(member.point) for member in members]
        parts = self.partitions.curves(member.seed for member in members)
        return self.curves.measure(
            state.params, state.model_state, trained.traits, parts, sizes, trained.first, stop=stop, wanted=wanted
        )

    def _sizes(self, point: Point) -> dict[str, int]:
        """Leaf name -> how many of its weights belong to the point and are not padding."""
        return padded.sizes(self._network(point), self.dataset.image_shape)

    def _network(self, point: Point) -> Any:
        """The point's own network, which is narrower than the group's where that is padded."""
        return build_model(point.config, self.dataset.num_classes)

    def _traits(self, points: Sequence[Point]) -> Traits:
        """What tells points of the group apart, stacked along a leading axis."""
        return jax.tree.map(lambda *x: np.stack(x), *map(self._traits_of, points))

    def _traits_of(self, point: Point) -> Traits:
        numbers = {name: np.float64(point.config["optimizer"][name]) for name in TRACED}
        if not self.group.padded:
            return Traits(numbers, None)
        if point.id not in self._lives:
            self._lives[point.id] = padded.live(self._network(point), self.dataset.image_shape)
        return Traits(numbers, self._lives[point.id])

    def _live(self, traits: Traits) -> dict[str, jax.Array]:
        return padded.where_live(self.model, traits.live, self.dataset.image_shape)  # type: ignore[arg-type]
