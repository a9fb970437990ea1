"""What long work shows: a bar on a terminal, a line a minute elsewhere, and no nonsense at the end."""

from __future__ import annotations

import io
import warnings

import pytest

from minjax.tasks import console
from minjax.tasks.console import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(console.time, "perf_counter", lambda: now[0])
    return now


def test_lines_come_once_a_minute_with_the_time_left(clock, capsys):
    progress = Progress(10, done=2, unit="versions")
    for _ in range(4):
        clock[0] += 31
        progress.advance(1, status="accuracy 90 %")
    progress.close()
    assert capsys.readouterr().out.splitlines() == [
        "4/10 versions; accuracy 90 %; 3 min 06 s left",
        "6/10 versions; accuracy 90 %; 2 min 04 s left",
    ]


def test_long_work_shows_that_it_goes_on(clock, capsys):
    progress = Progress(10, unit="members")
    for _ in range(3):
        clock[0] += 61
        progress.advance(0)
    progress.advance(2)  # in 183 seconds
    clock[0] += 61
    progress.advance(0)  # 61 of the 732 seconds that were left then
    assert capsys.readouterr().out.splitlines() == ["0/10 members"] * 3 + ["2/10 members; 11 min 11 s left"]


def test_nothing_is_said_at_the_very_end(clock, capsys):
    progress = Progress(1, unit="versions")
    clock[0] += 1000
    progress.advance(1)
    assert (capsys.readouterr().out, progress.seconds_left) == ("", 0)


def test_work_beyond_an_estimate_leaves_the_bar_full_and_no_time_below_zero(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("tqdm.std.sys.stderr", terminal)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Progress(1.0) as progress:
            for _ in range(13):
                progress.advance(0.1, "3/3 members", "6 parameters")
                progress._bar.refresh()
            assert progress.seconds_left == 0
            progress.extend(1.0)
            progress.advance(0.1, "3/4 members")
            progress._bar.refresh()
    shown = terminal.getvalue().split("\r")
    assert "clamping" not in terminal.getvalue()
    assert "<-" not in terminal.getvalue()
    assert "3/4 members" in shown[-2]
    assert " 70%" in shown[-2]
