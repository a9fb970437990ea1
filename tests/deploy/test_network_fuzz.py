"""Networks and exports, damaged and hostile, from a seed; `tests/fuzz.py` runs more of them."""

from __future__ import annotations

import pytest

from tests import fuzz


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tries"), [("network", 250), ("export", 500)])
def test_refused_in_one_line_or_read_as_the_file_says(name, tries, tmp_path):
    totals = fuzz.fuzz(fuzz.load(name), tmp_path, until=lambda number: number == tries)
    assert totals.failures == []
    assert totals.outcomes.total() == tries
    assert set(totals.outcomes) == {"refused", "identical", "as the file says"}
    assert totals.outcomes["refused"] > tries / 2
