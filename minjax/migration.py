"""Converts what minjax 0.1 left on the disk, record format 1, to the format that this version reads.

    python -m minjax.migration DIR ...

Each directory is that of a training run, a compression or a study. Its records are read and checked before anything
is written; then each file is replaced atomically, config.json, which names the format, last. A conversion that was
cut short is finished by the same command. Checkpoints, packed files and whatever else is there stay as they are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from minjax import models, optim
from minjax.config import roles
from minjax.errors import UserError
from minjax.findings.answers import Asked
from minjax.findings.samples import LIMITS, Limits, Sample, repeated
from minjax.findings.study import findings
from minjax.records import record as records
from minjax.records.answer import Answers
from minjax.records.compression import MEASUREMENTS, TRAINED, CompressionSummary, Measurement
from minjax.records.compression import SUMMARY as COMPRESSION
from minjax.records.files import read_bytes
from minjax.records.finding import CertificateBytes, Findings
from minjax.records.record import CONFIG, FORMAT, Record, ResultFile
from minjax.records.run import METRICS, Epoch, RunSummary
from minjax.records.run import SUMMARY as RUN
from minjax.records.study import MEMBERS, MemberRecord, StudySummary
from minjax.records.study import SUMMARY as STUDY
from minjax.studies.points import override
from minjax.studies.sizes import theoretical_bytes
from minjax.tasks.workdir import locked

Json = dict[str, Any]
# What this version finds in another way than the first one did.
ANSWERS = (*Answers.__struct_fields__, "certificates", "claims")
R = TypeVar("R", bound=Record)
TRAINED_INSIDE = "trained"  # the run of a compression that trained its network itself


def main(arguments: Sequence[str]) -> int:
    """Convert the directories, one line for each; 0, or 1 where one could not be converted."""
    if not arguments or arguments[0].startswith("-"):
        print("usage: python -m minjax.migration DIR ...", file=sys.stderr)
        return 2
    failed = False
    for argument in arguments:
        try:
            print(convert(Path(argument)))
        except UserError as error:
            print(f"minjax: error: {error}", file=sys.stderr)
            failed = True
    return int(failed)


def convert(directory: Path) -> str:
    """Convert a directory; a sentence that says what was done.

    Raises:
        UserError: not a directory of minjax, of a newer format, in use, or a record that cannot be read as one; nothing
            was written.
    """
    if not (directory / CONFIG).is_file():
        raise UserError(f"{directory} is not a directory of minjax: it has no {CONFIG}")
    config = _json(directory / CONFIG)
    found = config.get("format", 1)
    task = config.get("task", "train" if "optimizer" in config else None)
    if found == FORMAT and not (task == "study" and _outdated(directory / STUDY)):
        return f"{directory}: already of record format {FORMAT}"
    if found not in (1, FORMAT):
        raise UserError(f"{directory} is of record format {found!r}; this version of minjax reads format {FORMAT}")
    if task not in KINDS:
        raise UserError(f"{directory / CONFIG} is not that of a training run, a compression or a study: task {task!r}")
    with locked(directory) if (directory / ".lock").exists() else contextlib.nullcontext():
        lines, summary, remarks = KINDS[task](directory, config)
        if task == "compress" and (directory / TRAINED_INSIDE / CONFIG).is_file():
            convert(directory / TRAINED_INSIDE)
            remarks.append(f"so was the run in {TRAINED_INSIDE}/")
        for name, converted in lines.items():
            records.write_lines(directory / name, converted)
        for name, result in summary.items():
            records.write(directory / name, result)
        records.write_config(directory, config)
    parts = [f"{len(converted)} lines of {name}" for name, converted in lines.items()]
    done = f"{directory}: converted to record format {FORMAT} ({', '.join([*parts, *summary, CONFIG])})"
    return "; ".join([done, *remarks])


Converted = tuple[dict[str, list[Any]], dict[str, ResultFile], list[str]]  # lines, summaries, what to remark


def _run(directory: Path, config: Json) -> Converted:
    epochs, remarks = _lines(directory / METRICS, Epoch)
    return epochs, _summary(directory / RUN, RunSummary), remarks


def _compression(directory: Path, config: Json) -> Converted:
    measurements, remarks = _lines(directory / MEASUREMENTS, Measurement, _batch_norm)
    if config.get("training") is None:  # config.json of a compression holds that of the run that it compresses
        source = Path(config["run"]) / CONFIG
        if source.is_file():
            config["training"] = {key: value for key, value in _json(source).items() if key != "format"}
        else:
            remarks.append(f"{source} is not there, so the settings of the compressed run stay unknown")
    known: list[Json] = json.loads(msgspec.json.encode(measurements.get(MEASUREMENTS, [])))

    def result(old: Json) -> Json:
        phases = [_batch_norm({k: v for k, v in one.items() if k != "redundancy"}) for one in old["phases"]]
        return old | {"phases": phases, "pareto": [_measured(known, entry, directory) for entry in old["pareto"]]}

    return measurements, _summary(directory / COMPRESSION, CompressionSummary, result), remarks


def _batch_norm(old: Json) -> Json:
    """`bn` under its new name; a line without it was measured with the statistics that training left."""
    new = {key: value for key, value in old.items() if key != "bn"}
    return {"batch_norm": old.get("bn") or TRAINED, **new}


def _measured(known: list[Json], entry: Json, directory: Path) -> Json:
    """The measurement that an entry of the front names by some of its fields."""
    wanted = _batch_norm(entry)
    for line in known:
        if line["layer"] is None and all(line[key] == value for key, value in wanted.items()):
            return line
    raise UserError(f"{directory / COMPRESSION}: no line of {MEASUREMENTS} is the one in pareto {json.dumps(entry)}")


def _study(directory: Path, config: Json) -> Converted:
    members, remarks = _lines(directory / MEMBERS, MemberRecord, lambda old: _member(old, config))
    lines = members.get(MEMBERS, [])

    def result(old: Json) -> Json:
        found = json.loads(msgspec.json.encode(_findings(config, lines)))
        before = old.get("findings", old)
        other = [name for name in found.keys() & before.keys() if not _same_numbers(before[name], found[name])]
        remarks.append(f"its findings were computed again from {MEMBERS}, the minimal size by this version's estimator")
        changed = [name for name in found if name in other and name not in ANSWERS]
        if changed:
            remarks.append(f"the numbers of {', '.join(changed)} are different")
        kept = {key: value for key, value in old.items() if key in StudySummary.__struct_fields__}
        seconds = {"curves": None, **old["seconds"]}
        return {**kept, "training": _training(config, lines), "findings": found, "seconds": seconds}

    return members, _summary(directory / STUDY, StudySummary, result), remarks


def _outdated(path: Path) -> bool:
    """Whether a study.json of this format has findings that an earlier revision of this version wrote."""
    if not path.exists():
        return False
    try:
        msgspec.json.decode(read_bytes(path), type=StudySummary)
    except msgspec.MsgspecError:
        return True
    return False


def _findings(config: Json, members: Sequence[MemberRecord]) -> Findings:
    """What the members say."""
    given = {field.name: config["study"].get(field.name) for field in dataclasses.fields(Limits)}
    limits = dataclasses.replace(LIMITS, **{name: value for name, value in given.items() if value is not None})

    def stored(sample: Sample, redundancy: float | None, bits: int | None) -> CertificateBytes:
        return theoretical_bytes(
            sample.family,
            sample.fields,
            image_shape=tuple(config["data"]["image_shape"]),
            num_classes=config["data"]["classes"],
            redundancy=redundancy,
            bits=bits,
        )

    asked = {dataset: Asked.of(config) for dataset in {member.dataset for member in members}}
    return findings(repeated(members), limits, stored, asked)


def _same_numbers(old: Any, new: Any) -> bool:
    """Whether the numbers of an old finding are those of the new one, which may have more fields and other words."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(_same_numbers(value, new.get(key)) for key, value in old.items())
    if isinstance(old, list):
        return len(old) == len(new) and all(_same_numbers(*pair) for pair in zip(old, new, strict=True))
    return isinstance(old, str) or old == new


