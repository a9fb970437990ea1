"""What every record has in common: typed fields, a format version, JSON on the disk, one clear error for what is wrong.

A record is a line of a JSONL file or a whole JSON file. Writers construct them and readers get them; nothing else in
minjax parses JSON. `config.json` carries the format version of its directory, and so does every other JSON file; the
lines of a JSONL file are of the format that the `config.json` beside them names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from minjax.errors import UserError
from minjax.records.files import append_text, read_bytes, write_text

LONGEST = 300  # characters of what is wrong: a damaged file may name anything
FORMAT = 2  # of everything that this version writes; 1 is what minjax 0.1 wrote
CONFIG = "config.json"

Fraction = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Seed = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(ge=0)]
Interval = tuple[float, float]


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record, or a part of one: immutable, with exactly the fields that its class names."""


class Provenance(Record, frozen=True, kw_only=True):
    """Where a result comes from.

    Attributes:
        device: the kind of device, with the processor's name for a CPU.
        device_count: devices of all processes together.
        process_count: processes of the run.
        versions: package -> version.
        git_commit: of minjax's checkout, with "+changes" where tracked files differ; None outside a checkout.
        command: as the user typed it.
    """

    device: str
    device_count: Positive
    process_count: Positive = 1
    versions: dict[str, str]
    git_commit: str | None
    command: str


class ResultFile(Provenance, frozen=True, kw_only=True):
    """A JSON file that holds a result: its format version and where it comes from."""

    format: int = FORMAT


R = TypeVar("R", bound=Record)

_LAST = Provenance.__struct_fields__


def builtins(record: Record) -> dict[str, Any]:
    """The record as JSON has it: its own fields first, where it comes from last."""
    values = msgspec.to_builtins(record)
    return dict(sorted(values.items(), key=lambda item: 1 + (item[0] in _LAST) if item[0] != "format" else 0))


def write(path: Path | str, record: ResultFile) -> None:
    """Write a result as an indented JSON file, atomically.

    Raises:
        UserError: no space or no permission; the old file is still there.
        ValueError: a number that JSON does not have, NaN or infinity.
    """
    write_text(path, json.dumps(builtins(record), indent=2, allow_nan=False) + "\n")


def read(path: Path | str, kind: type[R]) -> R:
    """Read a JSON file as a record.

    Raises:
        UserError: missing or unreadable, of another format version, not JSON, or not such a record; names the file.
    """
    data = read_bytes(path)
    check_format(path, data)
    return _decode(data, kind, str(path))


def append(path: Path | str, *records: Record) -> None:
    """Append records to a JSONL file, in one write that is on the disk when this returns.

    Raises:
        UserError: no space or no permission.
        ValueError: a number that JSON does not have.
    """
    append_text(path, "".join(_line(record) for record in records))


def write_lines(path: Path | str, records: Iterable[Record]) -> None:
    """Replace a JSONL file by these records, atomically."""
    write_text(path, "".join(_line(record) for record in records))


def read_lines(path: Path | str, kind: type[R]) -> list[R]:
    """The records of a JSONL file; none where there is no file.

    A last line without a newline is dropped: it is all that a kill can leave half-written.

    Raises:
        UserError: a whole line is not JSON or not such a record; names the file and the line.
    """
    path = Path(path)
    if not path.exists():
        return []
    *lines, _ = read_bytes(path).split(b"\n")
    return [_decode(line, kind, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def write_config(directory: Path | str, config: dict[str, Any], cpus: int | None = None) -> None:
    """Write config.json: the resolved configuration of a directory, with the format version of its records.

    Args:
        directory: exists, or is made.
        config: the configuration.
        cpus: how many CPUs the results depend on; None: they do not.
    """
    values = {"format": FORMAT, **({} if cpus is None else {"cpus": cpus}), **config}
    write_text(Path(directory) / CONFIG, json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_config(directory: Path | str) -> dict[str, Any]:
    """The configuration in a directory's config.json, without the format version and the number of CPUs.

    Raises:
        UserError: missing or unreadable, of another format version, or not an object of fields and sections.
    """
    path = Path(directory) / CONFIG
    data = read_bytes(path)
    check_format(path, data)
    config = _decode(data, dict[str, Any], str(path))
    for section in ("dataset", "model", "optimizer", "data"):
        if not isinstance(config.get(section, {}), dict):
            raise UserError(f"{path}: {section!r} is not a section of fields")
    del config["format"]
    config.pop("cpus", None)
    return config


def read_cpus(directory: Path | str) -> int | None:
    """How many CPUs config.json says that the results depend on; None where it says nothing.

    Raises:
        UserError: as `read_config`.
    """
    path = Path(directory) / CONFIG
    return _decode(read_bytes(path), _Versioned, str(path)).cpus


def config_of(directory: Path | str, kind: str, task: str | None = None) -> dict[str, Any]:
    """The configuration of a directory that must be of one kind.

    Args:
        directory: the directory.
        kind: what it must be, for the error: "run directory".
        task: the task that its configuration must name; None: any.

    Raises:
        UserError: it is not of that kind, or as `read_config`.
    """
    if not (Path(directory) / CONFIG).is_file():
        raise UserError(f"{directory} is not a {kind}: it has no {CONFIG}")
    config = read_config(directory)
    if task is not None and config.get("task") != task:
        raise UserError(f"{directory} is not a {kind}: its task is {config.get('task')!r}")
    return config


class _Versioned(msgspec.Struct):
    format: int = 1
    cpus: Positive | None = None


def check_format(path: Path | str, data: bytes) -> None:
    """Check that a JSON file is of the format that this version reads.

    Raises:
        UserError: it is older (says how to convert it) or newer (says which minjax is needed), or not JSON.
    """
    found = _decode(data, _Versioned, str(path)).format
    if found > FORMAT:
        raise UserError(
            f"{path} is of record format {found}; this version of minjax reads format {FORMAT}: use a newer minjax"
        )
    if found < FORMAT:
        raise UserError(
            f"{path} is of record format {found}, written by minjax 0.1; convert its directory with "
            f"'python -m minjax.migration {Path(path).parent}'"
        )


def decode(text: str, kind: Any, where: str) -> Any:
    """JSON text that another file carries, as a record or as another type.

    Raises:
        UserError: it is not JSON, or not such a record; begins with `where`.
    """
    return _decode(text.encode(errors="replace"), kind, where)


def _line(record: Record) -> str:
    return json.dumps(builtins(record), allow_nan=False) + "\n"


def convert(values: Any, kind: type[R], where: str) -> R:
    """JSON values that another file carries, as a record.

    Raises:
        UserError: they are not such a record; begins with `where`.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {_reason(str(error))[:LONGEST]}") from error
    except UnicodeEncodeError as error:  # a name with half of a surrogate pair
        raise UserError(f"{where}: a text that is not Unicode") from error


def _decode(data: bytes, kind: Any, where: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {_reason(str(error))[:LONGEST]}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: not JSON ({' '.join(str(error).split())[:LONGEST]})") from error


def _reason(text: str) -> str:
    """'final.test_accuracy: expected `float` <= 1.0' from msgspec's 'Expected ... - at `$.final.test_accuracy`'."""
    found = re.fullmatch(r"(.*) - at `(?:key in )?\$\.?(.*)`", text, re.DOTALL)
    if not found:
        return text[:1].lower() + text[1:]
    what, place = found.groups()
    return (f"{place}: " if place else "") + what[:1].lower() + what[1:]
