"""What surrounds the content of a packed file: magic, version, lengths, and a checksum. See docs/packed.md.

These 56 bytes keep their place and meaning in every later version of the format.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from minjax.compress.header import MOST_BYTES
from minjax.errors import UserError

MAGIC = b"minjaxpk"
VERSION = 1
_HEAD = struct.Struct("<8sIIQ")  # magic, version, bytes of the header, bytes of the file
_CHECKSUM = hashlib.sha256().digest_size
_AT_ONCE = 2**20  # bytes read together for the checksum


def seal(header: bytes, sections: Sequence[bytes]) -> bytes:
    """The whole file.

    Args:
        header: as `header.encode` makes it.
        sections: the bytes of each array; together they are the payload.
    """
    start = _HEAD.pack(MAGIC, VERSION, len(header), size(header, sum(map(len, sections))))
    content = b"".join([start, header, *sections])
    return content + hashlib.sha256(content).digest()


def size(header: bytes, payload_bytes: int) -> int:
    """Bytes of a whole file."""
    return _HEAD.size + len(header) + payload_bytes + _CHECKSUM


@dataclasses.dataclass(frozen=True)
class Opened:
    """A packed file that is open, whole and unaltered.

    Attributes:
        header: compressed, as the file has it.
        payload_bytes: length of the payload.
        file: what the payload is read from.
    """

    header: bytes
    payload_bytes: int
    file: BinaryIO

    def payload(self, first: int, length: int) -> bytes:
        """`length` bytes of the payload from byte `first` on.

        Raises:
            ValueError: the file became shorter since it was opened.
        """
        self.file.seek(_HEAD.size + len(self.header) + first)
        data = self.file.read(length)
        if len(data) < length:
            raise ValueError("the file became shorter while it was read")
        return data


@contextmanager
def opened(path: Path | str) -> Iterator[Opened]:
    """Open a packed file after checking it.

    Raises:
        UserError: the file cannot be read, is not a packed file, is truncated, altered, or of another version.
    """
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a pipe would wait for someone to write to it
            raise UserError(f"cannot read {path}: not a regular file")
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            header_bytes = _check(path, file, length)
            file.seek(_HEAD.size)
            yield Opened(file.read(header_bytes), length - _HEAD.size - header_bytes - _CHECKSUM, file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _check(path: Path | str, file: BinaryIO, length: int) -> int:
    """The length of the header of a file that is whole and unaltered. The checksum comes before the version, so that
    damage to the version is not taken for a newer format."""
    start = file.read(_HEAD.size)
    if not start or start[: len(MAGIC)] != MAGIC[: len(start)]:
        raise UserError(f"{path} is not a packed file: it begins with {start[:8]!r}, not with {MAGIC!r}")
    if length < _HEAD.size + _CHECKSUM or len(start) < _HEAD.size:
        raise UserError(f"{path} is truncated: it has {length} bytes, fewer than the smallest packed file")
    _, version, header_bytes, expected = _HEAD.unpack(start)
    if length < expected:
        raise UserError(f"{path} is truncated: it has {length:,} of {expected:,} bytes")
    digest, left = hashlib.sha256(start), length - _HEAD.size - _CHECKSUM
    while left and (data := file.read(min(left, _AT_ONCE))):
        digest.update(data)
        left -= len(data)
    if length > expected or digest.digest() != file.read(_CHECKSUM):
        raise UserError(f"{path} was altered: its checksum is not that of its content")
    if version != VERSION:
        raise UserError(f"{path} is of version {version} of the format; this minjax reads version {VERSION}")
    if header_bytes > min(MOST_BYTES, length - _HEAD.size - _CHECKSUM):
        raise UserError(f"{path} has a header that this minjax cannot read: it is said to have {header_bytes:,} bytes")
    return header_bytes