def _member(old: Json, config: Json) -> Json:
    """With the settings of its family, as far as config.json tells them, and the seconds in two parts."""
    seconds = old["seconds"]
    if not isinstance(seconds, dict):
        seconds = {"train": seconds, "curves": None}
    own = _set_for(config, old["family"])
    settings = {field: value for field, value in own.items() if field.removeprefix("model.") not in old["fields"]}
    swept = {field.rpartition(".")[2]: field for field, _ in config["study"]["axes"]}
    for label, value in old["labels"].items():
        field = swept.get(label, label)
        if "." in field and field.removeprefix("model.") not in old["fields"]:
            settings[field] = value
    return {"settings": settings, **old, "seconds": seconds}


def _set_for(config: Json, family: str) -> Json:
    return dict((config["study"].get(family) or {}).get("set") or [])


def _training(config: Json, members: Sequence[MemberRecord]) -> list[Json]:
    """How the points were trained: an entry for each set of settings, with the optimizer's defaults."""
    found: dict[str, tuple[Json, list[MemberRecord]]] = {}
    for point in {member.point: member for member in members}.values():
        settings = roles.training_settings(_resolved(config, point))
        found.setdefault(json.dumps(settings, sort_keys=True), (settings, []))[1].append(point)
    return [
        {"families": sorted({point.family for point in alike}), "points": len(alike), "settings": settings}
        for settings, alike in found.values()
    ]


