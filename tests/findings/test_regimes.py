"""Regimes of synthetic points, each condition alone."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.errors import UserError
from minjax.findings import regimes as kinds_of
from minjax.findings.samples import LIMITS, Limits, samples
from minjax.records.member import History
from tests.findings.synthetic import changed, member, point

NOISE = np.array([-0.003, -0.001, 0.0, 0.001, 0.003])


def regimes(members, limits=LIMITS):
    return kinds_of.regimes(samples(members), limits)


def kinds(members, **limits):
    return [one.regime for one in regimes(members, Limits(**limits))]


def study(means, gaps=None, sizes=None):
    gaps = np.zeros(len(means)) if gaps is None else gaps
    sizes = [100 * 2**i for i in range(len(means))] if sizes is None else sizes
    members = []
    for i, (size, mean, gap) in enumerate(zip(sizes, means, gaps, strict=True)):
        for seed, noise in enumerate(NOISE):
            members.append(member(f"p{i}", size, seed, mean + noise, train_accuracy=mean + noise + gap))
    return members


def test_the_three_in_order():
    found = kinds(
        [
            *point("tiny", 10, [0.1, 0.3, 0.2, 0.5, 0.1]),
            *study([0.5, 0.7, 0.8, 0.9, 0.9, 0.899, 0.901, 0.9], [0, 0, 0, 0.02, 0.06, 0.08, 0.09, 0.1]),
        ]
    )
    assert found == ["unstable"] + ["learning"] * 4 + ["overfitting"] * 4


def test_a_gap_while_accuracy_rises_is_learning():
    assert kinds(study(np.linspace(0.5, 0.9, 8), np.full(8, 0.08))) == ["learning"] * 8


def test_no_gap_is_learning_however_flat():
    assert set(kinds(study(np.full(8, 0.9), np.full(8, 0.04)))) == {"learning"}


def test_the_gap_counts_relative_to_the_error_so_that_easy_data_can_be_overfitted():
    easy = study(np.full(8, 0.98), np.full(8, 0.012))
    assert set(kinds(easy)) == {"overfitting"}
    assert set(kinds(easy, relative_gap=0.7)) == {"learning"}
    hard = study(np.full(8, 0.6), np.full(8, 0.012))
    assert set(kinds(hard)) == {"learning"}


def with_losses(members, held, train=(2.0, 1.0, 0.5, 0.2, 0.1)):
    """The same members with a validation loss and a training loss after each epoch."""
    return [
        changed(
            one,
            history=History(
                train_loss=list(train),
                train_accuracy=[0.5] * len(train),
                validation_loss=list(held(one.seed)),
                validation_accuracy=[0.5] * len(train),
            ),
        )
        for one in members
    ]


def test_the_gap_compares_shares_of_images_also_where_classes_count_alike():
    members = [
        changed(one, final=changed(one.final, balanced_accuracy=one.final.validation_accuracy - 0.3))
        for one in study(np.full(8, 0.9), np.full(8, 0.02))
    ]
    for one in regimes(members):
        assert (one.regime, round(one.mean, 6), round(one.gap, 6)) == ("learning", 0.6, 0.02)


RISING, FLAT = (2.0, 1.0, 0.8, 0.9, 1.0), (2.0, 1.0, 0.8, 0.8, 0.85)


def test_a_rising_validation_loss_is_overfitting_without_any_gap():
    members = study(np.linspace(0.5, 0.9, 5))
    (found,) = {(one.regime, one.by_gap, one.by_loss) for one in regimes(with_losses(members, lambda seed: RISING))}
    assert found == ("overfitting", False, True)
    (found,) = {(one.regime, one.by_gap, one.by_loss) for one in regimes(with_losses(members, lambda seed: FLAT))}
    assert found == ("learning", False, False)
    assert set(kinds(with_losses(members, lambda seed: FLAT), loss_rise=0.05)) == {"overfitting"}
    most = with_losses(members, lambda seed: RISING if seed < 3 else FLAT)
    assert set(kinds(most)) == {"overfitting"}
    assert set(kinds(with_losses(members, lambda seed: RISING if seed < 2 else FLAT))) == {"learning"}


def test_a_loss_that_rises_on_both_sides_is_no_overfitting():
    members = study(np.linspace(0.5, 0.9, 5))
    assert set(kinds(with_losses(members, lambda seed: RISING, train=(2.0, 1.0, 0.5, 0.6, 0.7)))) == {"learning"}


def test_each_reading_by_itself():
    flat = study(np.full(8, 0.9), np.full(8, 0.08))
    for one in regimes(with_losses(flat, lambda seed: FLAT)):
        assert [kinds_of.by_reading(one, reading) for reading in ("gap", "loss")] == ["overfitting", "learning"]
    assert {one.by_loss for one in regimes(flat)} == {None}  # no learning curves
    (erratic,) = regimes(with_losses(point("a", 10, [0.9, 0.8, 0.9, 0.8]), lambda seed: RISING))
    assert (erratic.by_gap, erratic.by_loss, kinds_of.by_reading(erratic, "loss")) == (None, None, "unstable")


def test_seeds_that_die_make_a_point_unstable():
    # a deviation under the limit is not enough: two of five at chance are more than a quarter, one is not
    two, one = [0.145, 0.145, 0.16, 0.16, 0.16], [0.145, 0.16, 0.16, 0.16, 0.16]
    found = regimes([*point("two", 10, two), *point("one", 20, one)])
    assert [each.regime for each in found] == ["unstable", "learning"]
    assert [each.at_chance for each in found] == [2, 1]
    assert max(each.sigma for each in found) < 0.02


def test_deviation_alone_makes_a_point_unstable():
    assert kinds(point("a", 10, [0.9, 0.85, 0.9, 0.85])) == ["unstable"]
    assert kinds(point("a", 10, [0.9, 0.85, 0.9, 0.85]), sigma=0.03) == ["learning"]


def test_an_unstable_neighbour_does_not_hide_the_rise():
    members = study([0.6, 0.7, 0.8, 0.85, 0.9], np.full(5, 0.08))
    members += point("broken", 1700, [0.1, 0.9, 0.1, 0.5, 0.1])
    assert [one.regime for one in regimes(members) if one.name != "broken"] == ["learning"] * 5


def test_the_neighbours_are_near_in_size():
    # rises over three decades, then flat over three: only what is near decides
    means = np.concatenate([np.linspace(0.3, 0.9, 10), np.full(10, 0.9)])
    found = kinds(study(means, np.full(20, 0.08)))
    assert found[:9] == ["learning"] * 9
    assert found[12:] == ["overfitting"] * 8


def test_another_family_is_no_neighbour():
    rising = study([0.5, 0.6, 0.7, 0.8, 0.9], np.full(5, 0.08))
    other = [changed(one, point="c" + one.point, family="cnn") for one in study(np.full(5, 0.9))]
    assert [one.regime for one in regimes([*rising, *other]) if one.family == "dnn"] == ["learning"] * 5


def test_two_points_have_no_slope():
    found = regimes(study([0.9, 0.9], [0.1, 0.1]))
    assert [(one.regime, one.slope) for one in found] == [("learning", None)] * 2


def test_diverged_members_are_at_chance():
    members = [*point("a", 10, [0.9, 0.9, 0.9]), member("a", 10, 9, 0.0, status="diverged", final=None)]
    assert regimes(members)[0].at_chance == 1
    assert regimes(members)[0].regime == "unstable"


def test_one_seed_is_refused():
    with pytest.raises(UserError, match="at least 2"):
        regimes([member("a", 10, 0, 0.9)])
