"""Which network is handed over, and which are tested beside it."""

from __future__ import annotations

import pytest

from minjax.findings import winner
from minjax.findings.study import findings
from tests.findings.synthetic import changed, member


def grid():
    """Four sizes with three seeds each; the second network is linear."""
    accuracies = {"small": (50, 0.6), "linear": (70, 0.9), "middle": (100, 0.94), "large": (400, 0.95)}
    found = []
    for name, (size, accuracy) in accuracies.items():
        fields = {"widths": [] if name == "linear" else [size]}
        found += [member(name, size, seed, accuracy + 0.001 * seed, fields=fields) for seed in (1, 2, 3)]
    return found


def test_each_network_is_found_once_for_what_it_is():
    members, sizes = grid(), {"small": 50, "linear": 70, "middle": 110, "large": 420}
    networks, found = winner.networks(members), findings(members)
    assert (found.chosen.point, found.minimal.best.point) == ("middle", "large")
    assert winner.finalists(found, networks, sizes, limit=80, seeds=3) == {
        "winner": "middle", "same_size": "linear", "linear": "linear", "smaller": "linear", "best": "large",
    }  # fmt: skip
    assert "same_size" not in winner.finalists(found, networks, sizes, limit=49, seeds=3)
    assert set(winner.finalists(found, networks, sizes, limit=80, seeds=4)) == {"winner", "smaller", "best"}
    alone = {point: own for point, own in networks.items() if point in ("middle", "large")}
    assert winner.finalists(found, alone, sizes, limit=49, seeds=3) == {"winner": "middle", "best": "large"}


def test_the_best_member_stands_for_a_network_and_fresh_seeds_alone_where_there_are_any():
    members = [one for one in grid() if one.point == "middle"]
    assert winner.best_member(winner.networks(members)["middle"]).seed == 3
    fresh = [member("middle", 100, seed, 0.8 + 0.001 * seed, fresh=True) for seed in (11, 12)]
    networks = winner.networks([*members, *fresh])
    assert winner.best_member(networks["middle"]).seed == 12
    assert winner.accuracy(networks["middle"]) == pytest.approx(0.8115)


def test_the_mean_over_fresh_seeds_has_students_interval():
    fresh = [member("middle", 100, seed, accuracy, fresh=True) for seed, accuracy in ((11, 0.8), (12, 0.82))]
    found = winner.over_seeds(fresh)
    assert (found.accuracy, found.seeds, found.fresh) == (pytest.approx(0.81), 2, True)
    half = 12.706 * 0.01  # Student's t of one degree of freedom, times the deviation over the root of 2
    assert found.interval == pytest.approx((0.81 - half, 0.81 + half), abs=1e-4)
    assert winner.over_seeds(fresh[:1]).interval is None


def test_of_equally_accurate_members_the_one_with_the_lower_loss_stands_for_the_network():
    one = member("a", 10, 1, 0.9)
    other = member("a", 10, 2, 0.9)
    assert winner.best_member([one, other]).seed == 1
    other = changed(other, final=changed(other.final, validation_loss=0.05))
    assert winner.best_member([one, other]).seed == 2


def test_failed_members_say_nothing_and_diverged_ones_count_as_guessing():
    lost = [member("a", 10, 1, 0, status="failed", error="no memory", final=None)]
    diverged = [member("b", 10, 1, 0, status="diverged", final=None), member("b", 10, 2, 0.9)]
    networks = winner.networks([*lost, *diverged])
    assert set(networks) == {"b"}
    assert winner.best_member(diverged[:1]) is None
    assert winner.accuracy(networks["b"]) == 0.5
    assert winner.best_member(networks["b"]).seed == 2
