"""Every field is declared once, and what is declared is what the rooms above have."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configs.base import get_config
from minjax import config, models, optim
from minjax.compress import FORMATS, METHODS
from minjax.config import compression, optimizer, run, study
from minjax.config.table import leaves
from minjax.curves.versions import parse_scheme
from minjax.data.augment import KINDS
from minjax.errors import UserError
from minjax.findings import samples
from minjax.models.initializers import INITS
from minjax.optim.schedules import FACTORS
from minjax.records.compression import REESTIMATED, TRAINED
from minjax.studies import families
from minjax.tasks import TASKS
from minjax.train import engine


def test_the_configuration_has_the_declared_fields_and_no_others():
    assert dict(leaves(get_config().to_dict())) == {name: field.default for name, field in config.FIELDS.items()}
    assert get_config().is_locked


def test_defaults_are_allowed_and_none_where_it_may_be():
    config.check(config.defaults())
    for field in config.FIELDS.values():
        assert field.optional == (field.default is None), field.name


def test_every_field_says_what_it_means_in_a_sentence():
    for field in config.FIELDS.values():
        assert field.meaning[0].isupper() or field.meaning.split()[0].rstrip(":,") in KNOWN_STARTS, field.name
        assert field.meaning.endswith("."), field.name
        assert "\n" not in field.meaning, field.name


# A meaning may begin with the names that it is about.
KNOWN_STARTS = {
    *("dnn", "cnn", "resnet", "vgg", "vit", "sgdm", "adam", "adabound", "multistep", "lottery", "compress", "all"),
    *("folder", "ray", "train", "jit"),
}


def test_no_field_is_declared_twice():
    sections = (run.RUN, run.DISTRIBUTED, optimizer.OPTIMIZER, compression.PRUNE, compression.QUANTIZE, study.STUDY)
    names = [field.name for section in sections for field in section]
    assert len(names) == len(set(names))
    assert set(names) <= set(config.FIELDS)


def choices(name: str) -> tuple[str, ...]:
    kind = config.FIELDS[name].kind
    while not hasattr(kind, "names"):
        kind = kind.item if hasattr(kind, "item") else kind.kind
    return kind.names


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("task", TASKS),
        ("parallel", engine.PARALLEL),
        ("optimizer.name", optim.NAMES),
        ("optimizer.schedule", FACTORS),
        ("model.init", INITS),
        ("dataset.augment", ("auto", *KINDS)),
        ("prune.methods", METHODS),
        ("prune.round_method", METHODS),
        ("compress.joint_method", ("", *METHODS)),
        ("compress.batch_norm", (TRAINED, REESTIMATED)),
        ("study.families", families.FAMILIES),
    ],
)
def test_choices_are_those_of_the_room_that_has_them(name, table):
    assert sorted(choices(name)) == sorted(table)


def test_schemes_and_formats():
    assert set(compression.FORMATS) == set(FORMATS)
    assert {str(parse_scheme(name)) for name in choices("quantize.schemes")} == set(choices("quantize.schemes"))
    assert set(choices("study.scheme")) == set(choices("quantize.schemes")) - set(FORMATS)


def test_the_fields_of_models_and_optimizers():
    names = {name.removeprefix("model.") for name in config.FIELDS if name.startswith("model.")}
    assert names == {"name"}.union(*(models.fields(model) for model in models.NAMES))
    hyper = {field.name for field in optimizer.HYPER}
    assert hyper == set().union(*optim.DEFAULTS.values())
    for name, fields in optim.DEFAULTS.items():
        assert all(f"optimizer.preset.{name}.{field}" in config.FIELDS for field in hyper)
        for field, value in fields.items():
            config.FIELDS[f"optimizer.{field}"].kind.check(field, value)


def test_a_deviation_needs_two_seeds():
    kind = config.FIELDS["study.seeds"].kind
    assert kind.problem(samples.LEAST_SEEDS) is None
    assert kind.problem(samples.LEAST_SEEDS - 1) is not None


def test_check_looks_at_the_sections_that_it_is_told():
    wrong = {"epochs": 0, "study": {"seeds": 1}, "thesis": {"page": -1}}
    with pytest.raises(UserError, match=r"^study.seeds is 1; it must be at least 2$"):
        config.check(wrong, ["study"])
    with pytest.raises(UserError, match=r"^epochs is 0; it must be at least 1$"):
        config.check(wrong)
    config.check(wrong, ["dataset"])


def test_the_declarations_need_no_jax():
    code = "import sys, minjax.config, minjax.config.roles, minjax.config.flags; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
