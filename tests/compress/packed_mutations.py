"""Packed files that are damaged, or that an attacker has written: with a checksum that is right."""

from __future__ import annotations

import functools
import hashlib
import json
import random
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from minjax.compress.packed import load_packed, save_packed
from tests.compress.documented_reader import read_as_documented
from tests.fuzz import Target

FILE = "network.mjx"


def sealed(header: Any, payload: bytes = b"", *, version: int = 1, trailing: bytes = b"") -> bytes:
    """A packed file with a right checksum; the header is JSON text, or what is to be written as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    compressed = zlib.compress(text, 9) + trailing
    size = 24 + len(compressed) + len(payload) + 32
    return signed(struct.pack("<8sIIQ", b"minjaxpk", version, len(compressed), size) + compressed + payload)


def signed(content: bytes) -> bytes:
    """Content with its checksum."""
    return content + hashlib.sha256(content).digest()


def parts(content: bytes) -> tuple[Any, bytes]:
    """The header as JSON, and the payload."""
    end = 24 + struct.unpack_from("<I", content, 12)[0]
    return json.loads(zlib.decompress(content[24:end])), content[end:-32]


@functools.cache
def written() -> tuple[bytes, ...]:
    """Small networks with every type, encoding and mask."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    params = {
        "conv": {"kernel": draw(3, 3, 2, 4), "bias": draw(4)},
        "half": {"kernel": jnp.float16(draw(1, 1, 4, 5)), "brain": jnp.bfloat16(draw(5))},
        "head": {"kernel": draw(5, 3), "bias": draw(3), "steps": np.int32(7), "none": draw(0, 3)},
    }
    variables = {"params": params, "batch_stats": {"norm": {"mean": draw(4)}}}
    about = {"model": {"name": "cnn", "widths": [4, 5]}, "class_names": ["Katze", "猫"], "mean": [0.5, None]}
    files = []
    for bits, amount, more in [
        (None, 0, {}),
        (None, 0.6, {}),
        (1, 0.4, {}),
        (5, 0.06, {"symmetric": False}),
        (4, 0.93, {"per_channel": False}),
        (8, 0, {"include": "conv/*"}),
    ]:
        masks = {
            layer: {
                name: np.asarray(rng.random(np.shape(x)) >= amount * (np.ndim(x) == 4)) for name, x in leaves.items()
            }
            for layer, leaves in params.items()
        }
        with tempfile.TemporaryDirectory() as folder:
            save_packed(f"{folder}/{FILE}", variables, bits=bits, masks=masks, about=about, **more)
            files.append(Path(folder, FILE).read_bytes())
    return tuple(files)


