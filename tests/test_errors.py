"""The errors a user sees."""

from __future__ import annotations

import pytest

from minjax.errors import UserError, unknown


def test_unknown_names_the_thing_the_nearest_and_all():
    error = unknown("optimizer", "adm", ("sgdm", "adam"))
    assert isinstance(error, UserError)
    assert str(error) == "unknown optimizer 'adm' (did you mean 'adam'?); known: adam, sgdm"


@pytest.mark.parametrize("value", ["zzz", "", None, 3])
def test_unknown_without_a_near_name(value):
    assert str(unknown("model", value, iter(["vit", "dnn"]))) == f"unknown model {value!r}; known: dnn, vit"


def test_a_long_name_is_cut():
    message = str(unknown("model", "a" * 5000, ("dnn",)))
    assert message == f"unknown model '{'a' * 76}...; known: dnn"


def test_messages_are_one_line():
    assert "\n" not in str(unknown("model", "a\nb", ("dnn",)))


def test_a_message_is_one_line_that_a_terminal_can_show():
    error = UserError("a.json: unknown field `\x1b[2J\ud800`\nin Größe 猫")
    assert str(error) == "a.json: unknown field `\\x1b[2J\\ud800` in Größe 猫"
