"""Whose a work directory is: what may differ when a command is given again, and what may not."""

from __future__ import annotations

import pytest

from configs.base import get_config
from minjax import config
from minjax.config.resolving import resolve_fields
from minjax.errors import UserError
from minjax.records.record import read_config
from minjax.studies.points import override
from minjax.tasks import workdir

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