def mutate(rng: random.Random) -> dict[str, bytes]:
    """The file of one try: damaged in some places, or rewritten by an attacker."""
    content = rng.choice(written())
    if rng.random() < 0.3:
        for _ in range(rng.choice((1, 1, 2, 5))):
            content = damaged(rng, content)
        return {FILE: content}
    return {
        FILE: rng.choice((signed_damage, edited_header, edited_header, edited_header, edited_text, hostile))(
            rng, content
        )
    }


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Content with one bit, byte or range changed, cut out, put in or taken from another file."""
    if not content:
        return content
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice((1, 4, 8, 32, 10**6)))
    other = rng.choice(written())
    kind = rng.randrange(7)
    if kind == 0:
        return content[:start] + bytes([content[start] ^ 1 << rng.randrange(8)]) + content[start + 1 :]
    if kind == 1:
        return content[:start] + rng.randbytes(end - start) + content[end:]
    if kind == 2:
        return content[:start]
    if kind == 3:
        return content[:start] + content[end:]
    if kind == 4:
        return content[:start] + rng.choice((b"\0", b"\xff")) * (end - start) + content[end:]
    if kind == 5:
        return content[:end] + content[start:]
    return content[:start] + other[start:]


def signed_damage(rng: random.Random, content: bytes) -> bytes:
    """Damage with a new checksum and, mostly, with lengths that are right."""
    if rng.random() < 0.5:
        header, payload = parts(content)
        return sealed(header, damaged(rng, payload), version=rng.choice((1,) * 20 + (0, 2, 2**32 - 1)))
    body = damaged(rng, content[:-32])
    if len(body) >= 24 and rng.random() < 0.9:
        body = body[:16] + struct.pack("<Q", len(body) + 32) + body[24:]
    return signed(body)


ODD = (
    *(
        0,
        -1,
        1,
        2,
        3,
        7,
        8,
        17,
        32,
        33,
        2**16,
        2**24,
        2**28,
        2**31,
        2**48,
        2**63,
        2**64,
        2**80,
        -(2**63),
        1e308,
        1.5,
        2.0,
    ),
    *(float("nan"), float("inf"), True, None, "", "a", "raw", "kept", "binary", "\n\x1b[2J", "a/b", "/", [], {}, [[]]),
    *([0], [-1], [2**31, 2**31], [0, 2**40], [2**24], [1] * 40, [1.5], ["1"], "int32", "float16", "pruned", "none"),
)


def edited_header(rng: random.Random, content: bytes) -> bytes:
    """A header with a few fields or entries that are not what was written."""
    header, payload = parts(content)
    leaves = header["leaves"]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not leaves:
            break
        leaf, other = rng.choice(leaves), rng.choice(leaves)
        key = rng.choice((*leaf, "kept", "mask", "low", "bits", "scales", "encoding", "type"))
        kind = rng.randrange(12)
        if kind < 4:
            leaf[key] = rng.choice(ODD)
        elif kind == 4:
            leaf.pop(key, None)
        elif kind == 5:
            leaf[rng.choice(("more", "NAME", "name ", "\u2028", "x" * 5000))] = rng.choice(ODD)
        elif kind == 6:
            leaves.insert(rng.randrange(len(leaves) + 1), dict(leaf))
        elif kind == 7:
            leaves.remove(leaf)
        elif kind == 8:
            rng.shuffle(leaves)
        elif kind == 9:
            name = str(other.get("name"))
            leaf["name"] = rng.choice((name, name.rpartition("/")[0], f"{name}/more"))
        elif kind == 10 and isinstance(leaf.get(key), int):
            leaf[key] += rng.choice((-8, -1, 1, 2, 8, 2**32))
        else:
            sizes = leaf.get("shape")
            leaf["shape"] = rng.choice((other.get("shape"), sizes[::-1] if isinstance(sizes, list) else 1))
    if rng.random() < 0.1:
        header[rng.choice(("about", "leaves", "more"))] = rng.choice((*ODD, [rng.choice(ODD)]))
    return sealed(header, payload)


def edited_text(rng: random.Random, content: bytes) -> bytes:
    """A header whose text, or whose compressed bytes, are damaged."""
    header, payload = parts(content)
    text = json.dumps(header, separators=(",", ":")).encode()
    if rng.random() < 0.2:
        return sealed(text, payload, trailing=rng.randbytes(rng.randrange(1, 9)))
    if rng.random() < 0.2:
        return sealed(
            rng.choice((text.decode().encode("utf-16"), b"\xef\xbb\xbf" + text, b"[" + text, text * 2)), payload
        )
    return sealed(damaged(rng, text), payload)


def hostile(rng: random.Random, content: bytes) -> bytes:
    """A small file that announces very much."""
    many, payload = rng.choice((2**20, 2**24, 2**24 + 1, 2**28, 2**40, 2**62)), rng.randbytes(rng.choice((0, 8, 64)))
    leaf = {"name": "a", "shape": [many], "offset": 0, "mask": "kept", "kept": 0}
    kind = rng.randrange(9)
    if kind == 0:
        deep = rng.choice((10, 500, 5_000, 50_000))
        return sealed(b'{"about":' + b"[" * deep + b"]" * deep + b',"leaves":[]}')
    if kind == 1:
        filler = rng.choice((b" ", b"[],", b'"",', b"{},", b"1.5,")) * rng.choice((2**15, 2**18, 2**21))
        return sealed(b'{"about":[' + filler + b'0],"leaves":[]}')
    if kind == 2:
        return sealed(
            {"about": None, "leaves": [{**leaf, "name": f"a{i}", "shape": [2**18]} for i in range(rng.choice((9, 70)))]}
        )
    if kind == 3:
        name = rng.choice(("a/" * 100 + "a", "a/" * 31 + "a", "/" * 10**5, "x" * 10**5, "\ud800", "..", "a\nb"))
        return sealed({"about": None, "leaves": [{"name": name, "shape": [2], "offset": 0}]}, bytes(8))
    if kind == 4:
        leaves = [{"name": str(i), "shape": [0], "offset": 0} for i in range(rng.choice((10, 50, 50, 1000)))]
        return sealed({"about": None, "leaves": leaves})
    if kind == 5:
        payload = b""  # refused for its size alone, or read as so many zeros
    elif kind == 6:
        leaf |= {"shape": [0, rng.choice((2**20, 2**21)), 1], "kept": None, "mask": "none"}
    elif kind == 7:
        leaf |= {"encoding": "asymmetric", "bits": rng.choice((0, 2, 16, 24)), "scales": rng.choice((1, many))}
    else:
        leaf |= {
            "mask": rng.choice(("pruned", "bitmask")),
            "low": rng.choice((0, 1, 31, 63)),
            "kept": rng.choice((1, many)),
        }
    return sealed({"about": None, "leaves": [leaf]}, payload)


def judge(files: dict[str, bytes], value: tuple[dict, Any]) -> tuple[str, int]:
    """See that what was loaded is what was written, or what the page says that the rewritten file means."""
    variables, about = value
    arrays = dict(flat(variables))
    decoded = sum(array.nbytes for array in arrays.values())
    expected, expected_about = read_as_documented(files[FILE])
    assert sorted(arrays) == sorted(expected)  # in the file, collections may be mixed
    for name, array in arrays.items():
        other = expected[name]
        assert (array.shape, array.dtype) == (other.shape, other.dtype), name
        assert array.tobytes() == other.tobytes(), name
    assert json.dumps(about) == json.dumps(expected_about)
    return ("identical" if contents(arrays, about) in originals() else "as the file says"), decoded


def flat(variables: dict, prefix: str = "") -> Any:
    """The arrays of nested dictionaries with their paths, in order."""
    for key, value in variables.items():
        yield from flat(value, f"{prefix}{key}/") if isinstance(value, dict) else [(f"{prefix}{key}", value)]


def contents(arrays: dict[str, np.ndarray], about: Any) -> str:
    """A digest of all arrays and of `about`."""
    digest = hashlib.sha256(json.dumps(about).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name!r} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@functools.cache
def originals() -> frozenset[str]:
    """The digests of what the unchanged files hold."""
    return frozenset(contents(*read_as_documented(content)) for content in written())


TARGET = Target(mutate, lambda folder: load_packed(folder / FILE), judge)
