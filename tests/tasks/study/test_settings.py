"""What a study asks for, checked before any data are read."""

from __future__ import annotations

import pytest

from configs.studies import base, find_min
from minjax.config.kinds import MOST
from minjax.config.study import METRICS
from minjax.errors import UserError
from minjax.findings import candidates
from minjax.tasks.study import settings
from minjax.tasks.study.plan import Plan


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


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"learning_rates": 3, "tuning_seeds": 6},
            "study.tuning_seeds is 6; it must be at most study.seeds=5",
        ),
        (
            {"learning_rates": 3, "axes": (("optimizer.learning_rate", (0.1, 0.01)),)},
            "optimizer.learning_rate is an axis of the study, and study.learning_rates=3 tunes it for each network",
        ),
        (
            {"epoch_doublings": 1, "axes": (("epochs", (10, 20)),)},
            "epochs is an axis of the study, and study.epoch_doublings=1 trains for more epochs",
        ),
        ({"learning_rates": 0}, "study.learning_rates is 0; it must be at least 1"),
        ({"fresh_seeds": -1}, "study.fresh_seeds is -1; it must be at least 0"),
    ],
)
def test_an_order_of_work_that_contradicts_itself_is_refused(fields, message):
    with pytest.raises(UserError, match="study") as caught:
        settled(**fields)
    assert message in str(caught.value)


def test_tuning_seeds_matter_only_where_rates_are_tuned():
    assert settled(tuning_seeds=6)["tuning_seeds"] == 6
    assert settled(axes=(("optimizer.learning_rate", (0.1, 0.01)),))["learning_rates"] == 1


def test_fresh_seeds_must_be_seeds():
    config = base.get_config()
    config.seed = MOST - 10_004
    assert settled(config, fresh_seeds=5)["fresh_seeds"] == 5
    with pytest.raises(UserError, match=r"the last fresh seed, seed \+ 10005, would be above"):
        settled(config, fresh_seeds=6)
    assert settled(config, fresh_seeds=0)["fresh_seeds"] == 0


def test_a_learning_rate_of_zero_cannot_be_tuned():
    config = base.get_config()
    config.optimizer.learning_rate = 0.0
    config.study.dnn.widths, config.study.dnn.depths, config.study.learning_rates = (2,), (1,), 3
    config.dataset.name = "digits"
    with pytest.raises(UserError, match=r"learning_rate is 0 for dnn-1-equal-2; it must be above 0"):
        Plan(settings.settle(config))
