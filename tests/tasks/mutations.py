"""What may have happened to a file of a directory: damage, other people's edits, hostile contents."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path


def _write(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def _append(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes() + content) and None


def _change(pattern: bytes, replacement: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(re.sub(pattern, replacement, path.read_bytes())) and None


def _halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _directory(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _twice(path: Path) -> None:
    path.write_bytes(2 * path.read_bytes())


MUTATIONS: dict[str, Callable[[Path], None]] = {
    "an empty object": _write(b"{}\n"),
    "a list": _write(b"[]\n"),
    "null": _write(b"null\n"),
    "a number": _write(b"1e999\n"),
    "nothing": _write(b""),
    "zeros": _write(bytes(4096)),
    "not UTF-8": _write(b'{"\xff\xfe": 1}\n'),
    "deep nesting": _write(b'{"a": ' + b"[" * 200_000 + b"\n"),
    "half of it": _halve,
    "all of it twice": _twice,
    "a foreign line": _append(b'{"message": "hello"}\n'),
    "garbage at the end": _append(b"\xff\x00\n"),
    "a directory": _directory,
    "a link to itself": _loop,
    "another status": _change(rb'"status": "\w+"', b'"status": "foo"'),
    "an accuracy of 97": _change(rb'accuracy": [0-9.]+', b'accuracy": 97'),
    "a number as text": _change(rb'": ([0-9.]+)', rb'": "\1"'),
    "negative numbers": _change(rb'": ([0-9.]+)', rb'": -\1'),
    "long numbers": _change(rb'": ([0-9]+)([,\n}])', rb'": \g<1>' + b"0" * 400 + rb"\2"),
    "text as a number": _change(rb'": "[^"]*"', b'": 7'),
    "sections as a number": _change(rb'": \{[^{}]*\}', b'": 7'),
    "lists as a number": _change(rb'": \[[^\[\]]*\]', b'": 7'),
    "null everywhere": _change(rb'": ("[^"]*"|[0-9.]+)', b'": null'),
    "controls in text": _change(rb'": "', rb'": "\\u001b[2J\\n'),
}


def copy(source: Path, target: Path) -> Path:
    """A copy of a directory that a test may damage."""
    return shutil.copytree(source, target, symlinks=True)
