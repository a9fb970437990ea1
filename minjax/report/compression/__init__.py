"""The report of a compression run (task=compress), from its records alone: no model, no device.

`write(directory)` reads config.json, compression.jsonl (the measured points) and compression.json (what follows from
them), and draws what is there: a run may have pruned only, or quantized only.
"""

from __future__ import annotations

from pathlib import Path

from minjax import records
from minjax.errors import UserError
from minjax.report import tables
from minjax.report.compression.record import SUMMARY, read
from minjax.report.compression.sections import effort, headline, sections, subject
from minjax.report.formats import printable

__all__ = ["write"]


def write(directory: Path | str, *, title: str | None = None) -> Path:
    """Write the report of a compression run from its records alone into ``<directory>/report/``.

    Files: a picture a curve that was measured (pruning.png, quantization.png, joint.png, sensitivity.png, pareto.png,
    rounds.png, aware.png), report.md and index.html, each replaced atomically. Of a curve that was not measured the
    page says so, and a picture that an earlier report left of it is removed.

    Args:
        directory: a compression run's, with a compression.json.
        title: the page's heading; None: model and data set.

    Returns:
        The path of index.html.

    Raises:
        UserError: not such a directory, an unfinished run, a corrupt record, no space or no permission.
    """
    record = read(directory)
    if record.summary is None:
        raise UserError(
            f"{record.path} is an unfinished compression run ({len(record.points)} points measured): it has no "
            f"{SUMMARY} to report on; the command that started it resumes it"
        )
    from minjax.report import html  # Jinja and matplotlib: only now
    from minjax.report.compression import pictures

    folder = record.path / "report"
    drawn = {}
    for name, png in pictures.draw(record).items():
        if png is None:
            with records.disk_errors(folder / name):
                (folder / name).unlink(missing_ok=True)
        else:
            records.write_bytes(folder / name, png)
            drawn[name] = [html.data_uri(png)]
    context = {
        "title": printable(title or f"{record.model} on {record.dataset}, compressed"),
        "status": record.status,
        "status_text": printable(record.status_text()),
        "headline": headline(record),
        "subject": subject(record),
        "effort": effort(record),
        "sections": sections(record),
        "pictures": drawn,
        "settings": tables.settings(record),
        "provenance": tables.provenance(record),
    }
    records.write_text(folder / "report.md", html.render("compression.md", **context))
    records.write_text(folder / "index.html", html.render("compression.html", **context))
    return folder / "index.html"
