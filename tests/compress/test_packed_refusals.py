"""Packed files: every way in which one can be broken, and what cannot be packed."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.compress.packed import load_packed, save_packed
from minjax.errors import UserError
from tests.compress.packed_mutations import sealed, signed
from tests.compress.test_packed import network, quick, random_masks


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("packed")


@pytest.fixture(scope="module")
def content(folder) -> bytes:
    variables = network()
    save_packed(folder / "whole.mjx", variables, bits=6, masks=random_masks(variables, 0.4), about=["about"])
    return (folder / "whole.mjx").read_bytes()


def error_of(folder: Path, content: bytes) -> str:
    (folder / "broken.mjx").write_bytes(content)
    with pytest.raises(UserError) as error:
        load_packed(folder / "broken.mjx")
    message = str(error.value)
    assert "\n" not in message
    assert "broken.mjx" in message
    return message


@settings(quick, max_examples=300)
@given(data=st.data())
def test_any_changed_byte_is_noticed(folder, content, data):
    position = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[position] ^= data.draw(st.integers(1, 255))
    message = error_of(folder, bytes(changed))
    if position < 8:
        assert "is not a packed file: it begins with b'" in message
    elif not 16 <= position < 24:  # the length of the file
        assert message.endswith("was altered: its checksum is not that of its content")


def test_any_cut_is_noticed(folder, content):
    for length in {*range(1, 70), *range(70, len(content), 13), len(content) - 1}:
        assert "is truncated: it has " in error_of(folder, content[:length])
    assert f"it has {len(content) - 1:,} of {len(content):,} bytes" in error_of(folder, content[:-1])
    assert "is not a packed file" in error_of(folder, b"")
    assert "was altered" in error_of(folder, content + b"\x00")


def test_another_version(folder, content):
    for version in (0, 2, 2**32 - 1):
        other = signed(content[:8] + struct.pack("<I", version) + content[12:-32])
        assert error_of(folder, other).endswith(f"is of version {version} of the format; this minjax reads version 1")


@pytest.mark.parametrize("length", [0, 10**6, 2**32 - 1])
def test_a_header_of_another_length(folder, content, length):
    error = error_of(folder, signed(content[:12] + struct.pack("<I", length) + content[16:-32]))
    assert f"has a header that this minjax cannot read: it is said to have {length:,} bytes" in error or length == 0


def test_bytes_after_the_compressed_header(folder):
    assert "its compressed bytes are not as many" in error_of(folder, sealed({"about": 1, "leaves": []}, trailing=b"x"))


@pytest.mark.parametrize("header", [b"[", b"[]", b"{}", b'{"leaves":[{"name":"a"}],"about":1}'])
def test_a_header_that_says_something_else(folder, header):
    assert "has a header that this minjax cannot read" in error_of(folder, sealed(header))


def test_places_that_cannot_be_read_or_written(folder):
    with pytest.raises(UserError, match=r"cannot read .*nothing\.mjx: No such file"):
        load_packed(folder / "nothing.mjx")
    with pytest.raises(UserError, match=r"cannot read .*: Is a directory"):
        load_packed(folder)
    os.mkfifo(folder / "pipe")
    with pytest.raises(UserError, match=r"cannot read .*pipe: not a regular file"):
        load_packed(folder / "pipe")
    (folder / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*below\.mjx"):
        save_packed(folder / "file" / "below.mjx", network())


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"bits": 0}, "bits is 0; it must be an integer from 1 to 16"),
        ({}, {"bits": 17}, "bits is 17"),
        ({}, {"bits": True}, "bits is True"),
        ({}, {"bits": 8, "include": "*/kernal"}, "matches no parameter"),
        ({}, {"bits": 8, "clip": "max"}, "unknown clipping 'max'"),
        ({"x": np.zeros(3)}, {}, "params/x is float64; a packed file holds float32, float16, bfloat16, int32"),
        ({"x": np.zeros(3, np.int32)}, {"bits": 8, "include": "*"}, "params/x is int32; only floating-point"),
        ({"x": np.full(3, np.nan, np.float32)}, {"bits": 8, "include": "x"}, "params/x has a weight that is NaN"),
        (
            {"x": np.array([-3e38, 3e38], np.float32)},
            {"bits": 8, "include": "x", "symmetric": False, "per_channel": False},
            "params/x has a weight so large that its 8-bit value is not finite in float32",
        ),
    ],
)
def test_what_cannot_be_packed(folder, change, arguments, message):
    variables = network()
    with pytest.raises(UserError, match=message):
        save_packed(folder / "f.mjx", {**variables, "params": {**variables["params"], **change}}, **arguments)
    assert not (folder / "f.mjx").exists()


@pytest.mark.parametrize(
    ("variables", "masks", "message"),
    [
        ({"params": {"a/b": np.zeros(2, np.float32)}}, None, "no slash"),
        ({"params": [np.zeros(2, np.float32)]}, None, "no slash"),
        ({"params": {"a": np.zeros(2, np.float32)}}, {"a": np.ones(3, bool)}, r"the mask of params/a is bool \(3,\)"),
        ({"params": {"a": np.zeros(2, np.float32)}}, {"a": np.ones(2)}, r"the mask of params/a is float64 \(2,\)"),
        ({"params": {"a": np.zeros(2, np.float32)}}, {"b": np.ones(2, bool)}, "the mask of params/b"),
    ],
)
def test_what_is_no_network(folder, variables, masks, message):
    with pytest.raises(ValueError, match=message):
        save_packed(folder / "f.mjx", variables, masks=masks)
