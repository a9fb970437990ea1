"""The three minimal sizes: known answers, fresh seeds, and what must hold on any grid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.errors import UserError
from minjax.findings.candidates import Candidate, Grid
from minjax.findings.samples import LIMITS
from minjax.findings.sizes import near_best, stable, target, wanting
from minjax.findings.verdicts import judge
from tests.findings.grids import around, candidate, imaged, knee

FEW = 200  # replicates where their number does not matter


def changed(grid: Grid, point: str, **fields) -> Grid:
    one = next(one for one in grid.candidates if one.point == point)
    others = tuple(other for other in grid.candidates if other is not one)
    return dataclasses.replace(grid, candidates=(*others, dataclasses.replace(one, **fields)))


def spread(one: Candidate) -> Candidate:
    """The same candidate with a deviation over seeds of 0.2 in log-odds."""
    mean = float(one.accuracy.mean())
    return dataclasses.replace(one, accuracy=around(mean, 0.2 * mean * (1 - mean)))


class TestKnownAnswers:
    def test_target(self):
        size = target(knee(), 0.94)
        assert size.num_params == 400
        assert size.interval == (400, 400)
        assert size.decided
        assert size.winner.point == "good-400"
        assert (size.winner.reached, size.winner.seeds, size.winner.failed) == (5, 5, 0)
        assert size.below.point == "good-200"
        assert size.below.verdict == "falls short"
        assert size.best.point == "good-1600"

    def test_near_best(self):
        size = near_best(knee(), dataclasses.replace(LIMITS, tolerance=0.03))
        assert (size.num_params, size.interval) == (400, (400, 400))
        assert size.level == pytest.approx(0.941)

    def test_a_comparison_that_the_data_cannot_decide(self):
        size = near_best(knee(), dataclasses.replace(LIMITS, tolerance=0.0005))
        assert size.num_params == 1600
        assert size.interval == (800, 1600)
        assert set(size.possible) == {800, 1600}
        assert not size.decided

    def test_not_reached(self):
        size = target(knee(), 0.99)
        assert (size.num_params, size.winner, size.interval) == (None, None, (None, None))
        assert size.best.point == "good-1600"
        assert size.best.accuracy == pytest.approx(0.971)
        assert size.fresh_wanted == ()

    def test_stable(self):
        size = stable(knee())
        assert size.num_params == 100
        assert size.winner.point == "good-100"

    def test_a_bad_deep_network_vetoes_nobody(self):
        alone = tuple(one for one in knee().candidates if one.point.startswith("good"))
        assert target(knee(), 0.94).num_params == target(dataclasses.replace(knee(), candidates=alone), 0.94).num_params

    def test_an_erratic_size_does_not_reach(self):
        size = target(changed(knee(), "good-400", accuracy=around(0.95, 0.05)), 0.94)
        assert size.num_params == 800
        assert size.below.deviation == pytest.approx(0.05, rel=0.02)

    def test_a_size_with_a_failed_seed_does_not_reach(self):
        size = target(changed(knee(), "good-400", diverged=frozenset({3})), 0.94)
        assert size.num_params == 800
        assert size.interval == (800, 800)
        assert size.below.failed == 1

    def test_the_best_learning_rate_counts(self):
        low = candidate("good-200", 200, around(0.93), hyperparameters="learning_rate=0.3")
        grid = knee()
        size = target(dataclasses.replace(grid, candidates=(*grid.candidates, low)), 0.92)
        assert (size.num_params, size.winner.hyperparameters) == (200, "learning_rate=0.3")

    def test_of_two_networks_of_a_size_the_better_wins(self):
        better = candidate("wide-400", 400, around(0.96))
        grid = knee()
        assert target(dataclasses.replace(grid, candidates=(*grid.candidates, better)), 0.94).winner.point == "wide-400"

    def test_few_images_leave_more_sizes_possible(self):
        wide, narrow = target(knee(images=500), 0.94), target(knee(), 0.94)
        assert set(wide.possible) > set(narrow.possible)

    def test_a_tie_reaches_the_level(self):
        """Means of five seeds on 360 images are multiples of 1/1800, whose last binary digits differ."""
        mean, best = 1705 / 1800, 1723 / 1800
        found = [candidate("a", 10, [mean] * 5), candidate("b", 20, [best] * 5)]
        size = near_best(Grid(tuple(found), (36,) * 10))
        assert (size.num_params, size.winner.reached) == (10, 5)

    def test_the_smaller_network_is_one_with_all_its_seeds(self):
        """A learning rate that was left after two seeds looks better than it is, and gets no fresh seeds."""
        grid = knee()
        lucky = candidate("good-200", 200, [0.939, 0.9385], hyperparameters="learning_rate=1")
        tried = dataclasses.replace(grid, candidates=(*grid.candidates, lucky), least_seeds=5)
        assert target(tried, 0.94).below.hyperparameters == ""
        assert lucky not in wanting(tried, 0.94)
        alone = dataclasses.replace(
            tried, candidates=(lucky, *(one for one in grid.candidates if one.num_params > 300))
        )
        assert target(alone, 0.94).below.hyperparameters == "learning_rate=1"

    def test_target_out_of_range(self):
        for accuracy in (0.1, 1.01):
            with pytest.raises(UserError, match=r"must be above chance, 0\.1, and at most 1"):
                target(knee(), accuracy)

    def test_no_steady_network(self):
        erratic = Grid(tuple(candidate(f"a{n}", n, around(0.6, 0.2)) for n in (10, 20)), (40,) * 10)
        size = near_best(erratic)
        assert (size.num_params, size.interval) == (None, (None, None))
        assert size.level is None
        assert size.best.reached is None

    def test_a_setting_tried_with_few_seeds_is_no_answer(self):
        tried = candidate("good-200", 200, [0.97, 0.975], hyperparameters="learning_rate=0.3")
        grid = dataclasses.replace(knee(), candidates=(tried, *knee().candidates))
        assert target(grid, 0.94).num_params == 200
        size = target(dataclasses.replace(grid, least_seeds=5), 0.94)
        assert (size.num_params, size.interval) == (400, (200, 400))
        best = near_best(dataclasses.replace(grid, least_seeds=5)).best
        assert best.point == "good-1600"
        assert stable(dataclasses.replace(grid, least_seeds=6)).num_params is None

    def test_two_seeds_far_below_the_level_do_not_leave_it_possible(self):
        """They scatter by 4 points at 75 %, no more in log-odds than the others do near 97 %."""
        good = [one for one in knee().candidates if one.point.startswith("good")]
        tried = [
            candidate(f"tried-{size}", size, (mean - 0.037, mean + 0.037), hyperparameters="learning_rate=1")
            for size, mean in ((50, 0.75), (60, 0.74), (70, 0.76))
        ]
        grid = dataclasses.replace(knee(), candidates=(*tried, *(spread(one) for one in good)), least_seeds=5)
        assert target(grid, 0.94).interval == (400, 400)


class TestFreshSeeds:
    def test_who_gets_them(self):
        limits = dataclasses.replace(LIMITS, tolerance=0.03)
        assert [one.point for one in wanting(knee(), 0.94)] == ["good-200", "good-400"]
        assert [one.point for one in wanting(knee(), None, limits)] == ["good-200", "good-400", "good-1600"]
        assert wanting(knee(fresh=True), 0.94) == ()
        assert wanting(knee(), 0.99) == ()

    def test_the_accuracy_stated_is_that_of_the_fresh_seeds(self):
        grid = dataclasses.replace(
            knee(), candidates=(candidate("lucky", 300, around(0.945), fresh=around(0.941)), *knee().candidates)
        )
        size = target(grid, 0.94)
        assert size.winner.point == "lucky"
        assert size.winner.accuracy == pytest.approx(0.941)
        assert size.winner.first_accuracy == pytest.approx(0.945)
        assert (size.winner.fresh, size.winner.seeds) == (5, 10)

    def test_fresh_seeds_decide_even_against_the_first_ones(self):
        late = candidate("late", 300, around(0.9), fresh=around(0.945))
        size = target(dataclasses.replace(knee(), candidates=(late, *knee().candidates)), 0.94)
        assert (size.num_params, size.interval) == (300, (300, 400))

    def test_a_winner_by_luck_loses_its_place(self):
        lucky = candidate("lucky", 300, around(0.942), fresh=around(0.93))
        size = target(dataclasses.replace(knee(), candidates=(lucky, *knee().candidates)), 0.94)
        assert size.num_params == 400
        assert size.below.point == "lucky"

    def test_the_best_found_is_worth_what_its_fresh_seeds_say(self):
        lucky = candidate("lucky", 5000, around(0.99), fresh=around(0.972))
        size = near_best(dataclasses.replace(knee(), candidates=(lucky, *knee().candidates)))
        assert size.best.point == "lucky"
        assert size.level == pytest.approx(0.962)
        assert size.num_params == 800

    def test_without_them_falling_short_of_the_best_takes_more(self):
        """On a plateau of equals the best is so by luck, and what seems to fall short of it need not."""
        rng = np.random.default_rng(0)
        plateau = [candidate(f"p{n}", 1000 + n, rng.normal(0.95, 0.01, 5)) for n in range(20)]
        small = candidate("small", 100, around(0.938, 0.01))
        grid = Grid((small, *plateau), (1000,) * 10)
        assert near_best(grid).interval[0] == 100


@st.composite
def grids(draw) -> Grid:
    count = draw(st.integers(1, 8))
    found = []
    for number in range(count):
        seeds = draw(st.integers(2, 5))
        mean = draw(st.floats(0.2, 0.97))
        noise = draw(st.sampled_from([0.0, 0.004, 0.03]))
        accuracy = np.clip(
            mean + noise * np.array(draw(st.lists(st.floats(-2, 2), min_size=seeds, max_size=seeds))), 0, 1
        )
        fresh = draw(st.booleans())
        again = np.clip(mean + noise * np.array([1.0, -1.0]), 0, 1) if fresh else ()
        found.append(candidate(f"p{number}", draw(st.integers(1, 6)) * 100, accuracy, fresh=again))
    return Grid(tuple(found), (36,) * 10)


def places(size) -> tuple[float, float, float]:
    """Minimal size and interval, beyond the grid being infinite."""
    low, high = size.interval
    return tuple(np.inf if one is None else one for one in (size.num_params, low, high))


@settings(deadline=None, max_examples=25)
@given(grid=grids(), accuracy=st.floats(0.15, 0.99))
def test_the_interval_holds_the_answer(grid, accuracy):
    for size in (target(grid, accuracy, replicates=FEW), near_best(grid, replicates=FEW), stable(grid)):
        found, low, high = places(size)
        assert low <= found <= high
        assert size.num_params is None or size.num_params in size.possible
        assert all(low <= one <= high for one in size.possible)


@settings(deadline=None, max_examples=25)
@given(grid=grids(), accuracy=st.floats(0.15, 0.99), random=st.randoms())
def test_order_of_candidates_and_seeds_changes_nothing(grid, accuracy, random):
    def turned(one: Candidate) -> Candidate:
        order = list(range(len(one.seeds)))
        random.shuffle(order)
        return dataclasses.replace(one, seeds=tuple(one.seeds[at] for at in order), accuracy=one.accuracy[order])

    shuffled = [turned(one) for one in grid.candidates]
    random.shuffle(shuffled)
    other = dataclasses.replace(grid, candidates=tuple(shuffled))
    assert repr(target(grid, accuracy, replicates=FEW)) == repr(target(other, accuracy, replicates=FEW))
    assert repr(near_best(grid, replicates=FEW)) == repr(near_best(other, replicates=FEW))
    assert repr(stable(grid)) == repr(stable(other))


@settings(deadline=None, max_examples=25)
@given(grid=grids(), tolerances=st.tuples(st.floats(0.001, 0.2), st.floats(0.001, 0.2)))
def test_more_tolerance_never_takes_a_larger_size(grid, tolerances):
    small, large = (
        places(near_best(grid, dataclasses.replace(LIMITS, tolerance=one), replicates=FEW))[0]
        for one in sorted(tolerances)
    )
    assert large <= small


@settings(deadline=None, max_examples=25)
@given(grid=grids(), accuracy=st.floats(0.2, 0.97), size=st.integers(1, 6))
def test_a_bad_candidate_changes_no_answer_at_a_target(grid, accuracy, size):
    bad = candidate("bad", 100 * size, around(0.15, 0.03))
    more = dataclasses.replace(grid, candidates=(*grid.candidates, bad))
    assert places(target(more, accuracy, replicates=FEW))[0] == places(target(grid, accuracy, replicates=FEW))[0]


def test_images_make_differences_sure():
    """Networks that are right on the same images differ by less error than images a seed would say."""
    grid = imaged(np.random.default_rng(3), {f"p{n}": (100 * n, 0.7 + 0.05 * n) for n in range(1, 5)}, seeds=8)
    size = near_best(grid, dataclasses.replace(LIMITS, tolerance=0.07, sigma=0.05))
    assert size.num_params == 300
    assert size.interval[0] >= 200
    assert all("not recorded" not in note for note in size.notes)


def test_the_error_against_the_best_leaves_out_what_images_do_to_both():
    grid = imaged(np.random.default_rng(3), {"a": (100, 0.6), "b": (200, 0.62)}, seeds=8, own=False)
    loose = dataclasses.replace(LIMITS, sigma=0.05)
    relative, absolute = judge(grid, None, loose), judge(grid, 0.6, loose)
    best = relative.best
    assert relative.error[best] == 0
    assert relative.error[1 - best] ** 2 < 0.9 * (absolute.error**2).sum()
