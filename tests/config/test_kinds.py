"""What each kind allows, and the line that says what is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minjax import config
from minjax.config.kinds import Choice, Each, Flag, Integer, Number, OrNone, Pair, Text
from minjax.errors import UserError

INF = math.inf


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Integer(2), 1, "x is 1; it must be at least 2"),
        (Integer(2), True, "x is True; it must be an integer of at least 2"),
        (Integer(2), 2.0, "x is 2.0; it must be an integer of at least 2"),
        (Integer(0), 2**31, "x is 2147483648; it must be at most 2,147,483,647"),
        (Integer(2, 9, also=(0,)), 1, "x is 1; it must be 0 or at least 2"),
        (Integer(2, 9, also=(0,)), 10, "x is 10; it must be 0 or at most 9"),
        (Number(above=0), 0.0, "x is 0.0; it must be greater than 0"),
        (Number(least=0, below=1), 1.0, "x is 1.0; it must be below 1"),
        (Number(least=0), INF, "x is inf; it must be a number of at least 0, and finite"),
        (Number(), math.nan, "x is nan; it must be a finite number"),
        (Number(least=0), "1", "x is '1'; it must be a number of at least 0"),
        (Number(most=1), False, "x is False; it must be a number of at most 1"),
        (Flag(), 1, "x is 1; it must be True or False"),
        (Text("a path"), 3, "x is 3; it must be a path"),
        (Text("a path"), "a\0b", "x is 'a\\x00b'; it must be a path"),
        (Choice(("jit", "pmap")), "pmpa", "x is 'pmpa'; it must be jit or pmap (did you mean 'pmap'?)"),
        (Choice(("", "l1")), "l9", "x is 'l9'; it must be '' (none) or l1"),
        (Choice(("l1",), r"\d:\d", "N:M"), 4, "x is 4; it must be l1 or N:M"),
        (Each(Integer(1)), 3, "x is 3; it must be a tuple, each an integer of at least 1"),
        (Each(Integer(1)), (3, 0), "x has 0; each must be at least 1"),
        (Each(Integer(1), fewest=1), (), "x is []; it must be a tuple of 1 or more, each an integer of at least 1"),
        (Each(Integer(1), most=2), (1, 1, 1), "x is [1, 1, 1]; it must be a tuple of at most 2, each an integer "),
        (Each(Integer(1), descending=True), (1, 2), "x is [1, 2]; it must be a tuple with each element once, the larg"),
        (Each(Text("a name")), "conv1", "x is 'conv1'; it must be a tuple, each a name"),
        (Each(Pair()), ("a", "b"), "x has 'a'; each must be a pair such as ('optimizer.learning_rate', 0.1)"),
        (Each(Pair(several=True)), (("a", 1),), "x has ['a', 1]; each must be a pair such as ('optimizer.learning_r"),
        (OrNone(Integer(1)), 0, "x is 0; it must be at least 1, or None"),
        (OrNone(Each(Integer(1))), (0,), "x has 0; each must be at least 1"),
        (Each(OrNone(Integer(1))), (None, 0), "x has 0; each must be at least 1, or None"),
        (Text("short"), ("long " * 50,), "x is ['long long"),
    ],
)
def test_what_is_refused_is_one_short_line(kind, value, message):
    with pytest.raises(UserError) as caught:
        kind.check("x", list(value) if isinstance(value, tuple) else value)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        (Integer(0), np.int64(3), 3),
        (Integer(2, also=(0,)), 0, 0),
        (Number(least=0, most=1), 1, 1.0),
        (Number(), np.float32(0.5), 0.5),
        (Choice(("l1",), r"\d:\d", "N:M"), "2:4", "2:4"),
        (Each(Integer(1)), [1, np.int32(2)], (1, 2)),
        (Each(OrNone(Integer(1))), (None, 3), (None, 3)),
        (OrNone(Flag()), None, None),
    ],
)
def test_what_is_allowed_becomes_plain(kind, value, converted):
    found = kind.check("x", value)
    assert found == converted
    assert type(found) is type(converted)


# What ended in a traceback or never, before each field had a range.
ABSURD = {
    "seed": 2**31,
    "epochs": 2**31,
    "optimizer.warmup_epochs": INF,
    "optimizer.learning_rate": INF,
    "optimizer.weight_decay": math.nan,
    "optimizer.milestones": None,
    "prune.learning_rate": INF,
    "quantize.aware_learning_rate": INF,
    "prune.methods": (1,),
    "prune.include": (3,),
    "prune.exclude": (None,),
    "quantize.schemes": (("symmetric",),),
    "compress.sensitivity_amounts": ("a",),
    "compress.shrink_amounts": (None,),
    "prune.rounds": 10**30,
    "study.dnn.depths": (10**10,),
    "study.dnn.widths": (10**10,),
    "study.amounts": 10**9,
    "dataset.crop_padding": -1,
    "dataset.image_size": 100_000,
    "study.seeds": 10**9,
    "study.budget_minutes": math.nan,
    "study.cpus_per_task": INF,
    "batch_size": 10**10,
    "distributed.timeout": 0,
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_values_are_refused(name):
    with pytest.raises(UserError, match=rf"^{name} (is|has) .*; (it|each) must be ") as caught:
        config.FIELDS[name].kind.check(name, ABSURD[name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [math.nan, INF, -INF, -1, 10**400, object(), {"a": 1}, ({},), ((),), b"x", "\0"],
    ids=lambda v: repr(v)[:20],
)
def test_no_field_takes_what_no_field_can_mean(value):
    for field in config.FIELDS.values():
        with pytest.raises(UserError, match=rf"^{field.name} (is|has) "):
            field.kind.check(field.name, value)
