"""The most accurate network: known answers, and how often it is decided, or its interval wrong, by chance."""

from __future__ import annotations

import numpy as np

from minjax.findings.best import most_accurate, wanting
from minjax.findings.candidates import Grid
from tests.findings.grids import around, candidate, knee

SIMULATIONS = 200
FEW = 400
CLASSES = (1000,) * 10


def grid(*candidates, classes=CLASSES):
    return Grid(tuple(candidates), classes)


def test_the_best_is_named_with_its_interval_and_the_next():
    found = most_accurate(grid(*(candidate(f"p{size}", size, around(mean, 0.001)) for size, mean in
                                 ((100, 0.80), (200, 0.90), (400, 0.95), (800, 0.94)))))  # fmt: skip
    assert (found.network.point, found.network.accuracy) == ("p400", 0.95)
    assert (found.runner_up.point, found.runner_up.num_params) == ("p800", 800)
    assert (found.decided, found.rivals, found.smallest_rival) == (True, 0, None)
    assert (found.network.reached, found.runner_up.reached) == (None, None)  # there is no level
    low, high = found.interval
    assert 0.94 < low < 0.95 < high < 0.96


def test_what_the_data_cannot_tell_apart_is_said():
    found = most_accurate(knee())
    assert found.network.point == "good-1600"
    assert (found.decided, found.rivals, found.smallest_rival.point) == (False, 1, "good-800")


def test_another_learning_rate_of_the_network_itself_is_no_rival():
    rates = [candidate("p400", 400, around(0.95), hyperparameters=f"learning_rate={rate}") for rate in (0.1, 0.3)]
    worse = [candidate("p200", 200, around(0.949), hyperparameters=f"learning_rate={rate}") for rate in (0.1, 0.3)]
    assert most_accurate(grid(*rates, candidate("p100", 100, around(0.8)))).decided
    found = most_accurate(grid(*rates, *worse))
    assert (found.rivals, found.smallest_rival.point) == (1, "p200")
    assert (found.network.point, found.runner_up.point) == ("p400", "p200")


def test_the_mean_counts_however_much_the_seeds_deviate():
    found = most_accurate(grid(candidate("a", 100, around(0.9)), candidate("b", 200, around(0.95, 0.03))))
    assert (found.network.point, found.runner_up.point, found.decided) == ("b", "a", True)


def test_a_network_with_a_failed_seed_is_not_handed_over():
    lost = candidate("b", 200, np.array([0.1, 0.99, 0.99, 0.99, 0.99]))
    found = most_accurate(grid(candidate("a", 100, around(0.7)), lost))
    assert (found.network.point, found.runner_up) == ("a", None)
    nothing = most_accurate(grid(lost))
    assert (nothing.network, nothing.interval, nothing.decided) == (None, None, False)


def test_the_two_that_look_best_get_fresh_seeds_and_these_decide():
    a, b, c = (
        candidate(name, size, around(mean)) for name, size, mean in (("a", 1, 0.9), ("b", 2, 0.91), ("c", 3, 0.8))
    )
    assert [one.point for one in wanting(grid(a, b, c))] == ["a", "b"]
    fresh = {"a": [0.90, 0.91, 0.92] * 4, "b": [0.87, 0.88, 0.89] * 4}
    a, b = (candidate(one.point, one.num_params, one.accuracy, fresh=fresh[one.point]) for one in (a, b))
    assert wanting(grid(a, b, c)) == ()
    found = most_accurate(grid(a, b, c))
    assert (found.network.point, found.network.accuracy, found.network.fresh) == ("a", np.mean(fresh["a"]), 12)
    assert found.network.first_accuracy == np.mean(a.accuracy[:5])


def noisy(rng, means, seeds=5, fresh=0):
    """Networks whose seeds scatter by a point, on so many images that these do not matter."""
    draw = lambda mean, n: mean + 0.01 * rng.standard_normal(n)  # noqa: E731
    found = [candidate(f"p{i}", 100 + i, draw(mean, seeds), fresh=draw(mean, fresh)) for i, mean in enumerate(means)]
    return grid(*found, classes=(10**7,) * 10)


def test_equal_networks_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    found = [most_accurate(noisy(rng, [0.9] * 3), replicates=FEW).decided for _ in range(SIMULATIONS)]
    assert sum(found) <= 0.08 * SIMULATIONS


def test_the_interval_holds_what_the_network_is_worth_once_it_has_fresh_seeds():
    rng = np.random.default_rng(0)
    found = [most_accurate(noisy(rng, [0.9] * 6, fresh=5), replicates=1).interval for _ in range(SIMULATIONS)]
    assert np.mean([low <= 0.9 <= high for low, high in found]) >= 0.92
    chosen = [most_accurate(noisy(rng, [0.9] * 6), replicates=1).interval for _ in range(SIMULATIONS)]
    assert np.mean([low <= 0.9 <= high for low, high in chosen]) < 0.9  # the winner's curse
