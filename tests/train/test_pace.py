"""How many steps a dispatch takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minjax.train.pace import TARGET_SECONDS, WHOLE_SECONDS, Pace


@given(st.integers(1, 10_000), st.floats(1e-5, 100))
def test_a_dispatch_is_short_enough_and_never_empty(left, seconds):
    pace = Pace()
    assert 1 <= pace.steps(left) <= 2
    pace.note(1, seconds)
    steps = pace.steps(left)
    assert 1 <= steps <= left
    assert steps == 1 or steps * seconds <= max(TARGET_SECONDS, WHOLE_SECONDS)
    if left * seconds <= WHOLE_SECONDS:
        assert steps == left


def test_a_number_that_was_asked_for_is_kept():
    pace = Pace(fixed=5)
    pace.note(5, 100.0)
    assert (pace.steps(100), pace.steps(3)) == (5, 3)
