"""The report of a study (task=study), from its records alone: no model, no device.

`write(directory)` reads config.json, points.jsonl (the trained members) and study.json (what follows from them), and
draws what is there; `write_together(directory, studies, findings)` makes one page over several studies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minjax import records
from minjax.report import tables as run_tables
from minjax.report.formats import printable
from minjax.report.study import tables
from minjax.report.study.evidence import Evidence, gather
from minjax.report.study.headline import headline
from minjax.report.study.record import StudyRecord, check_findings, read, read_together
from minjax.report.study.sections import sections

__all__ = ["members", "write", "write_together"]

CSV = "points.csv"
MOST_ROWS = 120  # of the table of networks in report.md
OPEN_ROWS = 40  # up to so many networks, the page shows their table without being asked


def write(directory: Path | str, *, title: str | None = None) -> Path:
    """Write the report of a study from its records alone into ``<directory>/report/``.

    Files: a picture a kind of curve (accuracy.png, families.png, learning.png, pruning.png, quantization.png,
    resilience.png), points.csv (a row a network), report.md and index.html, each replaced atomically. Of what was not
    measured the page says so, and a picture that an earlier report left of it is removed.

    Args:
        directory: a study's, with a study.json.
        title: the page's heading; None: the study's name.

    Returns:
        The path of index.html.

    Raises:
        UserError: not such a directory, an unfinished study, a corrupt record, no space or no permission.
    """
    study = read(directory)
    evidence = gather([study], study.summary or {})
    return _write(evidence, study.path / "report", title or _title([study]))


def write_together(
    directory: Path | str, studies: Sequence[Path | str], findings: dict[str, Any], *, title: str | None = None
) -> Path:
    """Write one page over several studies, from their records alone, into `directory`: the files of `write`.

    Args:
        directory: where to write; made if need be.
        studies: directories of studies; of a network that two trained with one seed, the later counts.
        findings: over the members of all of them together (`members`).
        title: the page's heading; None: how many studies, or the name of a single one.

    Returns:
        The path of index.html.

    Raises:
        UserError: no study, different data under one name, findings that are none, or as `write`.
    """
    found = read_together(studies)
    check_findings(findings, "findings")
    evidence = gather(found, findings)
    return _write(evidence, Path(directory), title or _title(found))


def members(studies: Sequence[Path | str]) -> list[dict[str, Any]]:
    """The members of several studies, in the order of the studies: what their findings together are made of.

    Raises:
        UserError: no study, different data under one name, or as `write`.
    """
    return [member for study in read_together(studies) for member in study.members]


def _title(studies: Sequence[StudyRecord]) -> str:
    return f"Study {studies[0].name}" if len(studies) == 1 else f"{len(studies)} studies together"


def _write(evidence: Evidence, folder: Path, title: str) -> Path:
    from minjax.report import html, plots  # Jinja and matplotlib: only now
    from minjax.report.study import pictures

    drawn = {}
    for name, found in pictures.draw(evidence).items():
        if found:
            records.write_bytes(folder / name, plots.stack(found))
            drawn[name] = [html.data_uri(png) for png in found]  # one below the other, to fit printed pages
        else:
            with records.disk_errors(folder / name):
                (folder / name).unlink(missing_ok=True)
    records.write_text(folder / CSV, tables.points_csv(evidence))
    context = {"title": printable(title), "pictures": drawn, "csv": CSV, **_context(evidence, drawn)}
    records.write_text(folder / "report.md", html.render("study.md", **context))
    records.write_text(folder / "index.html", html.render("study.html", **context))
    return folder / "index.html"


def _context(evidence: Evidence, drawn: dict[str, list[str]]) -> dict[str, Any]:
    """What the templates are filled with, apart from the pictures."""
    studies, networks = evidence.studies, evidence.networks
    lost, number_lost = tables.lost(evidence)
    return {
        "stopped": [
            f"{study.name} ({printable(str(study.path))}) was {study.status_text()}"
            for study in studies
            if study.status != "completed"
        ],
        "status": next((study.status for study in studies if study.status != "completed"), "completed"),
        "headline": headline(evidence),
        "sections": sections(evidence, drawn),
        "points": tables.points(evidence),
        "first_points": tables.points(evidence, networks[:MOST_ROWS]),
        "number_of_points": len(networks),
        "points_open": len(networks) <= OPEN_ROWS,
        "lost": lost,
        "number_lost": number_lost,
        "conditions": tables.conditions(studies),
        "settings": run_tables.settings(studies[0]) if len(studies) == 1 else None,
        "provenance": [(f"{study.name}, {printable(str(study.path))}", tables.provenance(study)) for study in studies],
    }
