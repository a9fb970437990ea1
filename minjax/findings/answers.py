"""The answers of a study on one data set as records: minimal, stable and near-best size, staircase, envelope."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minjax.findings import envelope as envelopes
from minjax.findings import grids, sizes
from minjax.findings.best import most_accurate
from minjax.findings.candidates import Grid
from minjax.findings.grids import Images
from minjax.findings.samples import AIM, LEAST_SEEDS, LIMITS, Aim, Limits, Sample
from minjax.findings.sizes import Network, Size
from minjax.findings.staircase import staircase
from minjax.findings.verdicts import ROUNDING
from minjax.findings.words import apart, percent, plural
from minjax.records.answer import Answer, Answers, Demand, MostAccurate, Selection, Stair, StatedNetwork, Step

ASSUMED_IMAGES = 1000  # where nobody knows how many validation images there were


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a study asks on one data set.

    Attributes:
        aim: what is to be found.
        seeds: first-stage seeds of each network that can be an answer.
        images: its validation images; None: unknown.
        demand: what a network asks of a device; None: answers do not say.
    """

    aim: Aim = AIM
    seeds: int = LEAST_SEEDS
    images: Images | None = None
    demand: Callable[[Sample], Demand | None] | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any], images: Images | None = None) -> Asked:
        """What a study with this configuration asks; older ones asked for the near-best size.

        Args:
            config: as config.json has it.
            images: None: as many as config.json says, of which nothing else is known.
        """
        study, data = config["study"], config.get("data") or {}
        count = (data.get("sizes") or {}).get("validation") or (data.get("sizes") or {}).get("test")
        if images is None and count and data.get("classes"):
            images = Images.unknown(count, data["classes"])
        names = [field.name for field in dataclasses.fields(Aim)]
        return cls(Aim(**{name: study[name] for name in names if name in study}), study["seeds"], images)

    def grid(self, found: Sequence[Sample]) -> Grid:
        """The samples of one data set as a grid.

        Raises:
            UserError: as `grids.envelope`.
        """
        images = self.images or Images.unknown(ASSUMED_IMAGES, round(1 / found[0].chance))
        return grids.envelope(found, images, metric=self.aim.metric, least_seeds=self.seeds)


@dataclasses.dataclass(frozen=True)
class Subject:
    """A grid on a data set with what is asked: what answers are found in.

    Attributes:
        selection: the images that accuracies were measured on.
        samples: those that the grid is made of, by point.
    """

    dataset: str
    grid: Grid
    asked: Asked
    selection: Selection
    samples: Mapping[str, Sample]
    limits: Limits = LIMITS

    @classmethod
    def of(cls, found: Sequence[Sample], asked: Asked, limits: Limits = LIMITS) -> Subject:
        """That of samples on one data set."""
        samples = {sample.point: sample for sample in found}
        return cls(found[0].dataset, asked.grid(found), asked, found[0].selection, samples, limits)

    def within(self, found: Sequence[Sample]) -> Subject:
        """The same with these samples alone."""
        return dataclasses.replace(self, grid=grids.within(self.grid, {sample.point for sample in found}))

    def stated(self, network: Network) -> StatedNetwork:
        """A network of the grid as a record."""
        demand = self.asked.demand
        return StatedNetwork(
            point=network.id,
            name=network.point,
            hyperparameters=network.hyperparameters,
            family=network.family,
            num_params=network.num_params,
            accuracy=network.accuracy,
            fresh=network.fresh,
            first_accuracy=network.first_accuracy,
            deviation=network.deviation,
            reached=network.reached,
            seeds=network.seeds,
            failed=network.failed,
            judgement=network.verdict,  # type: ignore[arg-type]
            demand=None if demand is None else demand(self.samples[network.id]),
        )


def minimal(subject: Subject) -> Answer:
    """The smallest size at the target; without a target the near-best one.

    Raises:
        UserError: a target that is not above chance.
    """
    target = subject.asked.aim.target_accuracy
    if target is None:
        return near_best(subject)
    return _answer(subject, sizes.target(subject.grid, target, subject.limits))


def near_best(subject: Subject) -> Answer:
    """The smallest size within the tolerance of the best network found."""
    return _answer(subject, sizes.near_best(subject.grid, subject.limits))


def stable(subject: Subject) -> Answer:
    """The smallest size that trains stably."""
    return _answer(subject, sizes.stable(subject.grid, subject.limits))


