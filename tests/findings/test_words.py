"""Numbers as sentences print them."""

from __future__ import annotations

import pytest

from minjax.findings import words
from minjax.findings.regimes import definition
from minjax.findings.samples import Limits


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.01, "1 point"), (0.005, "0.5 points"), (0.02, "2 points"), (0.0125, "1.25 points")]
)
def test_points(fraction, text):
    assert words.points(fraction) == text


@pytest.mark.parametrize(
    ("seconds", "digits", "text"),
    [
        (0.4, 0, "0 s"),
        (59.6, 0, "1 min 00 s"),
        (59.94, 1, "59.9 s"),
        (59.96, 1, "1 min 00 s"),
        (200, 0, "3 min 20 s"),
        (3599.6, 1, "1 h 00 min"),
        (7500, 0, "2 h 05 min"),
    ],
)
def test_durations(seconds, digits, text):
    assert words.duration(seconds, digits) == text


def test_two_numbers_that_differ_do_not_read_alike():
    assert words.apart(0.93, 0.94) == ("93.00 %", "94.00 %")
    assert words.apart(0.966664, 0.966668) == ("96.666 %", "96.667 %")
    assert words.apart(0.5, 0.5) == ("50.000000 %", "50.000000 %")


def test_lists_and_plurals():
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b"], "or") == "a or b"
    assert (words.plural(1, "seed"), words.plural(1135, "network")) == ("1 seed", "1,135 networks")


def test_the_regimes_are_defined_with_the_tolerances_that_were_used():
    assert "more than 2 points over seeds, or if more than 25 % of its seeds" in definition()
    assert "is more than 75 % lower on training images than on others" in definition(Limits(relative_gap=0.75))
    assert "ends more than 10 % above its lowest value" in definition()
