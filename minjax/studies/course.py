"""The course of a study: its rounds from the first to the last, each a function of the records of those before it.

`Course.rounds` reads from top to bottom: the coarse grid or the climb, the sizes around the answer, the rest of the
grid, more epochs, fresh seeds for what was found, and, where these move the answer, the sizes around it again.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from minjax.findings import best
from minjax.findings.candidates import Candidate, Grid
from minjax.findings.sizes import wanting
from minjax.findings.words import plural
from minjax.records.study import MemberRecord
from minjax.studies import climb, tuning
from minjax.studies.order import coarse
from minjax.studies.points import Member, Point, distinct
from minjax.studies.rounds import (
    CLIMB,
    COARSE,
    FRESH,
    MORE_EPOCHS,
    REFINEMENT,
    REST,
    GridOf,
    Known,
    Round,
    Rounds,
    Rules,
)
from minjax.studies.standing import Standing, answer, around, interval_points, standing, stays
from minjax.studies.variants import EPOCHS, LEARNING_RATE, Variants


@dataclasses.dataclass(frozen=True)
class Note:
    """Why a stage ended, for people."""

    stage: str
    text: str


class Course:
    """The rounds of a study.

    Attributes:
        known: what the rounds so far have recorded.
        notes: why stages ended, so far.
    """

    def __init__(self, points: Sequence[Point], rules: Rules, variants: Variants, grid_of: GridOf):
        """Nothing is asked for yet.

        Args:
            points: the whole grid.
            rules: the order of the work.
            variants: makes points with another learning rate or number of epochs.
            grid_of: samples -> the candidates among which the answer is.
        """
        self.points, self.rules, self.variants, self.grid_of = points, rules, variants, grid_of
        self.networks = [group[0] for group in distinct(points).values()]
        self.known, self.notes = Known(), list[Note]()
        self._tried: dict[str, list[str]] = {}  # point of the grid -> the ids that it was trained under
        self._fresh: set[str] = set()  # ids that fresh seeds were asked for
        self._steps: dict[str, int] = {}  # point of the grid -> the step of its best learning rate
        self._grid = {point.id: point for point in self.networks}
        self._ladders = climb.ladders(coarse(points, rules.coarse)[0])
        self._ended: set[int] = set()  # places of the ladders that are not climbed further

    def adopt(self, records: Iterable[MemberRecord]) -> None:
        """Take first-stage members of the grid as known, whatever round they are of."""
        for one in records:
            point = None if one.fresh else self.variants.of(one, self.networks)
            if point is not None:
                member = Member(point, one.seed)
                self.known.take([member], {member.key: one})

    def rounds(self) -> Rounds:
        """All rounds of the study."""
        rules = self.rules
        if rules.extent == "knee":
            yield from self._climb()
        else:
            yield from self._trained(COARSE, coarse(self.points, rules.coarse)[0])
        yield from self._refinement()
        if rules.extent == "all":
            yield from self._trained(REST, [point for point in self.networks if point.id not in self._tried])
        yield from self._more_epochs()
        yield from self.fresh()
        before = 0
        while before < len(self._tried):  # until fresh seeds move nothing
            before = len(self._tried)
            if rules.extent == "knee":
                yield from self._climb()
            if (now := self._standing()) is not None and (asked := self._around(now, rules.reach)):
                epochs = self.known.point(now.focus.id).settings.get(EPOCHS)
                yield from self._trained(REFINEMENT, asked, epochs)
            yield from self.fresh()

    def fresh(self) -> Rounds:
        """Fresh seeds for the networks that the answer speaks of, until it speaks of no other.

        Where the search ended before any network had all seeds, one gets them first, so that there is an answer.
        """
        if self.rules.fresh_seeds and self._standing() is None and (one := self._promising()) is not None:
            yield self._round(FRESH, [one], self.rules.seeds, begins=False)
        while self.rules.fresh_seeds and (grid := self._candidates()) is not None:
            wanted = [one for one in self._wanting(grid) if one.id not in self._fresh]
            if not wanted:
                return
            self._fresh |= {one.id for one in wanted}
            points = [self.known.point(one.id) for one in wanted]
            yield self._round(FRESH, points, self.rules.seeds, begins=False)  # what a rate that lost was not given
            yield self._round(FRESH, points, self.rules.fresh, fresh=True)

    def _promising(self) -> Point | None:
        """The smallest network that comes within the tolerance of the best, by the tuning seeds alone."""
        grid = self._candidates()
        if grid is None:
            return None
        points = [self.known.point(one.id) for one in grid.candidates]
        tuning_seeds = self.rules.seeds[: self.rules.tuning_seeds]
        accuracies = [self.known.accuracy(point, tuning_seeds) for point in points]
        level = max(accuracies) - self.rules.limits.tolerance
        near = [point for point, accuracy in zip(points, accuracies, strict=True) if accuracy >= level]
        return min(near, key=lambda point: (point.num_params, point.id))

    def _wanting(self, grid: Grid) -> tuple[Candidate, ...]:
        rules = self.rules
        if rules.goal == "most_accurate":
            return best.wanting(grid, rules.limits)
        return wanting(grid, rules.target, rules.limits)

    def _climb(self) -> Rounds:
        """Climb every ladder to its end; with a target as far as the answer may be, so perhaps further another time."""
        while True:
            self._end_ladders()
            reaching = self._smallest_reaching()
            left = [one for at, one in enumerate(self._ladders) if at not in self._ended]
            going = [one for one in left if not one.waits(reaching)]
            if not going:
                self._note_waiting(left, reaching)
                return
            yield from self._trained(CLIMB, [point for one in going for point in one.climb()])

    def _note_waiting(self, waiting: Iterable[climb.Ladder], reaching: int | None) -> None:
        for one in waiting:
            last = one.climbed[-1][-1]
            text = f"stops at {last.name}, {last.num_params:,} parameters: {reaching:,} parameters reach the target"
            self._note(CLIMB, text)

    def _note(self, stage: str, text: str) -> None:
        """Say this once."""
        if Note(stage, text) not in self.notes:
            self.notes.append(Note(stage, text))

    def _end_ladders(self) -> None:
        """Find the ladders that end where they are."""
        climbed = [[self._rung(rung) for rung in one.climbed] for one in self._ladders]
        every = [rung for own in climbed for rung in own]
        for at, one in enumerate(self._ladders):
            if one.ended:
                self._ended.add(at)
            elif at not in self._ended and climbed[at]:
                last = one.climbed[-1][-1]
                why = climb.why_it_ends(climbed[at], every, self.known.chance(last), self.rules.limits)
                if not why:
                    continue
                self._ended.add(at)
                self._note(CLIMB, f"ends with {last.name}, {last.num_params:,} parameters: {why}")

    def _rung(self, rung: Sequence[Point]) -> tuple[int, float]:
        """Parameters and accuracy of the best network of one size."""
        return rung[0].num_params, max(self._accuracy(point) for point in rung)

    def _refinement(self) -> Rounds:
        while (now := self._standing()) is not None:
            asked = self._around(now, self.rules.reach)
            if not asked:
                return
            yield from self._trained(REFINEMENT, asked)

    def _more_epochs(self) -> Rounds:
        if not self.rules.epoch_doublings or (grid := self._candidates()) is None:
            return
        before = answer(grid, self.rules)
        for doubling in range(1, self.rules.epoch_doublings + 1):
            epochs = self.rules.epochs * 2**doubling
            yield from self._with_epochs(epochs)
            grid = self._candidates()
            assert grid is not None
            after = answer(grid, self.rules)
            if stays(before, after):
                self._note_epochs(f"the answer stays the same with {epochs} epochs")
                return
            before = after
        self._note_epochs(
            f"ended by study.epoch_doublings={self.rules.epoch_doublings}: the answer may still change with more epochs"
        )

    def _note_epochs(self, text: str) -> None:
        self.notes.append(Note(MORE_EPOCHS, text))

    def _with_epochs(self, epochs: int) -> Rounds:
        """Train the networks around the answer for this many epochs, until all around the answer that follows are."""
        trained: set[str] = set()
        while (grid := self._candidates()) is not None and (now := standing(grid, self.rules)) is not None:
            chosen = [self._root(one) for one in interval_points(grid, answer(grid, self.rules), now)]
            chosen += self._around(now, 1)
            asked = [point for point in {one.id: one for one in chosen}.values() if point.id not in trained]
            if not asked:
                return
            trained |= {point.id for point in asked}
            yield from self._trained(MORE_EPOCHS, asked, epochs)

    def _trained(self, stage: str, points: Sequence[Point], epochs: int | None = None) -> Rounds:
        """Train points of the grid with all seeds, each at its best learning rate, which is looked for first."""
        rules = self.rules
        new = [point for point in points if rules.learning_rates > 1 and point.id not in self._steps]
        yield from self._tuned(stage, new, epochs)
        best = [self._variant(point, self._steps.get(point.id), epochs) for point in points]
        for point, one in zip(points, best, strict=True):
            self._tried.setdefault(point.id, []).append(one.id)
        yield self._round(stage, best, rules.seeds, begins=not new)

    def _tuned(self, stage: str, points: Sequence[Point], epochs: int | None) -> Rounds:
        """Train points at several learning rates, until the best is not at an end."""
        rules, seeds = self.rules, self.rules.seeds[: self.rules.tuning_seeds]
        tried: dict[str, dict[int, tuning.Tried]] = {point.id: {} for point in points}
        steps = {point.id: list(tuning.first_steps(rules.learning_rates)) for point in points}
        while any(steps.values()):
            variants = {(p.id, step): self._variant(p, step, epochs) for p in points for step in steps[p.id]}
            yield self._round(stage, list(variants.values()), seeds, begins=not any(tried.values()))
            for (name, step), one in variants.items():
                accuracy, lost = self.known.accuracy(one, seeds), self.known.lost(one, seeds)
                tried[name][step] = tuning.Tried(accuracy, lost)
                self._tried.setdefault(name, []).append(one.id)
            following = {name: tuning.next_step(own, rules.learning_rates) for name, own in tried.items()}
            steps = {name: [] if step is None else [step] for name, step in following.items()}
        self._steps |= {name: tuning.best_step(own) for name, own in tried.items()}

    def _variant(self, point: Point, step: int | None, epochs: int | None) -> Point:
        settings: dict[str, float | int] = {}
        if step is not None:
            settings[LEARNING_RATE] = tuning.rate(point.config["optimizer"]["learning_rate"], step)
        if epochs is not None:
            settings[EPOCHS] = epochs
        return self.variants(point, settings)

    def _round(
        self, stage: str, points: Sequence[Point], seeds: Sequence[int], *, begins: bool = True, fresh: bool = False
    ) -> Round:
        members = self.known.lacking(Member(point, seed, fresh) for point in points for seed in seeds)
        sizes = sorted(member.point.num_params for member in members)
        networks, own = len({member.point.root for member in members}), len({member.seed for member in members})
        rates = max(Counter(point.root for point in points).values(), default=0)
        several = f"{plural(rates, 'learning rate')}, " if rates > 1 else ""
        kind = "fresh " if fresh else ""
        text = f"{plural(networks, 'network')} of {_span(sizes)} parameters, {several}{plural(own, f'{kind}seed')} each"
        return Round(stage, text, members, begins)

    def _accuracy(self, point: Point) -> float:
        """Of a point of the grid at its best learning rate."""
        return self.known.accuracy(self._variant(point, self._steps.get(point.id), None), self.rules.seeds)

    def _candidates(self) -> Grid | None:
        found = self.known.samples()
        return self.grid_of(found) if found else None

    def _standing(self) -> Standing | None:
        grid = self._candidates()
        return None if grid is None else standing(grid, self.rules)

    def _smallest_reaching(self) -> int | None:
        """Parameters of the smallest network that reaches the target, where there is one."""
        if not self.rules.at_target:
            return None
        now = self._standing()
        return None if now is None or now.winner is None else now.winner.num_params

    def _root(self, one: Candidate) -> Point:
        return self._grid[self.known.point(one.id).root]

    def _around(self, now: Standing, reach: int) -> list[Point]:
        return around(self.networks, self._tried, now, self._root(now.focus), reach)


def _span(sizes: Sequence[int]) -> str:
    if not sizes:
        return "0"
    return f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
