"""The flags of fields as people type them."""

from __future__ import annotations

import pytest

from minjax.command_line import parse
from minjax.config import flags
from minjax.errors import UserError


def parsed(*arguments):
    return parse(["--config=configs/cnn.py", *arguments])[0]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch, root):
    monkeypatch.chdir(root)


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        ("prune.methods", "global_l1,l1_structured", ("global_l1", "l1_structured")),
        ("prune.methods", "global_l1, 2:4", ("global_l1", "2:4")),
        ("prune.methods", "('l1',)", ("l1",)),
        ("prune.methods", "['l1']", ("l1",)),
        ("prune.methods", "'l1'", ("l1",)),
        ("prune.include", "conv[12]*,dense*", ("conv[12]*", "dense*")),
        ("study.families", "cnn", ("cnn",)),
        ("study.families", "", ()),
        ("study.dnn.widths", "3,5,", (3, 5)),
        ("study.vit.mlp_dims", "None,8", (None, 8)),
        ("model.channels", "4", (4,)),
        ("model.channels", "(4,)", (4,)),
        ("compress.batch_norm", "trained,re-estimated", ("trained", "re-estimated")),
        ("compress.sensitivity_amounts", "1e-3,.5", (0.001, 0.5)),
        ("study.axes", "(('epochs',(1,2)),)", (("epochs", (1, 2)),)),
    ],
)
def test_several_values_are_typed_in_one_way_for_all_fields(field, text, values):
    for arguments in ([f"--config.{field}={text}"], [f"--config.{field}", text], [f"-config.{field}={text}"]):
        found = parsed(*arguments)
        for part in field.split("."):
            found = found[part]
        assert found == values


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model.channels", (4,)),
        ("model.channels", (4, 8)),
        ("optimizer.milestones", ()),
        ("prune.methods", ("global_l1", "2:4")),
        ("prune.include", ("a,b", "c*")),
        ("study.axes", (("epochs", (1, 2)),)),
        ("study.vit.mlp_dims", (None, 8)),
        ("optimizer.learning_rate", 0.1 / 3),
        ("optimizer.clip_norm", None),
        ("tensorboard", False),
        ("name", "a b"),
    ],
)
def test_a_flag_sets_the_value_that_it_was_made_from(field, value):
    found = parsed(flags.flag(field, value))
    for part in field.split("."):
        found = found[part]
    assert found == value
    assert flags.flag(field, list(value) if isinstance(value, tuple) else value) == flags.flag(field, value)


def test_the_last_flag_counts():
    found = parsed("--config.model.channels=1", "--config.model.channels=2,3", "--config.epochs=3", "--config.epochs=4")
    assert (found.model.channels, found.epochs) == ((2, 3), 4)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        (("--config.study.together=False", "--config.study.together"), True),
        (("--config.study.together=None", "--config.study.together"), True),
        (("--config.study.together=True", "--noconfig.study.together"), False),
        (("--noconfig.study.together", "--config.study.together=None"), None),
    ],
)
def test_the_last_flag_counts_where_some_are_switches(typed, value):
    assert parsed(*typed).study.together is value


def test_none_takes_a_presets_value_back():
    found = parsed("--config.model.channels=None", "--config.model.padding=None", "--config.optimizer.clip_norm=None")
    assert (found.model.channels, found.model.padding, found.optimizer.clip_norm) == (None, None, None)
    assert parsed("--config.model.channels=None", "--config.model.channels=5").model.channels == (5,)
    assert parsed("--config.model.channels=5", "--config.model.channels=None").model.channels is None


def test_flags_of_other_kinds_are_as_absl_has_them():
    assert parsed("--config.drop_last", "--noconfig.tensorboard", "--config.seed", "3").seed == 3
    assert parsed("--noconfig.tensorboard").tensorboard is False


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "optimizer.milestones=None",
            "optimizer.milestones is None; it must be a tuple, each an integer of at least 0",
        ),
        ("model.channels={1:2}", "model.channels is {1:2}; it must be a tuple of 1 to 1000"),
        ("model.channels=(1,", r"model.channels is '\(1,'; it must be .* type it as a,b or as a Python tuple"),
        ("epochs=3.5", "epochs is '3.5'; it must be an integer of at least 1"),
        ("epochs=None", "epochs is 'None'; it must be an integer of at least 1"),
        ("model=3", "model is a section of the configuration; set one of its fields, --config.model.FIELD"),
        ("study.dnn=3", "study.dnn is a section"),
        ("prune.methods", "Missing value for flag --config.prune.methods"),
        ("optimizer.preset.sgdm.b1=x", "optimizer.preset.sgdm.b1 is 'x'; it must be a number"),
        ("model.widhts=3", "unknown field 'widhts' .did you mean 'width"),
    ],
)
def test_what_cannot_be_read_is_one_line(argument, message):
    with pytest.raises(UserError, match=message):
        parsed(f"--config.{argument}")


def test_deep_nesting_is_refused():
    with pytest.raises(UserError, match="it must be a tuple"):
        parsed("--config.prune.methods=" + "(" * 5000)


@pytest.mark.parametrize(
    ("text", "value"),
    [("32", 32), ("24,32", (24, 32)), ("(24,32)", (24, 32)), ("24, 32", (24, 32)), ("32,32", 32), ("None", None)],
)
def test_an_image_size_is_one_number_or_two(text, value):
    assert parsed("--config.dataset.image_size=5", f"--config.dataset.image_size={text}").dataset.image_size == value
    assert parsed("--config.dataset.image_size", text).dataset.image_size == value


@pytest.mark.parametrize("text", ["0", "24,32,3", "a", "", "1.5", "24,0", "9000"])
def test_another_image_size_is_refused(text):
    wanted = "it must be an integer from 1 to 8,192, or two of them, height and width, or None"
    with pytest.raises(UserError, match=f"dataset.image_size is .*; {wanted}"):
        parsed(f"--config.dataset.image_size={text}")
