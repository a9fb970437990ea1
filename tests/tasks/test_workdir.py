"""Whose a work directory is: what may differ when a command is given again, and what may not."""

from __future__ import annotations

import json
import os

import pytest

from configs.base import get_config
from minjax import config
from minjax.config.resolving import resolve_fields
from minjax.errors import UserError
from minjax.records.record import read_config, write_config
from minjax.studies.points import override
from minjax.tasks import workdir
from minjax.tasks.provenance import usable_cpus

BASE = config.plain(get_config().to_dict())


def test_what_does_not_change_the_result_may_differ(tmp_path):
    workdir.claim(tmp_path / "run", resolve_fields(BASE) | {"data": {"fingerprint": "a"}})
    moved = {
        "dataset.data_dir": "/elsewhere",
        "checkpoint_every": 1,
        "steps_per_call": 7,
        "parallel": "pmap",
        "devices": 2,
        "tensorboard": False,
        "name": "again",
    }
    workdir.check(tmp_path / "run", resolve_fields(override(BASE, moved)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 7}, "epochs: there 100, asked for 7"),
        ({"seed": 7}, "seed: there 42, asked for 7"),
        ({"optimizer.learning_rate": 0.2}, "optimizer.learning_rate: there 0.1, asked for 0.2"),
        ({"parallel": "pmap", "sync_batch_norm": False}, "sync_batch_norm: there True, asked for False"),
    ],
)
def test_what_changes_the_result_is_refused_with_the_difference(tmp_path, fields, message):
    workdir.claim(tmp_path / "run", resolve_fields(BASE))
    with pytest.raises(UserError, match=f"holds a run of another configuration: {message}. Use another --workdir"):
        workdir.check(tmp_path / "run", resolve_fields(override(BASE, fields)))


def test_other_data_are_refused(tmp_path):
    resolved = resolve_fields(BASE)
    workdir.claim(tmp_path / "run", resolved | {"data": {"fingerprint": "a"}})
    workdir.check(tmp_path / "run", resolved)  # the data are not loaded yet
    with pytest.raises(UserError, match="fingerprint: there 'a', asked for 'b'"):
        workdir.claim(tmp_path / "run", resolved | {"data": {"fingerprint": "b"}})


def test_another_number_of_cpus_is_one_warning(tmp_path, monkeypatch, capsys):
    resolved = resolve_fields(BASE)
    monkeypatch.setattr(workdir, "usable_cpus", lambda: 2)
    workdir.claim(tmp_path / "run", resolved)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["cpus"] == 2
    workdir.claim(tmp_path / "run", resolved)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(workdir, "usable_cpus", lambda: 1)
    workdir.claim(tmp_path / "run", resolved)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"minjax: warning: {tmp_path / 'run'} was begun with 2 usable CPUs, and now there is 1: results will differ"
    )
    monkeypatch.setattr(workdir, "usable_cpus", lambda: None)  # an accelerator computes
    workdir.claim(tmp_path / "run", resolved)
    assert capsys.readouterr().err == ""


def test_a_directory_that_names_no_number_of_cpus_is_not_warned_about(tmp_path, capsys):
    write_config(tmp_path, resolve_fields(BASE))
    workdir.claim(tmp_path, resolve_fields(BASE))
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_usable_cpus_are_those_of_the_process():
    allowed = os.sched_getaffinity(0)
    assert usable_cpus() == len(allowed)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_studys_directory_states_the_values_that_it_uses(tmp_path):
    asked = config.table.sections(override(BASE, {"task": "study"}), config.SECTIONS_OF["study"])
    workdir.claim(tmp_path / "study", asked)
    stated = read_config(tmp_path / "study")
    assert (stated["optimizer"]["learning_rate"], stated["optimizer"]["weight_decay"]) == (0.1, 1e-3)
    workdir.check(tmp_path / "study", asked)
    longer = override(asked, {"study.budget_minutes": 60.0, "study.executor": "ray", "study.retry_failed": True})
    workdir.check(tmp_path / "study", longer)
    with pytest.raises(UserError, match=r"optimizer\.learning_rate: there 0\.1, asked for 0\.3"):
        workdir.check(tmp_path / "study", override(asked, {"optimizer.learning_rate": 0.3}))