def answers(subject: Subject) -> Answers:
    """All answers on one data set.

    Raises:
        UserError: a target that is not above chance.
    """
    best = near_best(subject)
    return Answers(
        dataset=subject.dataset,
        goal=subject.asked.aim.goal,
        minimal=best if subject.asked.aim.target_accuracy is None else minimal(subject),
        stable=stable(subject),
        near_best=best,
        most_accurate=best_found(subject),
        staircase=stairs(subject),
        envelope=steps(subject),
    )


def best_found(subject: Subject) -> MostAccurate:
    """The most accurate network, and those that the data do not tell from it."""
    found = most_accurate(subject.grid, subject.limits)
    return MostAccurate(
        network=None if found.network is None else subject.stated(found.network),
        interval=found.interval,
        decided=found.decided,
        runner_up=None if found.runner_up is None else subject.stated(found.runner_up),
        rivals=found.rivals,
        smallest_rival=None if found.smallest_rival is None else subject.stated(found.smallest_rival),
        confidence=found.confidence,
    )


def stairs(subject: Subject) -> list[Stair]:
    """The minimal size at a ladder of required accuracies."""
    return [
        Stair(
            accuracy=one.accuracy,
            num_params=one.num_params,
            interval=one.interval,
            winner=None if one.winner is None else subject.stated(one.winner),
            best=subject.stated(one.best),
        )
        for one in staircase(subject.grid, limits=subject.limits)
    ]


def steps(subject: Subject) -> list[Step]:
    """The networks that are better than every smaller one, by the seeds that chose them; chance is the first."""
    return [
        Step(
            point=one.id,
            name=one.point,
            hyperparameters=one.hyperparameters,
            family=one.family,
            num_params=one.num_params,
            accuracy=one.accuracy,
            fresh_accuracy=one.fresh,
        )
        for one in envelopes.envelope(subject.grid, subject.limits)
    ]


def _answer(subject: Subject, found: Size) -> Answer:
    grid, asked, limits = subject.grid, subject.asked, subject.limits
    return Answer(
        question=found.name,  # type: ignore[arg-type]
        dataset=subject.dataset,
        families=sorted({one.family for one in grid.candidates}),
        num_params=found.num_params,
        interval=found.interval,
        decided=found.decided,
        possible=list(found.possible),
        level=found.level,
        tolerance=limits.tolerance,
        sigma=limits.sigma,
        metric=asked.aim.metric,
        selection=subject.selection,
        winner=None if found.winner is None else subject.stated(found.winner),
        below=None if found.below is None else subject.stated(found.below),
        why_below=None if found.below is None else why(found.below, found, asked, limits),
        best=subject.stated(found.best),
        grid=list(found.grid),
        networks=len(grid.candidates),
        seeds=asked.seeds,
        images=grid.num_images,
        confidence=found.confidence,
        notes=(*found.notes, *_notes(asked)),
    )


def _notes(asked: Asked) -> list[str]:
    if asked.images is not None:
        return []
    return [f"how many images there were is not recorded: {ASSUMED_IMAGES:,} are assumed"]


def why(network: Network, found: Size, asked: Asked, limits: Limits = LIMITS) -> str:
    """Why a network is not the answer, as the end of a sentence; never empty."""
    reasons = []
    if network.seeds - network.fresh < asked.seeds:
        reasons.append(f"it was left after {plural(network.seeds - network.fresh, 'seed')}")
    if network.failed:
        reasons.append(f"{network.failed} of {plural(network.seeds, 'seed')} diverged or stayed near chance")
    if network.deviation > limits.sigma:
        high, low = apart(network.deviation, limits.sigma)
        reasons.append(f"its standard deviation over seeds, {high}, is above {low}")
    if found.name != sizes.STABLE and found.level is not None and network.accuracy < found.level - ROUNDING:
        low, high = apart(network.accuracy, found.level)
        least = f", {low}, is below {high}" if low != high else f" is below {high}, by less than can be printed"
        reasons.append(f"its {'mean ' if network.seeds > 1 else ''}accuracy{least}")
    if not reasons and found.level is None:
        reasons.append("no network trains stably, so there is no accuracy to compare with")
    if not reasons:
        reasons.append(f"it trains stably, at {percent(network.accuracy)}, which is not above chance")
    return ", and ".join(reasons)
