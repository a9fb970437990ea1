"""Answers as tables: families with the winner marked, the staircase without repetitions."""

from __future__ import annotations

from minjax.findings import tables
from tests.findings.synthetic import point
from tests.findings.test_certificate import study
from tests.findings.test_sentences import found


def test_families_with_the_winner_first():
    cnn = [
        m for size in (50, 300) for m in point(f"c{size}", size, [0.97] * 5 if size == 300 else [0.3] * 5, family="cnn")
    ]
    both = found([*study(), *cnn], target=0.96)
    rows = tables.families(both, both.certificates)
    assert [row[:3] for row in rows] == [
        ("→ all families", "c300", "300"), ("cnn", "c300", "300"), ("dnn", "not reached", ""),
    ]  # fmt: skip
    assert rows[0][4:] == ("97.00 % (5 seeds, as chosen)", "5 of 5", "97.00 %, c300")
    assert rows[2][6] == "95.00 %, p400"
    alone = found(study(), target=0.9)
    assert [row[0] for row in tables.families(alone, alone.certificates)] == ["→ dnn"]
    assert all(len(row) == len(tables.FAMILY_HEADINGS) for row in rows)


def test_the_staircase_has_a_row_for_what_differs():
    rows = tables.stairs(found(study()).staircase)
    assert [row[:2] for row in rows] == [("30 %", "100"), ("50 %", "200"), ("94 %", "400"), ("95 %", "400"),
                                         ("96 %", "not reached")]  # fmt: skip
    assert all(len(row) == len(tables.STAIR_HEADINGS) for row in rows)
    assert rows[-1][4] == "best 95.00 %"
