"""What the workers of a cluster check before they train."""

from __future__ import annotations

import json
import runpy

import pytest

from minjax import memory
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
    keys = [(group.points[0].id, seed) for seed in plan.seeds[:2]]
    executors._planned.cache_clear()
    records = executors._train(json.dumps(plan.config), group.name, keys)
    executors._planned.cache_clear()
    assert [(record.point, record.seed) for record in records] == keys
    assert {record.status for record in records} == {"failed"}
    assert "of memory" in records[0].error
    assert "0.0 GB are available (a limit): leave dnn-" in records[0].error


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
