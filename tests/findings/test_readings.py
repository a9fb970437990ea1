"""How a measured accuracy reads beside a printed one."""

from __future__ import annotations

import pytest
from scipy import stats

from minjax.findings.readings import MEANINGS, departures, guesses, reading, shared
from minjax.records.table import Cell, Scale

PAPER = Scale(epochs=200, batch_size=8)


def cell(departed: list[str] | None = None, **scale) -> Cell:
    """A cell of ResNet18_S under Adam, trained at the paper's scale but for what is given."""
    return Cell(
        network="paper/resnet18_s",
        model="resnet18_s",
        optimizer="adam",
        dataset="cifar10",
        seed=42,
        directory="cells/one",
        scale=Scale(**{"epochs": 200, "batch_size": 8} | scale),
        departures=departed,
        status="completed",
    )


@pytest.mark.parametrize(
    ("values", "more", "kind", "why"),
    [
        ((), {"reason": "there is no folder data/x"}, "not run", "there is no folder data/x"),
        ((), {"diverged": 1}, "diverged", ""),
        ((), {"diverged": 3}, "diverged", "all 3 seeds"),
        ((0.9,), {}, "seed noise unknown", "one seed"),
        ((0.9, 0.91), {"other_data": True, "departs": True}, "other data", ""),
        ((0.9, 0.91), {"departs": True, "diverged": 2}, "other protocol", "2 more seeds diverged"),
        ((0.9, 0.91, 0.92), {}, "within seed noise", "one more seed: 86.03 % to 95.97 %"),
        ((0.95, 0.951, 0.952), {}, "beyond seed noise", "one more seed: 94.60 % to 95.60 %"),
        ((0.95, 0.951, 0.952), {"diverged": 1}, "beyond seed noise", "; 1 more seed diverged"),
    ],
)
def test_a_reading_is_of_its_kind(values, more, kind, why):
    found = reading(values, 0.8927, **more)
    assert found.kind == kind
    assert why in found.why
    assert (found.next_seed is not None) == (len(values) > 1)
    assert kind in MEANINGS


def test_without_a_figure_there_is_nothing_to_read():
    assert reading((0.9, 0.91), None).kind == "no figure"


def test_the_interval_is_that_of_one_more_seed():
    values = (0.90, 0.91, 0.92)
    half = stats.t.ppf(0.975, 2) * 0.01 * (1 + 1 / 3) ** 0.5
    assert reading(values, 0.91 + 0.999 * half).kind == "within seed noise"
    assert reading(values, 0.91 + 1.001 * half).kind == "beyond seed noise"


def test_the_papers_own_protocol_departs_in_nothing():
    assert departures(cell(), PAPER, num_params=701_466, papers=701_466) == []
    assert departures(cell([]), PAPER) == []


def test_departures_are_said_in_words():
    found = cell(["learning rate 0.05, not 0.1"], epochs=1, batch_size=128, limit_train=10_000)
    assert departures(found, PAPER, num_params=1_000, papers=701_466) == [
        "a network of 1,000 parameters, not 701,466",
        "1 epoch, not 200",
        "batch size 128, not 8",
        "trained on 10,000 images only",
        "learning rate 0.05, not 0.1",
    ]


def test_what_all_depart_in_is_said_once():
    assert shared([["a", "b", "c"], ["c", "a"], ["a", "c", "d"]]) == ["a", "c"]
    assert shared([]) == []


def test_an_accuracy_of_guessing():
    assert guesses(0.01, 100)
    assert guesses(0.1, 10)
    assert not guesses(0.0386, 100)
