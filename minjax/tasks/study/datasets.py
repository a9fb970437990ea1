"""The same study on several data sets: each is an ordinary study in its own directory, and one page has all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from minjax.errors import UserError
from minjax.records.record import CONFIG
from minjax.tasks import report
from minjax.tasks.sources import Source, sources

OWN = ("name", "path")  # what each study has of its own, fields of `dataset`
PAGE = "report"  # the directory of the page over all, beside those of the data sets


def run(config: ConfigDict, directory: Path | None, study: Callable[[ConfigDict, Path], int]) -> int:
    """Run or resume the study on each data set that `study.datasets` names, and write the page over all of them.

    One whose images cannot be had is left out; the others are run.

    Args:
        config: with `study.datasets`, and without a data set of its own.
        directory: where each has a directory of its name, and the page `report/`; None: `runs/<config name>-s<seed>`.
        study: runs one study, by its configuration and its directory; returns its exit code.

    Returns:
        The exit code: 0 completed or the budget is spent, 75 interrupted and resumable.

    Raises:
        UserError: whatever the user got wrong; a data set that could not be had, when the others are finished.
    """
    for field in OWN:
        if config.dataset[field]:
            raise UserError(
                f"dataset.{field} is {config.dataset[field]!r}, but study.datasets says what the data are; leave it "
                f"unset, or use --config.study.datasets={config.dataset[field]}"
            )
    named = sources(config.study.datasets, "study.datasets")
    if PAGE in (source.slug for source in named):
        raise UserError(
            f"study.datasets calls a data set {PAGE!r}, where the page over all of them goes; use another label"
        )
    if directory is None:
        directory = Path("runs") / f"{config.name}-s{config.seed}"
        if not config.study.dry_run:
            print(f"work directory: {directory}")
    if (directory / CONFIG).exists():
        raise UserError(f"{directory} holds a run, not studies of several data sets; use another --workdir")
    done: list[Path] = []
    missing: list[str] = []
    first: UserError | None = None
    for source in named:
        place = directory / source.slug
        print(f"{source.label}: {place}", flush=True)
        try:
            if code := study(of(config, source), place):
                return code
            done.append(place)
        except UserError as error:
            print(f"minjax: warning: {source.label} is left out: {error}", file=sys.stderr)
            missing.append(f"{source.label} ({error})")
            first = first or error
    if first is not None and not done:
        raise first
    if len(done) > 1 and not config.study.dry_run:
        print(f"report on all: {report.together(done, directory / PAGE, missing)}")
    if missing:
        raise UserError(f"not run: {'; '.join(missing)}")
    return 0


def of(config: ConfigDict, source: Source) -> ConfigDict:
    """The configuration of the study on one of the data sets, called after it."""
    own = config.copy_and_resolve_references()
    own.study.datasets = ()
    own.dataset.name, own.dataset.path = source.name, source.path
    own.name = f"{config.name}-{source.slug}"
    return own
