"""Numbers and names as pages print them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minjax.report.formats import (
    count,
    decimal,
    duration,
    mean_std,
    percent,
    plain,
    printable,
    shorten,
    speed,
    spent,
)

DASH = "–"  # noqa: RUF001


@given(st.text(), st.integers(3, 40))
def test_shorten_keeps_both_ends(text, length):
    short = shorten(text, length)
    assert len(short) <= length
    assert short == text or (short[0] == text[0] and "…" in short)


def test_numbers():
    assert mean_std([0.9, 0.92]) == "91.00 ± 1.41 %"
    assert mean_std([0.9172]) == "91.72 %"
    assert mean_std([]) == percent(None) == decimal(None) == count(None) == duration(None) == DASH
    assert (percent(0.5, 0), decimal(0.12345), count(701466)) == ("50 %", "0.1235", "701,466")
    spent = [duration(seconds) for seconds in (0.44, 59.96, 185, 3720)]
    assert spent == ["0.4 s", "1 min 00 s", "3 min 05 s", "1 h 02 min"]


def test_runs_of_one_program_say_so():
    assert (speed(4012.3), speed(4012.3, 3), speed(None, 3)) == ("4,012", "4,012 (3 runs together)", DASH)
    assert (spent(12.3), spent(12.3, 3), spent(None, 3)) == ("12.3 s", "12.3 s (share of 3 runs)", DASH)


def test_values_of_a_configuration():
    assert [plain(value) for value in (None, "a", 0.1, [1, None], False)] == [DASH, "a", "0.1", "[1, null]", "false"]


def test_what_could_mislead_is_replaced():
    assert printable("two\nlines\x00 \udcff \u202eabc 日本語") == "two\ufffdlines\ufffd \ufffd \ufffdabc 日本語"
