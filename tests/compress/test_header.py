"""Headers of an attacker, with a checksum that is right: each is refused in one line, before memory is allocated."""

from __future__ import annotations

import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minjax.compress import header
from minjax.compress.packed import load_packed, save_packed
from minjax.errors import UserError
from tests.compress.packed_mutations import sealed

SCALE = struct.pack("<f", 0.5)


def leaf(**fields) -> dict:
    """An entry of two float32 weights, with some fields changed."""
    return {"name": "a", "shape": [2], "offset": 0, **fields}


def leaves(*entries: dict) -> dict:
    return {"about": None, "leaves": list(entries)}


def ones(way: str, **fields) -> dict:
    return leaf(shape=[16], mask=way, encoding="binary", bits=1, scales=1, **fields)


QUANTIZED = {"encoding": "symmetric", "bits": 8, "scales": 1}
EIGHT = bytes(8)
HOSTILE = {
    "nested": (b'{"about":' + b"[" * 10**5 + b"]" * 10**5 + b',"leaves":[]}', b"", "it is nested too deeply"),
    "inflates": (b'{"about":[' + b"[]," * 10**6 + b'1],"leaves":[]}', b"", "it has more than 1,048,576 bytes"),
    "NaN": (b'{"about":NaN,"leaves":[]}', b"", "JSON has no NaN"),
    "key twice": (b'{"about":1,"about":2,"leaves":[]}', b"", "an object has a key twice"),
    "not UTF-8": (b'{"about":"\xff","leaves":[]}', b"", "'utf-8' codec"),
    "huge": (leaves(leaf(shape=[2**31] * 2, kept=0, mask="kept")), b"", "it announces more than 10.18 weights in 0"),
    "1 GiB": (leaves(leaf(shape=[2**28], kept=0, mask="kept")), b"", "268,435,456 weights .* at most 16,777,216"),
    "many": (leaves(*(leaf(name=str(i), shape=[2**20], kept=0, mask="kept") for i in range(17))), b"", "17,825,792"),
    "nothing times much": (leaves(leaf(shape=[0, 2**40, 2**40])), b"", "'a' has a shape that no array can have"),
    "overflow": (leaves(leaf(shape=[2**80])), EIGHT, r"\$.leaves\[0\].shape\[0\]"),
    "negative size": (leaves(leaf(shape=[-2])), EIGHT, r"Expected `int` >= 0 - at `\$.leaves\[0\].shape\[0\]"),
    "many dimensions": (leaves(leaf(shape=[1] * 40)), EIGHT, "length <= 32"),
    "encoding": (leaves(leaf(encoding="foo")), EIGHT, "Invalid enum value 'foo'"),
    "type": (leaves(leaf(type="float64")), EIGHT, "Invalid enum value 'float64'"),
    "another key": (leaves(leaf(more=1)), EIGHT, "unknown field `more`"),
    "another key in lines": (leaves(leaf(**{"a\n\x1b": 1})), EIGHT, r"unknown field `a\?\?`"),
    "no offset": (leaves({"name": "a", "shape": [2]}), EIGHT, "missing required field `offset`"),
    "negative offset": (leaves(leaf(), leaf(name="b", offset=-8)), EIGHT, r"Expected `int` >= 0 .*\[1\].offset"),
    "another's bytes": (leaves(leaf(), leaf(name="b")), EIGHT, "'b' begins at byte 0 of the payload, not at 8"),
    "gap": (leaves(leaf(), leaf(name="b", offset=9)), bytes(17), "'b' begins at byte 9 of the payload, not at 8"),
    "twice": (leaves(leaf(), leaf(offset=8)), bytes(16), "'a' is there twice"),
    "a/b and a": (leaves(leaf(name="a/b"), leaf(offset=8)), bytes(16), "'a' is there twice, or is an array and"),
    "a and a/b": (leaves(leaf(), leaf(name="a/b", offset=8)), bytes(16), "'a/b' is inside another array"),
    "name in lines": (leaves(leaf(name="a\nb"), leaf(name="a\nb")), EIGHT, r"'a\\nb' is there twice"),
    "long name": (leaves(leaf(name="x" * 10**5), leaf(name="x" * 10**5)), EIGHT, r"x\.\.\.' is there twice"),
    "deep name": (leaves(leaf(name="a/" * 32 + "a")), EIGHT, "has more than 32 parts"),
    "unused": (leaves(leaf()), bytes(100), "its arrays take 8 bytes, and the payload has 100"),
    "too short": (leaves(leaf()), bytes(7), "its arrays take 8 bytes, and the payload has 7"),
    "0 bits": (leaves(leaf(encoding="symmetric", bits=0, scales=1)), SCALE, r"Expected `int` >= 1 .*bits"),
    "1 bit": (leaves(leaf(encoding="symmetric", bits=1, scales=1)), SCALE, "of 1 bits; it must have 2 to 16"),
    "24 bits": (leaves(leaf(encoding="asymmetric", bits=24, scales=1)), bytes(13), "of 24 bits; it must have 2 to 16"),
    "raw bits": (leaves(leaf(type="float16")), EIGHT, "'a' is raw float16 of 32 bits; it must have 16 to 16"),
    "integers": (leaves(leaf(type="int32", **QUANTIZED)), bytes(6), "only floating-point arrays are quantized"),
    "no scale": (leaves(leaf(encoding="symmetric", bits=8)), bytes(2), "symmetric with 0 scales; it must have 1 or 2"),
    "scales": (leaves(leaf(shape=[2, 3], **{**QUANTIZED, "scales": 2})), bytes(14), "it must have 1 or 3"),
    "raw scales": (leaves(leaf(scales=1)), bytes(12), "'a' is raw with 1 scales; it must have 0"),
    "kept": (leaves(leaf(kept=3)), EIGHT, "'a' keeps 3 of 2 weights"),
    "no zero": (
        leaves(leaf(encoding="binary", bits=1, scales=1, kept=1)),
        bytes(5),
        "binary and pruned and has no mask",
    ),
    "low": (leaves(leaf(low=1)), EIGHT, "'a' has 1 low bits of indices, and its mask is none"),
    "long mask": (
        leaves(leaf(mask="kept", low=31)),
        bytes(17),
        "'a' has a mask of 9 bytes, longer than a bit for each",
    ),
    "long mask, no payload": (leaves(leaf(shape=[8], mask="pruned", kept=0, low=31)), b"", "has a mask of 32 bytes"),
}
CONTRADICTING = {
    "NaN scale": (leaves(leaf(**QUANTIZED)), b"\1\2" + struct.pack("<f", np.nan), "a scale that is negative, infinite"),
    "negative scale": (leaves(leaf(**QUANTIZED)), b"\1\2" + struct.pack("<f", -1), "a scale that is negative"),
    "integer": (leaves(leaf(**QUANTIZED)), b"\1\xff" + SCALE, "'a' has an integer that no weight stands for"),
    "large": (
        leaves(leaf(**QUANTIZED)),
        b"\1\2" + struct.pack("<f", 3e38),
        "'a' has a quantized weight that is not fin",
    ),
    "kept": (leaves(leaf(kept=1)), b"\1" * 8, "'a' keeps 1 weights, and 2 are not 0"),
    "bitmask": (leaves(ones("bitmask", kept=8)), b"\xff\x01\0" + SCALE, "9 weights are kept where 8 should be"),
    "fewer indices": (leaves(ones("kept", kept=2, low=3)), b"\0\0\0" + SCALE, "0 indices where 2 should be"),
    "an index twice": (leaves(ones("kept", kept=2, low=3)), b"\0\3\0" + SCALE, "the indices should be in ascending"),
    "index beyond": (
        leaves(ones("kept", kept=1, low=3) | {"shape": [12]}),
        b"\7\2\0" + SCALE,
        "the index 15 should be below",
    ),
}


