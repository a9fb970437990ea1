"""The records of the three kinds of directories, damaged or written by somebody else, for `tests/fuzz.py`."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minjax.records import compression, run, study
from minjax.records.compression import Measurement, read_compression
from minjax.records.record import CONFIG, builtins, read_lines
from minjax.records.run import read_run
from minjax.records.study import MEMBERS, MemberRecord, read_study
from tests.fuzz import Target
from tests.report.compressions import make_compression
from tests.report.runs import make_run
from tests.report.studies import dnn, make_study

KINDS = {
    "train": (make_run, read_run, run.METRICS, run.Epoch, run.SUMMARY),
    "compress": (make_compression, read_compression, compression.MEASUREMENTS, Measurement, compression.SUMMARY),
    "study": (lambda path: make_study(path, dnn((1, 8), (1,))), read_study, MEMBERS, MemberRecord, study.SUMMARY),
}
ODD = """[null, true, false, 0, -1, 0.5, 97, 2147483648, 9223372036854775808, 1e308, NaN, Infinity, "", "foo",
    "\\u001b[2J\\n", "\\ud800", [], {}, [[]], {"": null}, {"epoch": 1}, [1, "a", null]]"""
LONG = json.dumps([10**400, "a" * 5000, json.loads("[" * 90 + "]" * 90)])
BYTES = (
    *(b"", b"{}", b"[]", b"null", b"0", b"\xff\xfe", b"\0" * 64, b"[" * 10_000, b'{"a":' * 10_000),
    *(b"\n" * 9, b"\xef\xbb\xbf{}"),
)


@functools.cache
def written(kind: str) -> dict[str, bytes]:
    """The files of a small finished directory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one"
        KINDS[kind][0](path)
        files = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    (name,) = [name for name in files if name.endswith(".jsonl")]
    files[name] = b"".join(files[name].splitlines(keepends=True)[:4])
    return files


def mutate(draw: random.Random) -> dict[str, bytes]:
    """The files of a directory, one of them changed."""
    files = dict(written(draw.choice(list(KINDS))))
    name = draw.choice(list(files))
    content, how = files[name], draw.random()
    if name.endswith(".npz") or how < 0.3:
        files[name] = changed_bytes(content, draw)
    elif name.endswith(".jsonl"):
        lines = content.splitlines(keepends=True)
        number = draw.randrange(len(lines))
        if how < 0.4:
            lines[number:number] = draw.choice([[lines[-1]], [b"{}\n"], [draw.choice(BYTES) + b"\n"], lines])
        else:
            lines[number] = changed_json(lines[number], draw, None) + b"\n"
        files[name] = b"".join(lines)
    else:
        files[name] = changed_json(content, draw, draw.choice([None, 2]))
    return files


def changed_bytes(content: bytes, draw: random.Random) -> bytes:
    """A file with a bit flipped, cut short, with something put in or taken out, or of other contents."""
    place = draw.randrange(len(content))
    change = draw.randrange(5)
    if change == 0:
        return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]
    if change == 1:
        return content[:place]
    if change == 2:
        return content[:place] + draw.choice(BYTES) + content[place:]
    if change == 3:
        return content[:place] + content[place + draw.randrange(1, 40) :]
    return draw.choice(BYTES)


def changed_json(content: bytes, draw: random.Random, indent: int | None) -> bytes:
    """JSON with some values replaced, removed, renamed or added."""
    values = json.loads(content)
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        where, key = draw.choice(list(_places(values)))
        change = draw.randrange(6)
        if change == 0 and isinstance(where, dict):
            where[f"{key}s"] = where.pop(key)
        elif change == 1:
            del where[key]
        elif change == 2 and isinstance(where, dict):
            where[draw.choice(["more", "format", "epoch", "", "__class__"])] = draw.choice(
                json.loads(ODD) + json.loads(LONG)
            )
        else:
            where[key] = draw.choice(json.loads(ODD) + json.loads(LONG))
        if not values:
            break
    return json.dumps(values, indent=indent).encode()


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a tree of JSON: the object or the list, and the key or the index in it."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        yield values, key
        if isinstance(value, dict | list):
            yield from _places(value)


def read(folder: Path) -> tuple[str, Any, list[Any]]:
    """What reads the directory, whichever kind its configuration says that it is."""
    kind = "train"
    with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
        task = json.loads((folder / CONFIG).read_bytes())["task"]
        kind = task if task in KINDS else kind
    _, reader, lines, line, _ = KINDS[kind]
    return kind, reader(folder), read_lines(folder / lines, line)


def judge(files: dict[str, bytes], value: tuple[str, Any, list[Any]]) -> tuple[str, int]:
    """Whether what was read is what the files say, by Python's own reader of JSON."""
    kind, found, lines = value
    _, _, lines_file, _, summary = KINDS[kind]
    stated = {key: one for key, one in json.loads(files[CONFIG]).items() if key not in ("format", "cpus")}
    assert same(stated, found.config), CONFIG
    if lines_file in files:
        stated = [json.loads(line) for line in files[lines_file].split(b"\n")[:-1]]
        assert same(stated, [builtins(line) for line in lines]), lines_file
    if summary in files:
        assert same(json.loads(files[summary]), builtins(found.summary)), summary
    unchanged = any(files == written(kind) for kind in KINDS)
    return "identical" if unchanged else "as the file says", sum(map(len, files.values()))


def same(stated: Any, found: Any) -> bool:
    """Whether a value that was read is the one in the file; fields that the file lacks have their defaults."""
    if isinstance(stated, dict):
        return isinstance(found, dict) and all(key in found and same(one, found[key]) for key, one in stated.items())
    if isinstance(stated, list):
        return isinstance(found, list | tuple) and len(stated) == len(found) and all(map(same, stated, found))
    if isinstance(stated, int | float) and not isinstance(stated, bool):
        return not isinstance(found, bool) and isinstance(found, int | float) and stated == found
    return type(stated) is type(found) and stated == found


TARGET = Target(mutate, read, judge)
