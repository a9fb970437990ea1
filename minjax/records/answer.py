"""What a study answers: the smallest network that is accurate enough, how sure that is, and what it is held against."""

from __future__ import annotations

from typing import Literal

from minjax.records.record import Count, Fraction, Interval, Name, Positive, Record

Selection = Literal["validation", "test"]  # the images that networks are chosen by
Question = Literal["target", "near_best", "stable"]
Goal = Literal["smallest", "most_accurate"]
Judgement = Literal["reaches", "undecided", "falls short"]
Sizes = tuple[Positive | None, Positive | None]  # the ends of an interval; None: beyond the grid


class Demand(Record, frozen=True, kw_only=True):
    """What a network asks of a device, predicted from its shapes.

    Attributes:
        bytes: of its packed file, with all kernels at `bits` per weight.
        ram_bytes: of the activations of one image that are alive at once, at 8 bits each.
        macs: multiply-adds for one image.
    """

    bytes: Positive
    bits: Positive = 8
    ram_bytes: Positive
    macs: Count


class StatedNetwork(Record, frozen=True, kw_only=True):
    """A network as an answer states it.

    Attributes:
        point: the id of the point.
        name: of the architecture.
        hyperparameters: what tells it from other points of the architecture, such as "learning_rate=0.316".
        family: of the model; "linear" for the linear classifier.
        accuracy: mean over its fresh seeds, or over the seeds that it was chosen by where it has no fresh ones.
        fresh: how many fresh seeds.
        first_accuracy: mean over the seeds that it was chosen by.
        deviation: standard deviation over seeds, without the part that is due to their different images.
        reached: how many of its `seeds` reach the level by themselves; None where there is no level.
        seeds: fresh ones included.
        failed: how many seeds diverged or stayed near chance.
        judgement: whether it reaches the level, as far as the data can decide that.
        demand: what it asks of a device; None: not asked for.
    """

    point: Name
    name: Name
    hyperparameters: str
    family: Name
    num_params: Positive
    accuracy: Fraction
    fresh: Count
    first_accuracy: Fraction
    deviation: float
    reached: Count | None
    seeds: Positive
    failed: Count
    judgement: Judgement
    demand: Demand | None = None


class Answer(Record, frozen=True, kw_only=True):
    """The smallest size of a grid that is accurate or stable enough, or that there is none.

    Attributes:
        question: target (an absolute accuracy), near_best (within `tolerance` of the best network found) or stable
            (seeds agree, none failed, and chance is left behind).
        families: of the networks that it is a statement about.
        num_params: the minimal size; None: no size of the grid is enough.
        interval: the sizes that the data leave possible, from and to; None stands for a size beyond the grid.
        decided: whether the data single out one size, or exclude them all.
        possible: the sizes within the interval that are not excluded.
        level: accuracy to reach; for stable the accuracy that counts as having left chance behind. None where it is
            relative and no network trains stably.
        tolerance: what counts as the same accuracy.
        sigma: standard deviation over seeds above which a network is not stable.
        metric: what is compared; the accuracies are on the images of `selection`.
        winner: the network of the minimal size.
        below: the most accurate smaller network; `why_below` is the reason why it is not the answer.
        best: the best network found.
        grid: the sizes that it is a statement about.
        networks: how many points those are.
        seeds: the fewest that a network needs to be an answer, fresh ones not counted.
        images: that each seed was evaluated on.
        confidence: of each end of the interval.
        notes: what limits the statement.
    """

    question: Question
    dataset: Name
    families: list[Name]
    num_params: Positive | None
    interval: Sizes
    decided: bool
    possible: list[Positive]
    level: float | None
    tolerance: float
    sigma: float
    metric: Name
    selection: Selection
    winner: StatedNetwork | None
    below: StatedNetwork | None
    why_below: str | None
    best: StatedNetwork
    grid: list[Positive]
    networks: Positive
    seeds: Positive
    images: Positive
    confidence: Fraction
    notes: tuple[str, ...] = ()


class MostAccurate(Record, frozen=True, kw_only=True):
    """The most accurate network of a grid.

    Attributes:
        network: None where of every network a seed failed.
        interval: of its accuracy, over seeds and images; None likewise.
        decided: whether every other architecture is significantly worse.
        runner_up: the best one of another architecture; None: there is none without a failed seed.
        rivals: how many other architectures may be as good, as far as the data tell; `smallest_rival` is the smallest
            of those that are smaller.
        confidence: probability that the interval holds, and that every network not among the rivals is worse.
    """

    network: StatedNetwork | None
    interval: Interval | None
    decided: bool
    runner_up: StatedNetwork | None
    rivals: Count
    smallest_rival: StatedNetwork | None
    confidence: Fraction


class Stair(Record, frozen=True, kw_only=True):
    """The minimal size at one required accuracy.

    Attributes:
        accuracy: required.
        num_params: the minimal size; None: no size of the grid reaches it.
        interval: as in `Answer`.
        winner: the network of the minimal size.
        best: the best network found.
    """

    accuracy: Fraction
    num_params: Positive | None
    interval: Sizes
    winner: StatedNetwork | None
    best: StatedNetwork


class Step(Record, frozen=True, kw_only=True):
    """A network that is more accurate than every smaller one: a step of the envelope over all candidates.

    Attributes:
        point: the id of the point; None: always answering the commonest class, which takes no parameters.
        accuracy: mean over the seeds that it was chosen by.
        fresh_accuracy: mean over its fresh seeds; None where there are none.
    """

    point: str | None
    name: Name
    hyperparameters: str
    family: Name
    num_params: Count
    accuracy: Fraction
    fresh_accuracy: Fraction | None


class Answers(Record, frozen=True, kw_only=True):
    """What a study answers on one data set, all families together.

    Attributes:
        goal: what was asked for: the smallest network that is accurate enough, or the most accurate one of the grid.
        minimal: the smallest size at the target; without a target the near-best one.
        stable: the smallest size that trains stably.
        near_best: the smallest size within the tolerance of the best network found.
        most_accurate: the best network found, and how sure that is.
        staircase: the minimal size at a ladder of required accuracies.
        envelope: the networks that are better than every smaller one.
    """

    dataset: Name
    goal: Goal
    minimal: Answer
    stable: Answer
    near_best: Answer
    most_accurate: MostAccurate
    staircase: list[Stair]
    envelope: list[Step]

    @property
    def chosen(self) -> StatedNetwork:
        """The network that answers the question; the best found where none is enough."""
        found = self.most_accurate.network if self.goal == "most_accurate" else self.minimal.winner
        return self.minimal.best if found is None else found
