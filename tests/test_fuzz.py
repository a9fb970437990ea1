"""Files of every format, damaged and hostile, from a seed; `tests/fuzz.py` runs more of them."""

from __future__ import annotations

import random

import pytest

from tests import fuzz
from tests.compress import packed_mutations

TRIES = {"packed": 2500, "records": 1500, "checkpoint": 150, "network": 250, "export": 500}


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_refused_in_one_line_or_read_as_the_file_says(name, tmp_path):
    tries = TRIES[name]
    totals = fuzz.fuzz(fuzz.load(name), tmp_path, until=lambda number: number == tries)
    assert totals.failures == []
    assert totals.outcomes.total() == tries
    assert set(totals.outcomes) == {"refused", "identical", "as the file says"}
    assert totals.outcomes["refused"] > tries / 2
    assert name != "packed" or min(totals.outcomes.values()) > tries / 100, "too many mutations are of one kind"


def test_a_try_is_the_same_every_time():
    files = [packed_mutations.mutate(random.Random(f"0/{number}")) for number in range(40)]
    assert files == [packed_mutations.mutate(random.Random(f"0/{number}")) for number in range(40)]
    assert len({file[packed_mutations.FILE] for file in files}) > 30


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (IndexError("list index"), "try 0: IndexError: list index"),
        (MemoryError(), "try 0: MemoryError"),
        (packed_mutations.TARGET, None),
    ],
)
def test_what_fails_is_counted_with_its_number(tmp_path, outcome, message):
    def read(folder):
        raise outcome

    target = outcome if message is None else fuzz.Target(packed_mutations.mutate, read, packed_mutations.judge)
    totals = fuzz.fuzz(target, tmp_path, until=lambda number: number == 5)
    assert totals.outcomes["anything else"] == (0 if message is None else 5)
    assert message is None or totals.failures[0].startswith(message)
