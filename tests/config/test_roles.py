"""What follows from a role: comparison, identity, grouping, axes. One table, so that none of them can drift."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from configs.base import get_config
from minjax import config
from minjax.config import Role, roles
from minjax.config.resolving import recorded_study, resolve, resolve_fields
from minjax.config.table import TRAINING, leaves
from minjax.report import groups
from minjax.studies.points import identity, override
from tests.conftest import ROOT

BASE = config.plain(get_config().to_dict())
TRAINED = {name for name, field in config.FIELDS.items() if field.section in TRAINING}


def other(field: config.Field):
    """A value that is not the default."""
    candidates = [
        True,
        False,
        7,
        0.5,
        0.25,
        [0.25],
        *WORDS,
        [3],
        [2],
        [True],
        *([word] for word in WORDS),
        [["epochs", 3]],
        [["epochs", [3]]],
    ]
    return next(v for v in candidates if v != config.plain(field.default) and field.kind.problem(v) is None)


# At least two of the names of each field that is a choice.
WORDS = (
    *(
        "study",
        "train",
        "onnx",
        "bfloat16",
        "jit",
        "paper",
        "he",
        "crop",
        "VALID",
        "head_dim",
        "adam",
        "constant",
        "linear",
        "balanced_accuracy",
        "most_accurate",
    ),
    *("l1", "random", "lottery", "scratch", "in", "out", "knee", "all", "ray", "equal", "cnn", "trained"),
    *("decreasing", "symmetric_tensor_mse", "float16", "pmap", "flip", "multistep", "cubic", "none"),
    *("separable", "half", "pool", "SAME", "average"),
)


@pytest.mark.parametrize("name", sorted(config.FIELDS))
def test_each_field_counts_where_its_role_says(name):
    field = config.FIELDS[name]
    changed = override(BASE, {name: other(field)})
    compared = roles.differences(BASE, changed)
    assert bool(compared) == (field.role in (Role.SCIENCE, Role.SEED, Role.TASK))
    assert all(line.startswith(f"{name}: there ") for line in compared)
    identified = identity(BASE, (8, 8, 1), 10) != identity(changed, (8, 8, 1), 10)
    assert identified == (field.role == Role.SCIENCE and name in TRAINED)
    can_be_axis = roles.why_no_axis(name) is None
    assert can_be_axis == (field.role == Role.SCIENCE and name in TRAINED and not field.no_axis)
    if name in TRAINED and not name.startswith("optimizer.preset."):  # a preset is resolved before it is recorded
        assert grouped(BASE, changed) == identified


def grouped(*configs) -> bool:
    """Whether a report takes two runs for runs of different settings."""
    first, second = (groups._settings(SimpleNamespace(config=config)) for config in configs)
    return first != second


def test_batch_norm_over_the_whole_batch_is_the_same_under_jit_and_pmap():
    jit, pmap = resolve_fields(BASE), resolve_fields(override(BASE, {"parallel": "pmap"}))
    assert roles.differences(jit, pmap) == []
    own = resolve_fields(override(BASE, {"parallel": "pmap", "sync_batch_norm": False}))
    assert roles.differences(jit, own) == ["sync_batch_norm: there True, asked for False"]
    assert grouped(jit, own)
    assert not grouped(jit, pmap)


def test_the_processes_of_a_run_may_keep_their_data_in_different_places():
    here, there = BASE, override(BASE, {"dataset.data_dir": "/scratch"})
    assert roles.differences(here, there, roles=roles.SHARED) == []
    other_steps = override(BASE, {"steps_per_call": 3})
    assert roles.differences(here, other_steps, roles=roles.SHARED) == ["steps_per_call: there None, asked for 3"]


def test_the_training_inside_a_compression_is_compared_by_the_same_roles():
    one = {"task": "compress", "training": BASE}
    same = {"task": "compress", "training": override(BASE, {"dataset.data_dir": "/x", "checkpoint_every": 1})}
    assert roles.differences(one, same) == []
    changed = {"task": "compress", "training": override(BASE, {"epochs": 3})}
    assert roles.differences(one, changed) == ["training.epochs: there 100, asked for 3"]
    assert roles.differences(one, {"task": "compress", "training": None})


def test_what_is_not_declared_is_noticed():
    assert roles.differences(BASE, BASE | {"new": 3}) == ["new: there None, asked for 3"]
    assert roles.differences(BASE | {"data": {"fingerprint": "a"}}, BASE) == []  # not loaded yet
    assert roles.differences(BASE | {"data": {"fingerprint": "a"}}, BASE | {"data": {"fingerprint": "b"}})


@pytest.mark.parametrize("study", ["find_min", "digits", "digits_dnn", "cifar10", "mnist"])
def test_the_ids_of_recorded_studies_are_what_they_were(study):
    """If this fails, every study directory begins again: change what makes an id only with a reason, and say so."""
    directory = ROOT / "docs" / "studies" / study
    asked = BASE | json.loads((directory / "config.json").read_text())
    data = asked.pop("data")
    for fact in ("format", "cpus"):
        asked.pop(fact, None)
    asked["optimizer"] = BASE["optimizer"] | asked["optimizer"]
    members = {line["point"]: line for line in map(json.loads, (directory / "points.jsonl").read_text().splitlines())}
    assert members
    for point, member in members.items():  # not those of the grid: a search adds sizes, learning rates and epochs
        network = {"model.name": member["family"]} | {f"model.{key}": value for key, value in member["fields"].items()}
        fields = resolve_fields(override(asked, network | member["settings"]))
        assert identity(fields, tuple(data["image_shape"]), data["classes"]) == point, member["name"]


def test_the_training_settings_of_a_point_are_the_values_used():
    fields = override(BASE, {"model.name": "dnn", "model.widths": [5], "optimizer.name": "adam", "epochs": 9})
    stated = roles.training_settings(resolve_fields(fields))
    assert stated == {
        **{"batch_size": 128, "deterministic": False, "drop_last": True, "dtype": "float32", "early_stop": 0},
        **{"epochs": 9, "model.dropout": 0.0, "model.init": "paper"},
        **{"optimizer.name": "adam", "optimizer.learning_rate": 1e-3, "optimizer.weight_decay": 1e-3},
        **{"optimizer.b1": 0.9, "optimizer.b2": 0.999, "optimizer.eps": 1e-8, "optimizer.decoupled": False},
        **{"optimizer.schedule": "cosine", "optimizer.warmup_epochs": 0.0, "optimizer.milestones": [100, 150]},
        "optimizer.decay_factor": 0.1,
    }


def test_a_study_records_the_values_that_it_used():
    asked = override(BASE, {"task": "study", "optimizer.preset.adam.learning_rate": 0.5})
    stated = recorded_study(asked)
    assert (stated["optimizer"]["learning_rate"], stated["optimizer"]["weight_decay"]) == (0.1, 1e-3)
    assert stated["optimizer"]["preset"] == {"adam": {"learning_rate": 0.5}}
    assert recorded_study(stated) == stated
    assert asked["optimizer"]["learning_rate"] is None
    named = override(asked, {"optimizer.name": "adam"})
    assert recorded_study(named)["optimizer"]["learning_rate"] == 0.5


def test_config_json_of_a_training_has_the_sections_of_training_alone():
    resolved = resolve(get_config())
    assert set(resolved) == {name.partition(".")[0] for name in TRAINED}
    assert {name for name, _ in leaves(resolved)} <= TRAINED
