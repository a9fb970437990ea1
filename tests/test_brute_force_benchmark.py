"""Truth by brute force: what is true, what a study of a few seeds answers, and the page."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.findings.grids import imaged

ROOT = Path(__file__).parents[1]
MEANS = {"a": (10, 0.7), "b": (20, 0.9), "c": (40, 0.96), "d": (80, 0.965)}


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("brute_force")
    sys.modules.pop("brute_force", None)


@pytest.fixture(scope="module", name="grid")
def _grid():
    return imaged(np.random.default_rng(1), MEANS, seeds=30)


def test_the_truth_is_that_of_many_seeds(benchmark, grid):
    networks = benchmark.true_networks(grid)
    assert [one["mean"] for one in networks] == pytest.approx([mean for _, mean in MEANS.values()], abs=0.02)
    assert all(one["deviation"] < 0.02 and one["failed"] == 0 and one["seeds"] == 30 for one in networks)
    assert benchmark.true_size(networks, None)[1] == 40
    assert benchmark.true_size(networks, 0.85) == (0.85, 20)
    assert benchmark.true_size(networks, 0.999) == (0.999, None)
    networks[2]["failed"] = 1
    assert benchmark.true_size(networks, 0.95)[1] == 80


def test_a_study_draws_its_seeds_by_its_number_and_fresh_ones_from_the_rest(benchmark, grid):
    found = benchmark.study(grid, 3, 8, 0.85)
    assert found == benchmark.study(grid, 3, 8, 0.85)
    assert found != benchmark.study(grid, 4, 8, 0.85)
    assert (found.winner.point, found.winner.fresh, found.winner.seeds) == ("b", 8, 13)
    assert found.below.fresh == 8
    assert benchmark.study(grid, 3, 0, None).winner.fresh == 0


def test_an_outcome_is_covered_where_the_interval_holds_the_truth(benchmark, grid):
    found = benchmark.study(grid, 3, 8, 0.85)
    means = {name: mean for name, (_, mean) in MEANS.items()}
    assert benchmark.outcome(found, 20, means)["covered"]
    assert not benchmark.outcome(found, 80, means)["covered"]
    nothing = benchmark.study(grid, 3, 8, 0.999)
    assert benchmark.outcome(nothing, None, means)["covered"]
    assert benchmark.outcome(nothing, None, means)["bias"] is None


def test_the_page_is_that_of_the_record(benchmark):
    record = json.loads(benchmark.RECORD.read_text())
    assert benchmark.PAGE.read_text() == benchmark.page(record)
    assert len(record["cells"]) == len(benchmark.TARGETS) * len(benchmark.FRESH)
    assert all(len(cell["studies"]) == benchmark.STUDIES for cell in record["cells"])
