"""The dry run's stages, and the budget that the first of them needs."""

from __future__ import annotations

import runpy

import pytest

from minjax.errors import UserError
from minjax.tasks.study import settings
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.prediction import check_budget, describe, predicted
from tests.conftest import ROOT


@pytest.fixture(name="planned")
def _planned(monkeypatch):
    monkeypatch.chdir(ROOT)

    def plan(**study):
        config = runpy.run_path("configs/studies/digits_dnn.py")["get_config"]()
        config.study.dnn.depths, config.study.dnn.widths = (1, 2), (1, 2, 4, 8, 16, 32, 64)
        config.study.dnn.shapes = ("equal",)
        with config.study.unlocked():
            config.study.update(study)
        return Plan(settings.settle(config))

    return plan


def test_a_plain_study_has_three_stages(planned):
    plan = planned()
    coarse, refinement, rest = predicted(plan)
    assert [one.stage for one in (coarse, refinement, rest)] == ["coarse", "refinement", "rest"]
    assert (coarse.networks, coarse.members, rest.members) == (8, 40, 30)
    assert coarse.programs >= 2
    assert coarse.seconds > 0


def test_the_stages_of_a_search(planned):
    plan = planned(extent="knee", coarse=1, learning_rates=3, epoch_doublings=2, fresh_seeds=20)
    found = {one.stage: one for one in predicted(plan)}
    assert list(found) == ["climb, at least", "climb, at most", "refinement", "60 epochs", "120 epochs", "fresh"]
    assert (found["climb, at least"].networks, found["climb, at least"].members) == (6, 6 * 9)
    assert (found["climb, at most"].networks, found["climb, at most"].members) == (14, 14 * 9)
    assert found["120 epochs"].seconds > found["60 epochs"].seconds
    assert found["fresh"].members == 60


def test_the_dry_run_lists_them(planned, capsys):
    describe(planned(extent="knee", learning_rates=3))
    printed = capsys.readouterr().out
    assert "climb, at least: 6 networks, 54 members, " in printed
    assert "A series of networks ends where four times the parameters gain less" in printed


def test_a_budget_that_is_too_small_for_the_first_stage(planned):
    with pytest.raises(UserError, match=r"climb, at least: 6 networks, 54 members\) needs about"):
        check_budget(planned(extent="knee", learning_rates=3, budget_minutes=1e-6))
    check_budget(planned(extent="knee", budget_minutes=60.0))
    check_budget(planned(extent="knee", budget_minutes=1e-6, executor="ray", ray_address="10.0.0.1:6379"))
