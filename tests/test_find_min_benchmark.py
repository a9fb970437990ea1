"""The answers of several starts: what is a start, whether the intervals overlap, and the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minjax import presets
from minjax.errors import UserError
from tests.conftest import ROOT


@pytest.fixture(name="starts")
def _starts(benchmark):
    return benchmark("find_min")


def record(interval: tuple[int | None, int | None] = (100, 900), **changes: Any) -> dict[str, Any]:
    """What is recorded of a study; `changes` are fields of its configuration, with __ for the dot."""
    config = {
        "seed": 42, "epochs": 30, "optimizer.learning_rate": 0.1, "study.target_accuracy": None,
        "study.tolerance": 0.01, "study.metric": "accuracy", "study.goal": "smallest",
    }  # fmt: skip
    config |= {key.replace("__", "."): value for key, value in changes.items()}
    return {
        "study": "a", "dataset": "digits", "config": config, "level": 0.97, "num_params": 650, "interval": interval,
        "decided": False, "name": "dnn-0", "learning_rate": 0.316, "epochs": 30, "mean": 0.9712,
        "mean_interval": (0.968, 0.975), "seeds": 20, "test": 0.975, "test_images": 360, "bytes": 1041, "packed": None,
        "linear": 0.975, "members": 700, "status": "completed", "stages": [], "device": "cpu",
        "versions": {"python": "3.11", "jax": "0.10.2", "flax": "0.12.8"}, "git_commit": "abcdef0123456",
    }  # fmt: skip


def test_a_start_is_what_differs(starts):
    first, other = record(), record(seed=100, optimizer__learning_rate=0.03)
    assert starts.starts([first]) == ["as the preset has it"]
    assert starts.starts([first, first, other]) == [*["as the preset has it"] * 2, "seeds from 100, learning rate 0.03"]


def test_a_study_alone_says_where_it_departs_from_its_preset(starts):
    config = json.loads(presets.load(presets.find("studies/digits_dnn")).to_json())
    assert starts.departures({**config, "name": "studies-digits_dnn"}) == {}
    assert starts.departures({**config, "name": "of-my-own"}) == {}
    config["epochs"] += 30
    config["study"]["dnn"]["depths"] = [1, 2]
    config["study"] |= {"budget_minutes": 5.0, "executor": "ray", "target_accuracy": 0.9}
    found = starts.departures({**config, "name": "studies-digits_dnn"})
    assert found == {"epochs": config["epochs"], "study.dnn.depths": [1, 2]}
    (said,) = starts.starts([record() | {"departures": found}])
    assert said == f"epochs {config['epochs']}, study.dnn.depths 1, 2"


def test_studies_that_ask_something_else_are_another_table(starts):
    asking = [record(), record(seed=100), record(study__target_accuracy=0.98), {**record(), "dataset": "mnist"}]
    assert [len(group) for group in starts.tables(asking)] == [2, 1, 1]
    text = starts.page(asking)
    assert "## digits: the smallest network within 1 point of the best found" in text
    assert "## digits: the smallest network with a mean accuracy of 97 %" in text
    assert (
        "| seeds from 100 | dnn-0, 30 epochs at 0.316 | 650 (100 to 900) | 97.12 % (96.80 to 97.50 %), 20 seeds |"
        in text
    )


def test_intervals_overlap_where_they_share_a_size(starts):
    assert starts.overlap([record((100, 900)), record((500, 2000))]) == (
        "All intervals overlap, from 500 to 900 parameters."
    )
    assert "do not overlap" in starts.overlap([record((100, 400)), record((500, 2000))])
    assert "from 500 to 2,000" in starts.overlap([record((100, None)), record((500, 2000))])  # None: no size is enough


def test_a_search_that_its_budget_ended_is_named(starts):
    ended = record(seed=100) | {"status": "budget", "stages": ["climb: ended by the budget of 8 minutes: more"]}
    assert "- seeds from 100: climb: ended by the budget of 8 minutes: more." in starts.page([record(), ended])


def test_a_study_that_has_not_come_to_its_end_is_recorded_without_a_test(starts):
    found = starts.record(ROOT / "docs" / "studies" / "paper_mnist")
    assert (found["num_params"], found["seeds"], found["fresh"], found["test"]) == (27_090, 5, False, None)
    text = starts.page([{**found, "status": "interrupted"}])
    assert "| 27,090 (" in text
    assert ", 5 seeds, as chosen |  |  |  |  |" in text
    assert "no network was handed over or tested" in text
    assert "no test images were used" in text


def test_the_page_is_that_of_the_records(starts):
    records = json.loads(starts.RECORDS.read_text())
    assert starts.PAGE.read_text() == starts.page(records)


def test_a_directory_that_is_no_study_is_refused(starts, tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        starts.main([str(tmp_path)])
