"""What the workers of a cluster check before they train."""

from __future__ import annotations

import json
import runpy

import pytest

from minjax import memory
from minjax.studies.points import Member
from minjax.tasks.study import executors, settings
from minjax.tasks.study.plan import Plan
from tests.conftest import ROOT


@pytest.fixture(name="plan")
def _plan(monkeypatch):
    monkeypatch.chdir(ROOT)
    config = runpy.run_path("configs/studies/digits_dnn.py")["get_config"]()
    config.study.dnn.depths, config.study.dnn.widths = (1,), (2, 4)
    return Plan(settings.settle(config))


def test_a_worker_without_enough_memory_records_its_members_as_failed(plan, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: memory.Available(1000, "a limit"))
    group = plan.groups[0]
    members = [Member(group.points[0], seed) for seed in plan.seeds[:2]]
    executors._planned.cache_clear()
    records = executors._train(json.dumps(plan.config), "", [executors._order(member) for member in members])
    executors._planned.cache_clear()
    assert [(record.point, record.seed) for record in records] == [member.key for member in members]
    assert {record.status for record in records} == {"failed"}
    assert "of memory" in records[0].error
    assert "0.0 GB are available (a limit): leave dnn-" in records[0].error


def test_a_worker_keeps_members_in_training_where_it_sees_the_study(plan, tmp_path):
    config = json.dumps(plan.config)
    assert executors._planned(config, str(tmp_path))[1].directory is None
    assert executors._planned(config, "")[1].directory is None
    (tmp_path / "config.json").write_text("{}")
    executors._planned.cache_clear()
    assert executors._planned(config, str(tmp_path))[1].directory == tmp_path
    executors._planned.cache_clear()


def test_a_worker_finds_variants_and_fresh_seeds(plan):
    """What is sent of a member is JSON, and names its program."""
    point = plan.groups[0].points[0]
    variant = plan.variants(point, {"optimizer.learning_rate": 0.316, "epochs": 60})
    for member in (Member(point, 42), Member(variant, 43), Member(variant, 10_042, fresh=True)):
        found = plan.member(*json.loads(json.dumps(executors._order(member))))
        assert found == member
        assert plan.group(found).name == plan.group(member).name


@pytest.mark.parametrize(
    ("fields", "workers"),
    [
        ({"executor": "local"}, 1),
        ({"executor": "ray", "workers": 4}, 4),
        ({"executor": "ray", "workers": 5, "cpus_per_task": 2.0}, 2),
        ({"executor": "ray", "workers": 1, "cpus_per_task": 2.0}, 1),
        ({"executor": "ray", "workers": 4, "gpus_per_task": 1.0}, 0),
        ({"executor": "ray", "ray_address": "head:6379"}, 0),
    ],
)
def test_how_many_workers_share_this_machine(fields, workers):
    default = {"workers": None, "ray_address": "", "cpus_per_task": 1.0, "gpus_per_task": 0.0}
    assert executors.workers_here(default | fields) == workers
