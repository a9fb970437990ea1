"""What a study asks for, checked before any data are read."""

from __future__ import annotations

import pytest

from configs.studies import base, find_min
from minjax.config.study import METRICS
from minjax.errors import UserError
from minjax.findings import candidates
from minjax.tasks.study import settings


def settled(config=None, **fields):
    config = config or base.get_config()
    for name, value in fields.items():
        config.study[name] = value
    return settings.settle(config)["study"]


def test_nothing_is_limited_unless_asked_for():
    study = settled()
    assert [study[name] for name in settings.BUDGETS] == [None] * 4
    assert (study["target_accuracy"], study["metric"], study["goal"]) == (None, "accuracy", "smallest")
    assert settled(find_min.get_config())["max_params"] == 1_000_000


def test_the_metrics_of_the_configuration_are_those_of_the_findings():
    assert METRICS == candidates.METRICS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target_accuracy": 1.5}, "study.target_accuracy is 1.5; it must be at most 1, or None"),
        ({"target_accuracy": 0.0}, "study.target_accuracy is 0.0; it must be greater than 0, or None"),
        ({"metric": "f1"}, "study.metric is 'f1'; it must be accuracy or balanced_accuracy"),
        ({"goal": "best"}, "study.goal is 'best'; it must be smallest or most_accurate"),
        ({"max_bytes": 0}, "study.max_bytes is 0; it must be at least 1, or None"),
        ({"deploy_bits": 17}, "study.deploy_bits is 17; it must be at most 16"),
        ({"goal": "most_accurate"}, "study.goal is 'most_accurate' without a limit; it needs at least one of"),
        (
            {"goal": "most_accurate", "target_accuracy": 0.9, "max_macs": 1000},
            "study.target_accuracy=0.9 for the smallest that reaches it; set one of the two",
        ),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(fields, message):
    with pytest.raises(UserError, match="study") as caught:
        settled(**fields)
    assert message in str(caught.value)
