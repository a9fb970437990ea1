"""The versions of each curve, counted and named by hand."""

from __future__ import annotations

import pytest

from minjax.compress import Scheme
from minjax.curves import versions
from minjax.errors import UserError
from minjax.records.compression import Version

SCHEME = "symmetric_channel_minmax"


def test_amounts_are_the_papers():
    assert versions.amounts(21)[:3] == [0.0, 0.05, 0.1]
    assert versions.amounts(2) == [0.0, 1.0]
    with pytest.raises(UserError, match=r"prune\.amounts is 1; it must be at least 2"):
        versions.amounts(1)


def test_a_format_has_one_version_and_a_scheme_one_for_each_number_of_bits():
    found = versions.quantization((8, 4), (SCHEME, "bfloat16"), ("trained",), activation_bits=8)
    assert [(v.bits, v.scheme) for v in found] == [(None, None), (8, SCHEME), (4, SCHEME), (16, "bfloat16")]
    assert {v.activation_bits for v in found} == {8}


def test_the_grid_has_an_unquantized_row_and_leaves_are_taken_one_by_one():
    grid = versions.joint("l1", [0.0, 0.5], [None, 4], SCHEME, "re-estimated")
    assert [(v.bits, v.scheme, v.amount) for v in grid] == [
        (None, None, 0.0), (None, None, 0.5), (4, SCHEME, 0.0), (4, SCHEME, 0.5),
    ]  # fmt: skip
    assert versions.sensitivity(("a", "b"), "l1", [0.5], [2], SCHEME) == [
        Version(curve="sensitivity", method="l1", amount=0.5, layer="a"),
        Version(curve="sensitivity", bits=2, scheme=SCHEME, layer="a"),
        Version(curve="sensitivity", method="l1", amount=0.5, layer="b"),
        Version(curve="sensitivity", bits=2, scheme=SCHEME, layer="b"),
    ]


def test_names_of_schemes():
    assert versions.parse_scheme("asymmetric_tensor_mse") == Scheme(False, False, "mse")
    assert versions.parse_scheme("float8_e4m3") == "float8_e4m3"
    with pytest.raises(UserError, match="unknown clipping 'max'"):
        versions.parse_scheme("symmetric_channel_max")
    with pytest.raises(UserError, match=r"unknown quantization scheme 'int8'; known: .*bfloat16"):
        versions.parse_scheme("int8")