def refusal(folder: Path, content: bytes) -> str:
    (folder / "hostile.mjx").write_bytes(content)
    with pytest.raises(UserError, match=r"hostile\.mjx has a") as error:
        load_packed(folder / "hostile.mjx")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
    return str(error.value)


@pytest.mark.parametrize("kind", [*HOSTILE, *(f"{kind}, in the payload" for kind in CONTRADICTING)])
def test_refused_in_one_line_and_in_little_memory(tmp_path, kind):
    name, _, place = kind.partition(", in the")
    described, payload, message = CONTRADICTING[name] if place else HOSTILE[kind]
    content = sealed(described, payload)
    tracemalloc.start()
    try:
        error = refusal(tmp_path, content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ("contradicts its header: " if place else "has a header that this minjax cannot read: ") in error
    assert re.search(message, error), error
    assert peak < 12 * 2**20


@pytest.mark.parametrize("filler", [b"[],", b'{"a":[0]},'])
def test_the_longest_header_takes_bounded_memory(tmp_path, filler):
    start, end = b'{"about":[', b'0],"leaves":[]}'
    text = start + filler * ((header.MOST_BYTES - len(start + end)) // len(filler)) + end
    (tmp_path / "long.mjx").write_bytes(sealed(text))
    tracemalloc.start()
    try:
        load_packed(tmp_path / "long.mjx")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60 * 2**20


def test_a_sparse_network_may_be_large_if_the_caller_says_so(tmp_path):
    (tmp_path / "sparse.mjx").write_bytes(sealed(leaves(leaf(shape=[2**24 + 1], kept=0, mask="kept"))))
    with pytest.raises(UserError, match="at most 16,777,216"):
        load_packed(tmp_path / "sparse.mjx")
    variables, _ = load_packed(tmp_path / "sparse.mjx", max_elements=2**25)
    assert variables["a"].shape == (2**24 + 1,)
    assert not variables["a"].any()


def test_what_is_too_long_or_deep_is_not_written(tmp_path):
    variables = {"params": {"a": np.zeros(2, np.float32)}}
    with pytest.raises(UserError, match=r"header of this packed file would be 2,000,\d\d\d bytes long"):
        save_packed(tmp_path / "a.mjx", variables, about="x" * 2 * 10**6)
    nested: list = []
    for _ in range(10**4):
        nested = [nested]
    with pytest.raises(ValueError, match="nested too deeply"):
        save_packed(tmp_path / "a.mjx", variables, about=nested)
    for _ in range(40):
        variables = {"a": variables}
    with pytest.raises(ValueError, match="more than 32 parts"):
        save_packed(tmp_path / "a.mjx", {"params": variables})
    assert not list(tmp_path.iterdir())


def test_surrogates_in_class_names_come_back(tmp_path):
    """A folder whose name is not UTF-8 gives such a class name."""
    about = {"class_names": ["\udcff", "猫"]}
    save_packed(tmp_path / "a.mjx", {"params": {"a": np.zeros(2, np.float32)}}, about=about)
    assert load_packed(tmp_path / "a.mjx")[1] == about