def _resolved(config: Json, point: MemberRecord) -> Json:
    """The configuration that a point was trained with: its own settings, then the defaults of model and optimizer."""
    given = override(config, point.settings)
    optimizer, own = given["optimizer"], models.fields(point.family)
    preset = (optimizer.pop("preset", None) or {}).get(optimizer["name"], {})
    defaults = optim.DEFAULTS[optimizer["name"]] | {key: value for key, value in preset.items() if value is not None}
    given["optimizer"] = {key: defaults.get(key) if value is None else value for key, value in optimizer.items()}
    given["model"] = {
        key: own[key] if value is None else value for key, value in given["model"].items() if key in own
    } | {"name": point.family, **point.fields}
    return given


def _lines(
    path: Path, kind: type[R], convert: Callable[[Json], Json] = lambda old: old
) -> tuple[dict[str, list[R]], list[str]]:
    """The records of a JSONL file under its name, and a remark where a half-written line ends it."""
    if not path.exists():
        return {}, []
    *lines, rest = read_bytes(path).split(b"\n")
    found = [_record(line, kind, f"{path}, line {number}", convert) for number, line in enumerate(lines, 1)]
    return {path.name: found}, [f"{path.name} ended in a half-written line, which was left out"] if rest else []


def _summary(path: Path, kind: type[R], convert: Callable[[Json], Json] = lambda old: old) -> dict[str, R]:
    return {path.name: _record(read_bytes(path), kind, str(path), convert)} if path.exists() else {}


def _record(data: bytes, kind: type[R], where: str, convert: Callable[[Json], Json]) -> R:
    """A record of this version from the text of an old one; one that is of this version already stays as it is."""
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.json.decode(data, type=kind)
    old = _object(data, where)
    try:
        return msgspec.convert(convert(old) | ({"format": FORMAT} if issubclass(kind, ResultFile) else {}), kind)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError, ValueError) as error:
        missing = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{where}, is not a record of minjax 0.1: {missing}") from error


def _json(path: Path) -> Json:
    return _object(read_bytes(path), str(path))


def _object(data: bytes, where: str) -> Json:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise UserError(f"{where}: not a JSON object")
    return value


KINDS: dict[str, Callable[[Path, Json], Converted]] = {"train": _run, "compress": _compression, "study": _study}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
