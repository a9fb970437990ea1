"""task=report: one page over several runs or several studies; for a single directory, its own report once more."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from minjax.errors import UserError
from minjax.findings.samples import Sample, repeated
from minjax.findings.study import findings
from minjax.records.files import disk_errors
from minjax.records.finding import CertificateBytes
from minjax.records.record import CONFIG, read_config
from minjax.records.study import Study
from minjax.studies.sizes import theoretical_bytes

PAGE = Path("report") / "index.html"  # written last
# In the order that a page chooses; of the last two each has a page by itself.
KINDS = {"train": "training runs", "study": "studies", "compress": "compressions", "tables": "sets of runs"}
ALONE = {"compress": "a compression", "tables": "a set of runs"}


def run(config: ConfigDict, directory: Path | None, command: str) -> int:
    """Report on the directories that `config.run` names; for a single one, write its own report once more.

    Several training runs are compared; several studies get one page with what is found in all their members together.
    What a glob matches beside that (a compression, a set of runs, a study among training runs) is left out, and a line
    says so; one that is named among others of another kind is a mistake.

    Args:
        config: `run` holds directories or globs, separated by commas.
        directory: where the page over several goes; None: runs/report.
        command: not used; every task takes it.

    Returns:
        0.

    Raises:
        UserError: no directory named or matched, one that is not a run's, compressions or sets of runs to compare,
            different kinds that were named, studies of different data under one name or with different tolerances.
    """
    from minjax.report import compare  # with matplotlib

    found = _directories(config.run)
    if len(found) == 1 and directory is None:
        (path,) = found
        page = _own(path)
    else:
        kind, paths = _alike(found)
        directory = directory or Path("runs") / "report"
        page = together(paths, directory) if kind == "study" else compare.write(paths, directory)
    print(f"report: {page}")
    return 0


def _own(directory: Path) -> Path:
    """Write the report of one directory; returns the path of its page."""
    from minjax.report import compression, study, tables
    from minjax.report import run as run_report

    writers = {"compress": compression.write, "study": study.write, "tables": tables.write}
    return writers.get(_kind(directory), run_report.write)(directory)


def outdate(directory: Path) -> None:
    """Remove the page of a directory whose result is about to change: while it has none, its report is unfinished."""
    with disk_errors(directory):
        (directory / PAGE).unlink(missing_ok=True)


def write_missing(directory: Path) -> None:
    """Write the report of a finished directory, if it was interrupted while it was being written."""
    if not (directory / PAGE).exists():
        print(f"report: {_own(directory)}")


def _directories(run: str) -> dict[Path, bool]:
    """The directories that were asked for, and whether each was named, not only matched."""
    patterns = [pattern.strip() for pattern in run.split(",") if pattern.strip()]
    if not patterns:
        raise UserError("task=report needs run directories: --config.run=runs/a,runs/b or --config.run='runs/*'")
    found: dict[Path, bool] = {}
    for pattern in patterns:
        matches = sorted(Path(p) for p in glob.glob(pattern))
        if not matches:
            raise UserError(f"config.run: no directory matches {pattern!r}")
        # A glob may match other things than runs; a directory that was named must be one.
        named = not glob.has_magic(pattern)
        for path in matches:
            if named or (path / CONFIG).exists():
                found[path] = found.get(path, False) or named
    if not found:
        raise UserError(f"config.run: nothing that matches {run!r} is a run directory (none holds a {CONFIG})")
    return found


def _alike(found: dict[Path, bool]) -> tuple[str, list[Path]]:
    """The kind of page, and the directories of that kind; a line names the others."""
    kinds = {path: _kind(path) for path in found}
    kind = next(kind for kind in KINDS if kind in kinds.values())
    alone = [path for path in found if kinds[path] in ALONE]
    named = [path for path in alone if found[path]]
    if named or kind in ALONE:
        first = (named or alone)[0]
        raise UserError(
            f"{_listed(named or alone)}: {ALONE[kinds[first]]} is not compared with others; name it alone, without "
            "--workdir, to write its own report once more"
        )
    others = [path for path in found if kinds[path] == "study"] if kind == "train" else []
    if any(found[path] for path in others):
        raise UserError(
            f"{_listed([path for path in others if found[path]])}: a study is not compared with training runs; name "
            "only studies to get one page over all of them"
        )
    for name in KINDS:
        if paths := [path for path in (*alone, *others) if kinds[path] == name]:
            print(f"not compared, {KINDS[name]}: {_listed(paths)}")
    return kind, [path for path in found if kinds[path] == kind]


def together(paths: Sequence[Path], directory: Path, absent: Sequence[str] = ()) -> Path:
    """Write one page over several studies, with what is found in all their members together.

    Args:
        paths: the directories of the studies.
        directory: where the page goes.
        absent: data sets that were asked for and are not on the page, each with the reason.

    Returns:
        The path of the page.

    Raises:
        UserError: as `run`.
    """
    from minjax.report import study

    studies = study.read_finished(paths)
    members = repeated(member for one in studies for member in one.members)
    by_dataset = {member.dataset: one for one in studies for member in one.members}

    def stored(sample: Sample, redundancy: float | None, bits: int | None) -> CertificateBytes:
        return _bytes(by_dataset[sample.dataset], sample, redundancy, bits)

    found = findings(members, study.common_limits(studies), stored, study.questions(studies))
    return study.write_together(directory, studies, found, absent=absent)


def _bytes(study: Study, sample: Sample, redundancy: float | None, bits: int | None) -> CertificateBytes:
    """How many bytes a network of a study takes."""
    data = study.config["data"]
    shape = tuple(data["image_shape"])
    return theoretical_bytes(
        sample.family,
        sample.fields,
        image_shape=shape,
        num_classes=data["classes"],
        redundancy=redundancy,
        bits=bits,
    )


def _kind(path: Path) -> str:
    """What the directory's configuration says it is: one of `KINDS`."""
    task = read_config(path).get("task") if (path / CONFIG).exists() else None
    return task if task in KINDS else "train"


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))
