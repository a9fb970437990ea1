"""Members gathered by point."""

from __future__ import annotations

import pytest

from minjax.errors import UserError
from minjax.findings.samples import repeated, samples
from tests.findings.synthetic import member, point


def test_points_are_in_the_order_of_size_and_seeds_in_theirs():
    found = samples(
        [member("b", 20, 1, 0.8), member("a", 10, 0, 0.5), member("b", 20, 0, 0.9), member("a", 10, 1, 0.7)]
    )
    assert [sample.point for sample in found] == ["a", "b"]
    assert found[1].seeds == (0, 1)
    assert list(found[1].accuracy) == [0.9, 0.8]
    assert found[0].mean == pytest.approx(0.6)
    assert found[0].sigma == pytest.approx(0.1 * 2**0.5)


def test_diverged_members_end_at_chance_and_failed_ones_say_nothing():
    found = samples(
        [
            *point("a", 10, [0.9, 0.9]),
            member("a", 10, 2, 0.0, status="diverged", final=None),
            member("a", 10, 3, 0.0, status="failed", final=None),
        ]
    )
    assert list(found[0].accuracy) == [0.9, 0.9, 0.1]
    assert list(found[0].train_accuracy) == [0.9, 0.9, 0.1]


def test_a_seed_recorded_twice_counts_once():
    found = samples([*point("a", 10, [0.9, 0.9, 0.6]), member("a", 10, 2, 0.9, name="another name")])
    assert list(found[0].accuracy) == [0.9, 0.9, 0.9]


def test_one_seed_is_refused_by_name():
    with pytest.raises(UserError, match=r"point b .* has 1 seed; .* at least 2"):
        samples([*point("a", 10, [0.9, 0.9]), member("b", 20, 0, 0.9)])


def test_a_point_that_failed_is_left_out_and_a_study_that_failed_is_refused():
    failed = point("b", 20, [0.0, 0.0], status="failed", final=None)
    assert [sample.point for sample in samples([*point("a", 10, [0.9, 0.9]), *failed])] == ["a"]
    with pytest.raises(UserError, match="no point of the study"):
        samples(failed)


def test_equal_is_of_the_widths_and_not_of_the_name():
    one = samples(point("a", 10, [0.9, 0.9], fields={"widths": [1, 1]}, labels={"shape": "increasing"}))[0]
    other = samples(point("a", 10, [0.9, 0.9], fields={"widths": [1, 2]}, labels={"shape": "increasing"}))[0]
    assert (one.equal, other.equal) == (True, False)
    assert one.depth == 2


def test_points_with_a_single_seed_are_left_to_wait():
    members = [*point("a", 10, [0.5, 0.6]), *point("b", 20, [0.7])]
    assert {member.point for member in repeated(members)} == {"a"}
    assert len(samples(repeated(members))) == 1
